"""Pages of the API from the modules' text: signature, the comment behind each argument, docstring, and a link to the cell of the chapter.

Nothing is imported, so a machine that builds the site needs no torch."""
import ast, inspect, io, re, tokenize
from dataclasses import dataclass, field

@dataclass
class Item:
    name:str            # as the reader writes it, `Queue.push` for a method
    kind:str            # directive of Sphinx: function, class, method, attribute, property, data
    signature:str = ''  # with brackets
    returns:str = ''    # annotation
    doc:str = ''        # docstring, or the comment of a constant
    args:list = field(default_factory=list)    # (name, comment, line)
    result:str = ''     # comment behind the returned type
    options:list = field(default_factory=list) # lines for the directive
    notes:list = field(default_factory=list)   # sentences about decorators
    members:list = field(default_factory=list) # Items
    cell:str = ''       # top-level name whose cell of the chapter defines it

@dataclass
class Module:
    name:str; doc:str; notebook:str; items:list

def comments_of(source):
    "Return {line number: text} of all comments, and the numbers of lines that hold nothing else."
    found, alone = {}, set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type==tokenize.COMMENT:
            found[token.start[0]] = token.string.lstrip('#| ').strip()
            if not token.line[:token.start[1]].strip() and not token.string.startswith('# %%'): alone.add(token.start[0])
    return found, alone

def decorators(node): return {ast.unparse(d.func if isinstance(d, ast.Call) else d).rpartition('.')[2]: d for d in node.decorator_list}

class Reader:
    "Read one module's text."
    def __init__(self, source):
        self.tree = ast.parse(source)
        self.comments, self.alone = comments_of(source)

    def comment(self, node): # the node's line; else the lines of comments above it
        "Return what is written behind a node."
        if (line := node.end_lineno) in self.comments: return self.comments[line]
        above, line = [], node.lineno-1
        while line in self.alone:
            above.insert(0, self.comments[line])
            line -= 1
        return ' '.join(above)

    def arguments(self, node, skip=0):
        "Return the signature and the (name, comment, line) of each argument. Arguments on one line share its comment; a returned type takes it for itself."
        a, shown, found = node.args, [], []
        plain = [*a.posonlyargs, *a.args]
        defaults = [None]*(len(plain)-len(a.defaults)) + a.defaults
        def add(arg, default=None, stars=''):
            text = f'{stars}{arg.arg}'
            if arg.annotation: text += f': {ast.unparse(arg.annotation)}'
            if default is not None: text += f' = {ast.unparse(default)}' if arg.annotation else f'={ast.unparse(default)}'
            shown.append(text)
            last = default if default is not None else arg
            taken = node.returns is not None and node.returns.end_lineno==last.end_lineno
            found.append((stars+arg.arg, '' if taken else self.comment(last if last.end_lineno in self.comments else arg), last.end_lineno))
        for i,(arg,default) in enumerate(zip(plain, defaults)):
            if i>=skip: add(arg, default)
            if a.posonlyargs and i==len(a.posonlyargs)-1 and i>=skip: shown.append('/')
        if a.vararg: add(a.vararg, stars='*')
        elif a.kwonlyargs: shown.append('*')
        for arg,default in zip(a.kwonlyargs, a.kw_defaults): add(arg, default)
        if a.kwarg: add(a.kwarg, stars='**')
        return f'({", ".join(shown)})', found

    def function(self, node, name, method=False):
        marks = decorators(node)
        static = 'staticmethod' in marks
        item = Item(name, 'method' if method else 'function', doc=ast.get_docstring(node) or '', cell=node.name)
        item.signature, item.args = self.arguments(node, skip=1 if method and not static else 0)
        if node.returns:
            item.returns = ast.unparse(node.returns)
            item.result = self.comments.get(node.returns.end_lineno, '')
        patch = marks.get('patch')
        asked = {k.arg for k in patch.keywords} if isinstance(patch, ast.Call) else set()
        if 'as_prop' in asked or {'property','cached_property'} & set(marks): item.kind, item.signature, item.args = 'property', '', []
        if 'cls_method' in asked or 'classmethod' in marks: item.options.append(':classmethod:')
        if static: item.options.append(':staticmethod:')
        if item.kind=='property' and item.returns: item.options.append(f':type: {item.returns}')
        if 'contextmanager' in marks: item.notes.append('A context manager: use it in a `with` statement.')
        if 'lru_cache' in marks or 'cache' in marks: item.notes.append('The result is remembered for the same arguments.')
        return item

    def attribute(self, node, owner):
        options = [f':type: {ast.unparse(node.annotation)}']
        if node.value is not None: options.append(f':value: {ast.unparse(node.value)}')
        return Item(f'{owner}.{node.target.id}', 'attribute', doc=self.comment(node), options=options)

    def class_(self, node):
        item = Item(node.name, 'class', doc=ast.get_docstring(node) or '', cell=node.name)
        bases = [ast.unparse(base) for base in node.bases if ast.unparse(base)!='object']
        if bases: item.notes.append('Bases: ' + ', '.join(f'`{base}`' for base in bases))
        if 'dataclass' in decorators(node): item.notes.append('A dataclass: its fields are the arguments of its constructor.')
        for part in node.body:
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and not part.target.id.startswith('_'):
                item.members.append(self.attribute(part, node.name))
            if not isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)): continue
            if part.name=='__init__':
                item.signature, item.args = self.arguments(part, skip=1)
                item.doc = item.doc or ast.get_docstring(part) or ''
            elif not part.name.startswith('_') or part.name=='__call__':
                item.members.append(self.function(part, f'{node.name}.{part.name}', method=True))
        for member in item.members: member.cell = node.name
        return item

def read_module(path):
    "Read the public names of a module that nbdev exported, in the order of its chapter; methods that `@patch` adds join their class."
    source = path.read_text(encoding='utf-8')
    reader = Reader(source)
    doc, body = ast.get_docstring(reader.tree) or '', reader.tree.body
    notebook = re.search(r'File to edit: \.\./nbs/(\S+?)\.?$', source, re.M)
    public, items, classes = set(), [], {}
    for node in body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '')=='__all__': public = set(ast.literal_eval(node.value))
    def add(item): items.append(item)
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and 'patch' in decorators(node):
            arg = node.args.args[0]
            for owner in re.findall(r'\w+', ast.unparse(arg.annotation)) if arg.annotation else []:
                method = reader.function(node, f'{owner}.{node.name}', method=True)
                if owner in classes: classes[owner].members.append(method)
                elif not node.name.startswith('_'): add(method)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in public:
            item = reader.function(node, node.name)
            if 'call_parse' in decorators(node): item.notes.insert(0, f'On the command line: `python -m {path.parent.name}.{path.stem}`; `--help` prints what follows.')
            add(item)
        elif isinstance(node, ast.ClassDef) and node.name in public:
            classes[node.name] = reader.class_(node)
            add(classes[node.name])
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if isinstance(targets[0], ast.Attribute): # Name.__doc__ = '...'
                owner = next((item for item in items if ast.unparse(targets[0])==f'{item.name}.__doc__'), None)
                if owner and isinstance(node.value, ast.Constant): owner.doc = inspect.cleandoc(node.value.value)
                continue
            value = ast.unparse(node.value) if len(targets)==1 and isinstance(targets[0], ast.Name) and node.value else ''
            for name in [t.id for target in targets for t in ast.walk(target) if isinstance(t, ast.Name) and isinstance(t.ctx, ast.Store) and t.id in public]:
                add(Item(name, 'data', doc=reader.comment(node), options=[f':value: {value}'] if 0<len(value)<=80 else [], cell=name))
    return Module(path.stem, doc, notebook and notebook[1], items)

def read_package(folder): return [read_module(path) for path in sorted(folder.glob('[!_]*.py'))]

def symbol_links(folder): # -> {what the text says: (module, id on its page)}
    "Return the names that text may use for a page of the API: only those that belong to one module and are no common word."
    found = {}
    for module in read_package(folder):
        for item in module.items:
            for part in (item, *item.members):
                if part.kind!='attribute': found.setdefault(part.name, []).append((module.name, f'{folder.name}.{module.name}.{part.name}'))
    return {name: targets[0] for name,targets in found.items() if len(targets)==1 and re.search('[_.A-Z]', name)}

# Text
def plain(text):
    "Keep characters of a comment or docstring from being read as markup, except in `code` and $equations$."
    parts = re.split(r'(`[^`]+`|\$[^$\s](?:[^$]*[^$\s])?\$)', text)
    return ''.join(part if i%2 else re.sub(r'([\\*_<>\[\]|#{}~$])', r'\\\1', part) for i,part in enumerate(parts))

def paragraph(text): # an indented one is code
    return f'~~~\n{text}\n~~~' if text.strip() and all(line.startswith('    ') for line in text.splitlines()) else plain(text)

def render(item, package, module, chapter, level=0):
    "Write an item as a directive of MyST."
    fence = '`'*(6-level)
    returns = f' -> {item.returns}' if item.returns and item.kind!='property' else ''
    lines = [f'{fence}{{py:{item.kind}}} {item.name}{item.signature}{returns}', f':module: {package}.{module}', *item.options, '']
    doc = item.doc if item.kind!='data' and item.kind!='attribute' else item.doc[:1].upper()+item.doc[1:]
    for text in [*map(paragraph, doc.split('\n\n')), *item.notes]:
        if text: lines += [text, '']
    groups = {} # what stands on one line is explained together
    for name,comment,line in item.args:
        if comment: groups.setdefault((line, comment), []).append(name)
    lines += [f':param {plain(",".join(names))}: {plain(comment)}' for (_,comment),names in groups.items()]
    if item.result: lines.append(f':returns: {plain(item.result)}')
    for member in item.members: lines += ['', render(member, package, module, chapter, level+1)]
    if level==0 and item.cell and chapter: lines += ['', f'<a class="defined" href="{chapter}#def-{item.cell}">Defined in its chapter</a>']
    return '\n'.join([*lines, fence])

def page(module, package, title): # title: of the chapter
    "Write the page of a module."
    lines = [f'# {package}.{module.name}', '', f'```{{py:module}} {package}.{module.name}', '```', '', plain(module.doc), '']
    if module.notebook: lines += [f'This module is written by the chapter [{title}](../{module.notebook}).', '']
    chapter = module.notebook and f'../{module.notebook.removesuffix(".ipynb")}.html'
    return '\n'.join([*lines, *('\n'+render(item, package, module.name, chapter)+'\n' for item in module.items)])
