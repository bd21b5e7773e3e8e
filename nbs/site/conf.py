"Settings of Sphinx. `build.py` beside this file stages the sources and starts Sphinx with it; every other choice is the default of its library."
import shutil, sys
from importlib.metadata import distribution
from pathlib import Path
from docutils import nodes
sys.path.insert(0, str(Path(__file__).parent))
from build import ROOT, settings, symbol_links

cfg = settings()
project, author, copyright, release = cfg['lib_name'], cfg['author'], cfg['copyright'], cfg['version']
html_title = project
extensions = ['myst_nb', 'sphinx.ext.mathjax']
root_doc = 'index'

# Chapters: what is committed is shown, nothing is executed
nb_execution_mode = 'off'
nb_render_markdown_format = 'myst' # tables in outputs
nb_ipywidgets_js = {}                # widgets would be loaded from a network
nb_merge_streams = True
nb_code_prompt_show = 'Show the code'
nb_code_prompt_hide = 'Hide the code'
myst_enable_extensions = ['amsmath', 'colon_fence', 'dollarmath', 'fieldlist', 'html_image']
myst_heading_anchors = 6
myst_dmath_double_inline = True
suppress_warnings = ['myst.header']  # a chapter may step from ## to ####

# Equations without a network: one file of MathJax that holds its fonts and extensions, out of an installed package
mathjax_path = 'tex-svg-full.js'
mathjax3_config = dict(svg=dict(fontCache='global'), options=dict(enableMenu=False))

# API pages
add_module_names = False
python_maximum_signature_line_length = 80
python_trailing_comma_in_multi_line_signatures = False
toc_object_entries_show_parents = 'hide'

html_theme = 'sphinx_book_theme'
html_static_path = ['style.css']
html_css_files = ['style.css']
html_show_sphinx = False
html_copy_source = False
html_theme_options = dict(repository_url=cfg['git_url'], use_repository_button=True, use_download_button=False, show_navbar_depth=1, show_toc_level=2, navbar_persistent=[],
    pygments_light_style='a11y-high-contrast-light', pygments_dark_style='github-dark')

def copy_mathjax(app, error):
    if error: return
    (source,) = [file for file in distribution('sphinx-mathjax-offline').files if file.name==mathjax_path]
    shutil.copy(source.locate(), Path(app.outdir)/'_static'/mathjax_path)

def link_names(app, doctree, docname):
    "Let a name in code type, such as `info_nce`, lead to its page of the API."
    if docname.startswith('api/'): return
    for node in list(doctree.findall(nodes.literal)):
        if (target := links.get(node.astext().removesuffix('()'))) and not isinstance(node.parent, (nodes.reference, nodes.title)):
            uri = app.builder.get_relative_uri(docname, f'api/{target[0]}') + f'#{target[1]}'
            reference = nodes.reference('', '', internal=True, refuri=uri)
            node.replace_self(reference)
            reference += node

def numbered_equations(app, doctree):
    "Leave equations with a number of their own as they are: Sphinx would put those of several lines in an environment that allows no number."
    for node in doctree.findall(nodes.math_block):
        if '\\tag' in node.astext(): node['classes'].append('amsmath')

links = symbol_links(ROOT/cfg['lib_path'])

def setup(app):
    app.connect('build-finished', copy_mathjax)
    app.connect('doctree-read', numbered_equations)
    app.connect('doctree-resolved', link_names)
