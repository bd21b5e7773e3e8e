"Everything setup.py knows stands in settings.ini."
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

cfg = ConfigParser(delimiters=['='])
cfg.read('settings.ini', encoding='utf-8')
cfg = cfg['DEFAULT']

def requirements(name): return cfg[name].strip().splitlines()

setup(
    name=cfg['lib_name'], version=cfg['version'], license='Apache-2.0',
    description=cfg['description'], author=cfg['author'], author_email=cfg['author_email'], url=cfg['git_url'],
    long_description=Path('README.md').read_text(encoding='utf-8'), long_description_content_type='text/markdown',
    packages=find_packages(include=['tubecon', 'tubecon.*']), include_package_data=True,
    python_requires='>=' + cfg['min_python'],
    install_requires=requirements('requirements'),
    extras_require={extra: requirements(f'{extra}_requirements') for extra in ('dev', 'docs', 'fast', 'log')},
    entry_points={'nbdev': [f'{cfg["lib_name"]}={cfg["lib_name"]}._modidx:d']},
    zip_safe=False,
)
