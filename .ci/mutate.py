"""Mutation tests of a chapter's exported cells; not part of .ci/run (minutes to an hour per chapter).

    OMP_NUM_THREADS=1 nice python .ci/mutate.py 02_trajectory --n 30 --seed 1 > survivors.md
    python .ci/mutate.py 09_train --cells 41-61,70        # numbers of cells, from 0
    python .ci/mutate.py 02 --again survivors.md          # only those that survived
    python .ci/mutate.py 10 --list                        # only say which mutants would be drawn
    python .ci/mutate.py 06b --whole                      # chapters that decode videos
    python .ci/mutate.py 11 --skip 81,82,84,85            # without these cells (long trainings): fewer tests, so never a better score

Sites (comparisons, arithmetic, constants, booleans, conditions, statements, arguments, slices, calls such as .clamp or
.detach) are drawn uniformly with a seed, and one edit of each. The notebook runs once in this process, as nbdev_test runs
it; before a cell with mutants a child per mutant is forked, which runs the mutated cell and all cells after it, up to the
first that fails: then the mutant is killed. The chapter's own code lives in the notebook's namespace. Its module is read
again from a copy of the package with the same edit, and processes that a test starts import that copy, too, except where
they run in the repository's root. Each mutant has temporary files, folders and a cache of its own: those that earlier cells
made are copied before it and stand in the same place, so that it may delete them or write into them. Mutants of
equivalent_mutants.csv (chapter, cell's id, line before, line after, reason; marked by hand) are not run and left out of the
score. Text inside f-strings, annotations, imports, decorators and what is raised is not mutated.
If all mutants of a cell crash, or take too long, the unmutated cell runs in the same way, and must not. It does where earlier
cells have started threads that a fork loses, such as those of PyAV's conversion of colours: a child that converts a frame
hangs. Then say --whole: each mutant runs the notebook from its first cell on, in a process that has imported what the notebook
imports from other packages, and has run no cell before.
"""
import ast, csv, importlib, json, os, random, re, resource, select, shutil, signal, subprocess, sys, tempfile, time, traceback
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
os.environ |= dict(OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', MPLBACKEND='agg', IN_TEST='1')
from execnb.shell import CaptureShell
from fastcore.script import call_parse, store_true
from nbdev.config import get_config
from nbdev.frontmatter import FrontmatterProc
from nbdev.process import NBProcessor

OPERATORS = {ast.Lt: ('<', '<=', '>='), ast.LtE: ('<=', '<', '>'), ast.Gt: ('>', '>=', '<='), ast.GtE: ('>=', '>', '<'),
             ast.Eq: ('==', '!='), ast.NotEq: ('!=', '=='), ast.In: ('in', 'not in'), ast.NotIn: ('not in', 'in'),
             ast.Is: ('is', 'is not'), ast.IsNot: ('is not', 'is'), ast.Add: ('+', '-'), ast.Sub: ('-', '+'), ast.Mult: ('*', '/'),
             ast.Div: ('/', '*'), ast.FloorDiv: ('//', '/'), ast.Mod: ('%', '*'), ast.Pow: ('**', '*'), ast.BitAnd: ('&', '|'),
             ast.BitOr: ('|', '&'), ast.BitXor: ('^', '|'), ast.And: ('and', 'or'), ast.Or: ('or', 'and')}
RENAMED = dict(min='max', max='min', any='all', all='any', amax='amin', amin='amax', argmax='argmin', argmin='argmax',
               floor='ceil', ceil='floor', cos='sin', sin='cos')
DROPPED = set('''abs clamp clip clone copy cummax cumsum deepcopy detach diff dropna enumerate exp expanduser fillna flatten flip float
    groupby int log long lower mean normalize relu resolve reversed round set softmax sort sort_index sort_values sorted sqrt std
    strip sum transpose unique values zero_'''.split())

def edits(source):
    "Every site of a cell: a list of lists of (start, end, new text), in characters."
    starts, lines = [0], source.split('\n')
    for line in lines: starts.append(starts[-1]+len(line)+1)
    place = lambda row, column: starts[row-1] + len(lines[row-1].encode()[:column].decode())
    a, z = lambda o: place(o.lineno, o.col_offset), lambda o: place(o.end_lineno, o.end_col_offset)
    text = lambda o: source[a(o):z(o)]
    sites = []
    def site(*options): sites.append(list(options))
    def operator(left, op, right):
        "The sign between two operands, whatever brackets stand around it."
        sign, *others = OPERATORS.get(type(op), ('',))
        at = source.find(sign, z(left), a(right)) if sign else -1
        if at>=0: site(*((at, at+len(sign), other) for other in others))
    def negated(test): site((a(test), z(test), f'not ({text(test)})'))
    def without(items, i):
        "Item i of an argument list and the comma beside it."
        if len(items)==1: return a(items[i]), z(items[i]), ''
        return (a(items[i]), a(items[i+1]), '') if i+1<len(items) else (z(items[i-1]), z(items[i]), '')
    def call(o):
        name = o.func.attr if isinstance(o.func, ast.Attribute) else getattr(o.func, 'id', '')
        if name in RENAMED: site((z(o.func)-len(name), z(o.func), RENAMED[name]))
        method = isinstance(o.func, ast.Attribute) and text(o.func.value) not in ('torch', 'np', 'math', 'F', 'pd', 'copy')
        if name in DROPPED and method: site((z(o.func.value), z(o), ''))
        elif name in DROPPED and o.args: site((a(o), z(o), f'({text(o.args[0])})'))
        if [k for k in o.args if isinstance(k, ast.GeneratorExp)]: return
        if len(o.args)==1 and not o.keywords and not method: return
        given = sorted([*o.args, *o.keywords], key=a) # of the arguments by place, only the last is dropped: the others would shift
        for i,k in enumerate(given):
            if isinstance(k, ast.keyword) or o.args[-1] is k: site(without(given, i))
        for x,y in zip(o.args, o.args[1:]) if name not in ('min', 'max') else ():
            if not isinstance(x, ast.Starred) and not isinstance(y, ast.Starred): site((a(x), z(y), text(y)+source[z(x):a(y)]+text(x)))
    def walk(o):
        if isinstance(o, (ast.JoinedStr, ast.Import, ast.ImportFrom)): return
        if isinstance(o, ast.arguments):
            for d in [*o.defaults, *filter(None, o.kw_defaults)]: walk(d)
            return
        if isinstance(o, (ast.FunctionDef, ast.ClassDef)):
            for s in [*filter(None, [getattr(o, 'args', None)]), *o.body]: walk(s)
            return
        if isinstance(o, ast.If) and '__name__' in text(o.test): return
        plain = isinstance(o, ast.Expr) and not isinstance(o.value, (ast.Constant, ast.Yield, ast.YieldFrom))
        target = isinstance(o, ast.Assign) and not any(isinstance(t, (ast.Name, ast.Tuple)) for t in o.targets)
        if plain or target or isinstance(o, (ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Delete, ast.Assert)):
            site((a(o), z(o), 'pass'))
        if isinstance(o, ast.Raise) or isinstance(o, ast.Expr) and isinstance(o.value, ast.Constant): return
        if isinstance(o, ast.AnnAssign):
            return walk(o.value) if o.value else None
        if isinstance(o, ast.Compare):
            for left,op,right in zip([o.left, *o.comparators], o.ops, o.comparators): operator(left, op, right)
        elif isinstance(o, ast.BinOp): operator(o.left, o.op, o.right)
        elif isinstance(o, ast.BoolOp):
            for left,right in zip(o.values, o.values[1:]): operator(left, o.op, right)
        elif isinstance(o, ast.AugAssign):
            sign, *others = OPERATORS.get(type(o.op), ('',))
            at = source.find(sign+'=', z(o.target), a(o.value)) if sign else -1
            if at>=0: site((at, at+len(sign), others[0]))
        elif isinstance(o, ast.UnaryOp): site((a(o), z(o), f'({text(o.operand)})'))
        elif isinstance(o, ast.Call): call(o)
        elif isinstance(o, ast.Slice):
            for end in filter(None, (o.lower, o.upper, o.step)): site((a(end), z(end), ''))
        elif isinstance(o, ast.Constant):
            v = o.value
            if isinstance(v, bool): site((a(o), z(o), str(not v)))
            elif isinstance(v, int): site(*((a(o), z(o), str(w)) for w in (v+1, v-1) if w>=0))
            elif isinstance(v, float): site((a(o), z(o), repr(2*v or 1.0)), (a(o), z(o), repr(v/2 or -1.0)))
        if isinstance(o, (ast.If, ast.IfExp, ast.While)): negated(o.test)
        if isinstance(o, ast.comprehension):
            for test in o.ifs: negated(test)
        for child in ast.iter_child_nodes(o): walk(child)
    for o in ast.parse(source).body: walk(o)
    return sites

def mutants(source):
    "Sites of a cell as lists of (mutated source, line before, line after), those that compile, each tree once."
    seen = {ast.dump(ast.parse(source))}
    for site in edits(source):
        options = []
        for start,end,new in site:
            mutant = source[:start] + new + source[end:]
            first, last = source.rfind('\n', 0, start)+1, source.find('\n', end)%(len(source)+1)
            try: tree = compile(mutant, '', 'exec') and ast.dump(ast.parse(mutant))
            except (SyntaxError, ValueError): continue
            if tree in seen: continue
            seen.add(tree)
            options.append((mutant, source[first:last].strip(), mutant[first:last+len(mutant)-len(source)].strip()))
        if options: yield options

def shortened(before, after, around=45):
    "Both lines, only around what differs, on one line each."
    head = len(os.path.commonprefix([before, after]))
    tail = min(len(os.path.commonprefix([before[::-1], after[::-1]])), min(len(before), len(after))-head)
    def part(t):
        lo, hi = max(0, head-around), min(len(t), len(t)-tail+around)
        return ('…' if lo else '') + ' / '.join(s.strip() for s in t[lo:hi].split('\n')) + ('…' if hi<len(t) else '')
    return part(before), part(after)

def runs(cell, flags): # as nbdev_test
    directives = getattr(cell, 'directives_', None) or {}
    return cell.cell_type=='code' and directives.get('eval:', [''])[0].lower()!='false' and not flags & directives.keys()

def as_exported(source, package):
    "A cell as it stands in the module: nbdev makes imports from the package relative."
    return re.sub(rf'^( *from ){package}(?:\.(?=\w)|(?= import))', r'\1.', source.strip(), flags=re.M)

def linked(source, target):
    "The same file in another place; a toy video is replaced as a whole, which leaves the first as it is. Others are copied."
    if not any(part.startswith('toy-') for part in Path(source).parts): return shutil.copy2(source, target)
    try: os.link(source, target)
    except FileNotFoundError: pass # a hidden file of another process
    except OSError: shutil.copy2(source, target)

def import_others(sources, folder):
    "Import what cells import, also by way of the package in a folder, but not the package: forked children need not do it again."
    todo, seen = [*sources], set()
    while todo:
        with suppress(SyntaxError): # a cell with magic
            for o in ast.parse(todo.pop()).body:
                names = [a.name for a in o.names] if isinstance(o, ast.Import) else []
                if isinstance(o, ast.ImportFrom): names = [f"{folder.name}.{o.module or ''}" if o.level else o.module, *(f'{o.module}.{a.name}' for a in o.names)]
                for name in {*names} - seen:
                    seen.add(name)
                    top, _, part = name.partition('.')
                    if top==folder.name: todo += [p.read_text() for p in [folder/f'{part}.py'] if part and p.is_file()]
                    else:
                        with suppress(Exception): importlib.import_module(name)

@contextmanager
def aside(folder):
    "Put a folder aside while a copy, with its links, pipes and times, stands in its place."
    original = folder.with_name(folder.name+' aside')
    folder.rename(original)
    try:
        subprocess.run(['cp', '-a', original, folder], check=True)
        yield
    finally:
        if folder.exists(): folder.rename(tempfile.mkdtemp(dir=folder.parent)) # and is deleted with the mutant's other files
        original.rename(folder)

def forked(work, seconds):
    "What work() answers (what json can hold) in a forked child, whose own children end with it; None: not within the time."
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_DATA, (8<<30, 8<<30))
            os.write(writer, json.dumps(work()).encode())
        except BaseException: traceback.print_exc()
        finally: os._exit(0)
    os.close(writer)
    until, answer = time.time()+seconds, b''
    try:
        while (left := until-time.time())>0 and select.select([reader], [], [], left)[0]:
            if not (part := os.read(reader, 65536)): break
            if (answer := answer+part).endswith(b']'): break # not at the end of the file: a child's child may hold it open
    finally:
        for end in (os.killpg, os.kill): # the group, and the child if it has no group yet
            try: end(pid, signal.SIGKILL)
            except ProcessLookupError: pass
        _, status = os.waitpid(pid, 0)
        os.close(reader)
    return json.loads(answer) if answer else None if time.time()>=until else ['crash', f'signal or exit {status}', 0]

@call_parse
def main(
    chapter:str,         # beginning of a notebook's name, such as 02 or 02_trajectory
    n:int=30,            # mutants to draw
    seed:int=0,          # of the draw
    cells:str='',        # only these cells, such as 21-30,45
    list:bool=False,     # say what would be drawn, run nothing
    again:str='',        # file of an earlier report: run what survived then, in place of a draw
    patience:float=3,    # a mutant may take so many times the unmutated cells, and 30 seconds
    skip:str='',         # cells that are not run at all, such as 81,82,84: the report names them
    whole:store_true=False, # run each mutant from the first cell on; slower, and needed where a fork loses threads
):
    "Run a chapter's tests on mutants of its exported cells; print those that survive."
    here = Path(__file__).parent
    root = get_config().config_path
    name, = [p.stem for p in sorted((root/'nbs').glob('[!_.]*.ipynb')) if p.stem==chapter or p.stem.split('_')[0]==chapter]
    known = {(r['chapter'], r['cell'], r['before'], r['after']) for r in csv.DictReader(open(here/'equivalent_mutants.csv'))}
    notebook = NBProcessor(root/'nbs'/f'{name}.ipynb', procs=FrontmatterProc, process=True).nb
    flags = set(get_config().tst_flags.split())
    def numbers(text): return {i for part in text.split(',') if part for lo,_,hi in [part.partition('-')] for i in range(int(lo), int(hi or lo)+1)}
    wanted, skipped = numbers(cells), numbers(skip)
    exported = [i for i,c in enumerate(notebook.cells) if runs(c, flags) and {'export', 'exporti', 'exports'} & (c.directives_ or {}).keys()]
    sites = [(i, options) for i in exported if not wanted or i in wanted for options in mutants(notebook.cells[i].source)]
    rng = random.Random(f'{seed} {name} {cells}')
    drawn = sorted([(i, *rng.choice(options)) for i,options in rng.sample(sites, min(n, len(sites)))], key=lambda m: m[0])
    if again:
        told = [json.loads(line.strip(' <>!-\n')) for line in open(again) if line.startswith('  <!-- [')]
        drawn = [(i, *mutant) for i,options in sites for mutant in options if [name, notebook.cells[i].id, *mutant[1:]] in told]
    if both := skipped.intersection(exported): sys.exit(f'--skip {skip}: cells {sorted(both)} are exported, and mutants may be drawn from them')
    print(f'# {name}: {len(drawn)} of {len(sites)} sites in {len({i for i,_ in sites})} exported cells, seed {seed}'
          + f'; without cells {skip}'*bool(skip) + '\n', flush=True)
    module = root/get_config().lib_name/f"{next(c.directives_['default_exp'][0] for c in notebook.cells if 'default_exp' in (getattr(c, 'directives_', None) or {}))}.py"
    if strange := {i for i,_ in sites if as_exported(notebook.cells[i].source, module.parent.name) not in module.read_text()}:
        sys.exit(f'cells {sorted(strange)} are not in {module} as they are in the notebook: run nbdev_export')
    if list: return print(*(f'[{i}] `{b}` → `{a}`' for i,_,*lines in drawn for b,a in [shortened(*lines)]), sep='\n')

    scratch = Path(tempfile.mkdtemp(prefix='mutants'))
    (earlier := scratch/'earlier').mkdir()
    tempfile.tempdir = os.environ['TMPDIR'] = str(earlier)
    drawn_before = Path(os.environ.get('TUBECON_CACHE', Path.home()/'.cache'/'tubecon')) # toy videos
    if any('toy' in cell.source for cell in notebook.cells if cell.cell_type=='code' and drawn_before.exists()):
        for toy in drawn_before.glob('toy-*'): shutil.copytree(toy, scratch/'cache'/toy.name, copy_function=linked)
    os.environ['TUBECON_CACHE'] = str(scratch/'cache')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('stopped'))
    os.environ['PYTHONPATH'] = str(root)
    sys.path.insert(0, str(root)); os.chdir(root/'nbs')
    if whole: import_others([c.source for c in notebook.cells if runs(c, flags)], module.parent)
    shell = CaptureShell(root/'nbs'/f'{name}.ipynb')
    def cell(i, source=None):
        "Run one cell; the error it ends with."
        if i in skipped or not runs(notebook.cells[i], flags): return
        shell.run(source or notebook.cells[i].source)
        return shell.exc
    def edited(folder, edit, source):
        "Give this process a cache and a package of its own, with another source for a cell."
        if (scratch/'cache').exists(): shutil.copytree(scratch/'cache', folder/'cache', copy_function=linked)
        package = module.parent.name
        shutil.copytree(module.parent, folder/package, ignore=shutil.ignore_patterns('__pycache__'))
        for other in root.glob('[!.]*/'):
            if other.name!=package: (folder/other.name).symlink_to(other)          # what the package looks for beside itself
        before, after = (as_exported(text, package) for text in (notebook.cells[edit].source, source))
        (folder/package/module.name).write_text(module.read_text().replace(before, after))
        os.environ |= dict(TUBECON_CACHE=str(folder/'cache'), PYTHONPATH=str(folder))
        sys.path[:] = [str(folder) if place==str(root) else place for place in sys.path]
        if loaded := sys.modules.get(package): loaded.__file__, loaded.__path__[:] = str(folder/package/'__init__.py'), [str(folder/package)]
        if loaded := sys.modules.get(f'{package}.{module.stem}'):
            try: importlib.reload(loaded)
            except Exception: pass # as the cell itself does
    def rest(start, edit=None, source=None, place='.'):
        "Run from a cell on in a folder, one cell with another source: [kind of failure, where and what, seconds]."
        def work():
            began = time.time()
            os.chdir(place)
            folder = Path(tempfile.mkdtemp(dir=scratch)); tempfile.tempdir = os.environ['TMPDIR'] = str(folder)
            if source: edited(folder, edit, source)
            seconds = []
            for i in range(start, len(notebook.cells)):
                t = time.time()
                if error := cell(i, source if i==edit else None):
                    kind = 'assertion' if isinstance(error, AssertionError) else 'crash'
                    return [kind, f'[{i}] {type(error).__name__}: {" ".join(str(error)[:90].split())}', time.time()-began]
                seconds.append(time.time()-t)
            return ['survived', seconds, time.time()-began]
        return work
    def tried(i, source, limit):
        "Run a cell with another source and those after it, on copies of all folders."
        place = os.getcwd()
        with aside(earlier): got = forked(rest(0 if whole else i, i, source, place), limit) or ['timeout', '', limit]
        for left in scratch.glob('tmp*'): shutil.rmtree(left, ignore_errors=True)
        return got
    try:
        baseline = forked(rest(0), 3600)
        if not baseline or baseline[0]!='survived': sys.exit(f'{name} fails without any mutant: {baseline}')
        longest = sorted(range(len(baseline[1])), key=lambda i: -baseline[1][i])[:5]
        print(f'unmutated: {baseline[2]:.0f} s, most of it in cells', ', '.join(f'{i} ({baseline[1][i]:.0f} s)' for i in longest), '\n', flush=True)
        results, at = [], 0
        for i in sorted({m[0] for m in drawn}):
            while at<i and not whole: cell(at); at += 1
            limit = patience*sum(baseline[1][0 if whole else i:]) + 30
            mine = []
            for _,source,*lines in (m for m in drawn if m[0]==i):
                equivalent = (name, notebook.cells[i].id, *lines) in known
                got = ['equivalent', '', 0] if equivalent else tried(i, source, limit)
                mine.append((i, lines, got))
                print(f'<!-- [{i}] {got[0]} {got[2]:.0f} s {got[1] if isinstance(got[1], str) else ""} · `{"` → `".join(shortened(*lines, 20))}` -->', flush=True)
            if all(got[0] in ('timeout', 'crash') for *_,got in mine): # is it the mutants that fail here, or the fork?
                if (control := tried(i, notebook.cells[i].source, limit))[0]!='survived': sys.exit(f'cell {i} fails when forked, without a mutant (try --whole): {control}')
            results += mine
    finally: shutil.rmtree(scratch, ignore_errors=True)
    counts = Counter(got[0] for *_,got in results)
    killed = counts['assertion'] + counts['crash'] + counts['timeout']
    scored = len(results) - counts['equivalent']
    strong = counts['assertion'] + counts['timeout']
    for i,lines,got in results:
        if got[0]=='survived':
            print(f'\n- **[{i}]** `{notebook.cells[i].id}` `{"` → `".join(shortened(*lines))}`')
            print(f'  <!-- {json.dumps([name, notebook.cells[i].id, *lines], ensure_ascii=False)} -->')
    print('\n| chapter | mutants | killed | by a crash | by timeout | equivalent | survivors | score | without crashes |\n|---|---|---|---|---|---|---|---|---|')
    print(f"| {name} | {len(results)} | {killed} | {counts['crash']} | {counts['timeout']} | {counts['equivalent']} | {counts['survived']} "
          f"| {killed/max(1, scored):.0%} | {strong/max(1, scored-counts['crash']):.0%} |")
