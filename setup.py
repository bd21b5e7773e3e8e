"Everything setup.py knows stands in settings.ini, except which data a wheel contains: see nbs/94_package.ipynb."
import shutil
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

cfg = ConfigParser(delimiters=['='])
cfg.read('settings.ini', encoding='utf-8')
cfg = cfg['DEFAULT']
DATA = dict(cards='data_manifests/*.toml', published='nbs/published/*', weights='nbs/results/*.safetensors', help='nbs/help/*.txt')

def requirements(name): return cfg[name].strip().splitlines()

class BuildWithData(build_py):
    "Copy the data of the package into the wheel; an editable installation reads them where they are."
    def run(self):
        super().run()
        if self.editable_mode: return
        for name,pattern in DATA.items():
            folder = Path(self.build_lib)/cfg['lib_name']/'data'/name
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for file in sorted(Path().glob(pattern)): shutil.copy(file, folder)

setup(
    name=cfg['lib_name'], version=cfg['version'], license='Apache-2.0',
    description=cfg['description'], author=cfg['author'], author_email=cfg['author_email'], url=cfg['git_url'],
    long_description=Path('README.md').read_text(encoding='utf-8'), long_description_content_type='text/markdown',
    packages=find_packages(include=['tubecon', 'tubecon.*']), include_package_data=True,
    python_requires='>=' + cfg['min_python'],
    classifiers=[f'Programming Language :: Python :: {version}' for version in cfg['python_versions'].split()],
    install_requires=requirements('requirements'),
    extras_require={name.removesuffix('_requirements'): requirements(name) for name in cfg if name.endswith('_requirements')},
    entry_points={'nbdev': [f'{cfg["lib_name"]}={cfg["lib_name"]}._modidx:d']},
    cmdclass=dict(build_py=BuildWithData),
    zip_safe=False,
)
