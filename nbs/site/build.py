"""Build the site from the committed notebooks, without a network and without running them: python nbs/site/build.py [--out _docs]

    python nbs/site/build.py --requirements | pip install -r /dev/stdin     installs what it needs

The notebooks are copied to `_proc/site` with nbdev's directives turned into what Sphinx shows or hides, and links checked; Sphinx makes pages of them, and each
warning ends the build; then every link within the finished pages is looked up. A new notebook appears in the contents by its name and its first heading."""
import argparse, ast, json, re, shutil, sys, time
from configparser import ConfigParser
from html.parser import HTMLParser
from os.path import relpath
from pathlib import Path
from urllib.parse import unquote, urlsplit

SITE = Path(__file__).resolve().parent
sys.path.insert(0, str(SITE))
from api import page, read_package, symbol_links

NBS, ROOT = SITE.parent, SITE.parent.parent
PARTS = {'0': 'I. The method', '1': 'II. Does it see motion?', '2': 'III. Results', '3': 'IV. Real video, real scale', '4': 'V. Beyond the paper', '9': 'Appendix'}

def settings():
    cfg = ConfigParser(delimiters=['='])
    cfg.read(ROOT/'settings.ini', encoding='utf-8')
    return cfg['DEFAULT']

class Broken(Exception): "Something that the finished site would show wrong."

# Notebooks
def text_of(cell): return ''.join(cell['source'])
def names_module(nb): return any(re.match(r'#\|\s*default_exp', text_of(c)) for c in nb['cells'])

def title_of(nb, name):
    "Return the first heading of a notebook, without markup."
    for cell in nb['cells']:
        if cell['cell_type']=='markdown' and (found := re.search(r'^# +(.+?)\s*$', text_of(cell), re.M)): return re.sub(r'[`*]', '', found[1])
    raise Broken(f'{name} has no heading of the form "# Title"')

def numbered(name, title): # '02_trajectory', 'Trajectories' -> '02 · Trajectories'
    number = re.match(r'\d+[a-z]?(?=_)', name)
    return title if not number or title.startswith(number[0]) else f'{number[0]} · {title}'

def part_of(name, nb):
    if name.startswith('00_') and not names_module(nb): return 'Start here'
    return PARTS.get(name[0], f'Chapters {name[0]}0 to {name[0]}9' if name[0].isdigit() else 'More')

def split_directives(source): # -> {directive: the rest of its line}, source without them
    "Take nbdev's `#| ...` lines out of a cell."
    lines = source.splitlines()
    found = [re.match(r'#\|\s*([\w-]+):?\s*(.*)', line) for line in lines]
    return {m[1]: m[2] for m in found if m}, '\n'.join(line for line,m in zip(lines, found) if not m).strip('\n')

def only_imports(source):
    def importing(node):
        if isinstance(node, ast.Try): return all(map(importing, node.body))
        return isinstance(node, (ast.Import, ast.ImportFrom))
    try: body = ast.parse(source).body
    except SyntaxError: return False # a cell with magics
    return bool(body) and all(map(importing, body))

def defined(source):
    "Return the names that a cell defines at its top level."
    try: body = ast.parse(source).body
    except SyntaxError: return []
    found = []
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)): found.append(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                found += [n.id for n in ast.walk(target) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return found

def markdown(text, id): return dict(cell_type='markdown', id=id, metadata={}, source=text)

def shown_output(output):
    "Show a moving WebP, which MyST-NB has no writer for, as an image within HTML; let every table have the theme's style of a pandas table."
    data = output.get('data', {})
    if 'text/html' in data: data['text/html'] = re.sub(r'<table(?![^>]*\bclass=)', '<table class="dataframe"', ''.join(data['text/html']))
    if 'text/markdown' in data: # tables with links, whose anchors are slugs
        def anchor(m): return f']({m[1]}#{slug(m[2])})'
        data['text/markdown'] = re.sub(r'\]\(([\w.-]+\.ipynb)#([^)]*)\)', anchor, ''.join(data['text/markdown']))
    if 'image/webp' in data:
        data['text/html'] = f'<img alt="moving picture" src="data:image/webp;base64,{"".join(data.pop("image/webp")).strip()}">'
    return output

def code_cells(cell): # -> cells to show
    directives, source = split_directives(text_of(cell))
    anchors = ''.join(f'<div id="def-{name}"></div>\n' for name in dict.fromkeys(defined(source))) if {'export','exports','exporti'} & set(directives) else ''
    cells = [markdown(anchors, f'{cell["id"]}-names')] if anchors else []
    outputs = [shown_output(output) for output in cell['outputs']]
    if 'hide' in directives or not (source or outputs): return cells
    tags, prompts = [], {}
    if 'hide_input' in directives or directives.get('echo')=='false': tags.append('remove-input')
    elif only_imports(source): tags, prompts = ['hide-input'], dict(code_prompt_show='Imports', code_prompt_hide='Imports')
    elif directives.get('code-fold')=='true': tags.append('hide-input')
    if 'hide_output' in directives: tags.append('remove-output')
    return [*cells, dict(cell, source=source, outputs=outputs, metadata=dict(tags=tags, mystnb=prompts))]

# Links
def slug(text): # as GitHub makes it of a heading
    return re.sub(r'[^\w\- ]', '', unquote(text).lower()).replace(' ', '-')

class Stage:
    "Sources of Sphinx in a folder of their own."
    def __init__(self, folder, cfg):
        self.folder, self.cfg, self.broken = folder, cfg, []
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def write(self, name, text):
        (self.folder/name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder/name).write_text(text, encoding='utf-8')

    def target(self, link, page): # page: path of the linking file, within nbs/
        "Return where a link of a notebook leads on the site; files it names come along, what lies outside of nbs/ is on GitHub."
        path, _, fragment = link.partition('#')
        if re.match(r'[a-z]+:|//', link): return link
        if not path: return f'#{slug(fragment)}'
        found = (NBS/page).parent.joinpath(unquote(path)).resolve()
        if not found.exists() or not found.is_relative_to(ROOT):
            self.broken.append(f'{page}: the link {link} leads to no file')
            return link
        if found.suffix=='.ipynb' and found.parent==NBS: return f'{path}#{slug(fragment)}' if fragment else path
        if found.is_dir() or not found.is_relative_to(NBS): return f'{self.cfg["git_url"]}/{"tree" if found.is_dir() else "blob"}/{self.cfg["branch"]}/{found.relative_to(ROOT)}'
        inside = found.relative_to(NBS)
        if not (self.folder/inside).exists():
            if found.suffix=='.md': self.write(inside, '---\norphan: true\n---\n' + self.links(found.read_text(encoding='utf-8'), inside))
            else:
                (self.folder/inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, self.folder/inside)
        return link

    def links(self, text, page):
        "Rewrite the links of Markdown, outside of code."
        parts = re.split(r'(^```.*?^```|^~~~.*?^~~~|`+[^`\n]+`+)', text, flags=re.M|re.S)
        def markdown_link(m): return f']({self.target(m[1], page)}{m[2]})'
        def html_link(m):
            new = self.target(m[2], page)
            return f'{m[1]}"{re.sub(r"[.]ipynb(?=#|$)", ".html", new) if "href" in m[1] else new}"'
        for i in range(0, len(parts), 2):
            parts[i] = re.sub(r'\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)*)((?:\s+"[^"]*")?)\)', markdown_link, parts[i])
            parts[i] = re.sub(r'(<[^>]*\b(?:src|href)=)"([^"]+)"', html_link, parts[i])
        return ''.join(parts)

    def notebook(self, path, nb):
        "Write a notebook as the site shows it."
        cells = []
        for cell in nb['cells']:
            if cell['cell_type']=='code': cells += code_cells(cell)
            elif cell['cell_type']=='markdown': cells.append(dict(cell, source=self.links(text_of(cell), path.name), metadata={}))
        info = dict(name='python', pygments_lexer='ipython3', file_extension='.py', mimetype='text/x-python')
        self.write(path.name, json.dumps(dict(nb, cells=cells, metadata=dict(nb['metadata'], language_info=info)), ensure_ascii=False))

def contents(chapters): # {name: notebook} -> markdown
    "Write the table of contents, by parts."
    parts = {'Start here': []}
    for name,nb in sorted(chapters.items()): parts.setdefault(part_of(name, nb), []).append(f'{numbered(name, title_of(nb, name))} <{name}>')
    trees = [f'```{{toctree}}\n:maxdepth: 1\n:caption: {caption}\n\n' + '\n'.join(entries) + '\n```' for caption,entries in parts.items() if entries]
    trees.append('```{toctree}\n:maxdepth: 1\n:caption: API\n\napi/index\n```')
    return '## Contents\n\n' + '\n\n'.join(trees)

def stage(folder):
    "Write all sources; raise `Broken` with every link that leads nowhere."
    cfg = settings()
    to, notebooks = Stage(folder, cfg), {path.stem: json.loads(path.read_text(encoding='utf-8')) for path in NBS.glob('[!_]*.ipynb')}
    chapters = {name: nb for name,nb in notebooks.items() if name!='index'}
    titles = {f'{name}.ipynb': numbered(name, title_of(nb, name)) for name,nb in chapters.items()}
    index = notebooks['index']
    index['cells'].append(markdown(contents(chapters), 'contents'))
    for name,nb in notebooks.items(): to.notebook(NBS/f'{name}.ipynb', nb)
    modules = read_package(ROOT/cfg['lib_path'])
    for module in modules:
        if module.notebook not in titles: to.broken.append(f'{module.name}.py is written by {module.notebook}, which is not there: run nbdev_export')
        to.write(f'api/{module.name}.md', page(module, cfg['lib_name'], titles.get(module.notebook)))
    modules.sort(key=lambda module: (module.notebook or '', module.name))
    rows = [f'| [`{m.name}`]({m.name}.md) | {m.doc.splitlines()[0] if m.doc else ""} |' for m in modules]
    to.write('api/index.md', '\n'.join(['# Modules', '', 'Every public function and class, in the order of the chapters that define them.', '', '| module | |', '|---|---|', *rows, '',
        '```{toctree}', ':hidden:', '', *(m.name for m in modules), '```']))
    if to.broken: raise Broken('\n'.join(to.broken))

# The finished pages
class Links(HTMLParser):
    "Collect a page's ids and what it links to or loads."
    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads = set(), set(), set()
        self.feed(text)
    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        self.ids |= {a[key] for key in ('id','name') if a.get(key)}
        if tag=='a' and a.get('href'): self.links.add(a['href'])
        if a.get('src'): self.loads.add(a['src'])
        if tag=='link' and a.get('href') and a.get('rel') in ('stylesheet','preload','icon','shortcut icon'): self.loads.add(a['href'])

def check(out):
    "Return what is wrong with the links of the finished pages: files or headings that are missing, and files that would be loaded from a network."
    pages = {path: Links(path.read_text(encoding='utf-8')) for path in out.rglob('*.html') if '_static' not in path.parts}
    wrong = []
    for path,found in pages.items():
        here = path.relative_to(out)
        wrong += [f'{here}: loads {link[:80]} from a network' for link in found.loads if re.match(r'(https?:)?//', link)]
        for link in found.links | found.loads:
            url = urlsplit(link)
            if url.scheme or url.netloc: continue
            to = (path.parent/unquote(url.path)).resolve() if url.path else path
            if to.is_dir(): to = to/'index.html'
            if not to.is_file(): wrong.append(f'{here}: {link} is no file')
            elif url.fragment and to in pages and unquote(url.fragment) not in pages[to].ids: wrong.append(f'{here}: {link} names no heading of {relpath(to, out)}')
    return sorted(wrong)

def main(out):
    from sphinx.cmd.build import build_main
    start, work = time.perf_counter(), ROOT/'_proc'/'site'
    stage(work/'sources')
    shutil.rmtree(work/'html', ignore_errors=True)
    if build_main(['-q', '-W', '--keep-going', '-E', '-b', 'html', '-c', str(SITE), '-d', str(work/'doctrees'), str(work/'sources'), str(work/'html')]): raise Broken('Sphinx warned, see above')
    if wrong := check(work/'html'): raise Broken('\n'.join(wrong))
    (work/'html'/'.nojekyll').touch() # GitHub Pages would leave out _static
    shutil.rmtree(out, ignore_errors=True)
    shutil.move(work/'html', out)
    size = sum(path.stat().st_size for path in out.rglob('*') if path.is_file())/2**20
    print(f'{len(list(out.rglob("*.html")))} pages, {size:.0f} MB, {time.perf_counter()-start:.0f} s: {relpath(out/"index.html")}')

if __name__=='__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default=ROOT/settings()['doc_path'], help='folder of the finished site, replaced')
    parser.add_argument('--requirements', action='store_true', help='print the packages to install, and stop')
    args = parser.parse_args()
    if args.requirements: sys.exit(print(settings()['docs_requirements'].strip()))
    try: main(args.out.resolve())
    except Broken as error: sys.exit(str(error))
