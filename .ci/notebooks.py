"What .ci/run needs to know about the notebooks: python .ci/notebooks.py count LOG | skipped | executed | commands"
import configparser, json, re, sys
from pathlib import Path

config = configparser.ConfigParser(delimiters=['='])
config.read('settings.ini')
FLAGS = config['DEFAULT']['tst_flags'].split()
chapters = {path: json.loads(path.read_text())['cells'] for path in sorted(Path('nbs').glob('[!_.]*.ipynb'))}
source = lambda cell: ''.join(cell['source'])
directives = lambda cell: re.findall(r'^#\s*\|\s*(.+?)\s*$', source(cell), re.M)

def skipped_cells():
    "Cells that nbdev_test leaves out: (notebook, number, the directive that says why)."
    for path,cells in chapters.items():
        for i,cell in enumerate(cells):
            why = [d for d in directives(cell) if d.split(':')[0].split()[0] in FLAGS or d.replace(' ','')=='eval:false']
            if cell['cell_type']=='code' and why: yield path.name, i, ', '.join(why)

def count(log):
    text = Path(log).read_text()
    _, _, listed = text.partition('nbdev Tests Failed On The Following Notebooks:')
    failed = re.findall(r'^\s*(\S+\.ipynb)$', listed, re.M) if listed else [] if re.search(r'^Success\.$', text, re.M) else list(chapters)
    print(len(chapters)-len(failed), len(failed), len(list(skipped_cells())))

def skipped():
    for name,i,why in skipped_cells(): print(f'skipped: {name} cell {i} ({why})')

def executed():
    bare = [path.name for path,cells in chapters.items() if len(cells)>5 and not any(cell.get('outputs') for cell in cells)]
    broken = [path.name for path,cells in chapters.items() if any(o['output_type']=='error' for cell in cells for o in cell.get('outputs', []))]
    if bare or broken: sys.exit(f'without outputs: {bare}; with errors: {broken}')

def commands():
    "Every flag of a command in the text is one that the command has."
    import importlib
    from fastcore.script import anno_parser
    texts = {path.name: '\n'.join(source(cell) for cell in cells if cell['cell_type']=='markdown') for path,cells in chapters.items()}
    wrong, seen = [], 0
    for name,text in texts.items():
        for module,rest in re.findall(r'-m tubecon\.(\w+)([^`\n;#]*)', text):
            main = importlib.import_module(f'tubecon.{module}').main
            known = {flag for action in anno_parser(main.__wrapped__)._actions for flag in action.option_strings}
            flags = [flag.replace('-', '_') for flag in re.findall(r'(?<=--)[\w-]+', rest)]
            wrong += [f'{name}: tubecon.{module} has no --{flag}' for flag in flags if f'--{flag}' not in known]
            seen += 1
    if wrong or not seen: sys.exit('\n'.join(wrong) or 'no command found')

globals()[sys.argv[1]](*sys.argv[2:])
