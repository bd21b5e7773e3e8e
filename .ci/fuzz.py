"""Odd values for every flag of every command: python .ci/fuzz.py [--seed 0] [--most N] [--only train,cam] [--hostile] [--real N]

The flags are read from the signatures of the commands and from the dataclasses behind them, so a new flag is tried the day it is born.
Each input runs in a forked copy of this process that may take 20 seconds and 4 GiB; nothing real is trained for longer than a step.
A command has to work or to say one sentence that names the flag. Not part of .ci/run: about 20 minutes."""
import argparse, contextlib, inspect, io, json, os, random, re, signal, subprocess, sys, tempfile, time, traceback
from dataclasses import fields
from pathlib import Path

HUGE = '9'*30
NUMBERS = ['', 'text', 'nan', 'inf', '-inf', '-1', '0', '1', '0.5', '99999999', HUGE, '9'*5000, '1e400', '1e-320', '٣', '1_0', '0x10', '-0.0', 'true', '1,2', ' ']
TUPLES = ['', ',', '1', '5', '.5,.5', '1,2', '2,1', '9,3', '1,2,3', '0,0', '0,0,0', '0,0,0,0', '-1,-2', 'nan,nan', 'inf,inf', 'nan,nan,nan', '99999999', f'1,{HUGE}', 'a,b', '1;2', ','.join(['1']*1000), '1,,2', '1e-320,1']
TEXTS = ['', 'unknown', 'ünïcödé', '../..', 'a'*300, 'a'*5000, '-x', 'none', ' ', ',', 'a,b', '$(id)', '0', "it's", '\udcff', 'a\nb']
TRUTHS = ['', 'maybe', '1', 'yes', 'TRUE', 'none', 'nan']
DEVICES = ['meta', 'cuda:99', 'tpu', 'cpu:99', 'mps', 'hpu', '0', 'auto ', 'privateuseone', 'xla', 'vulkan', 'CPU']
PATHS = ['/dev/null', '/dev/zero', '/', '{fifo}', '{empty}', '{text}', '{folder}', '{missing}', '{broken}', '{list}', '{videos}', '{weights}', '{folder}/a/b', '{text}/a']
INTERVALS = 'max_step path_extent scale_range rotation_range shear_range patch_sides opacity curriculum lengths'.split()
PLACES = 'videos annotations manifest manifests video init weights file name out results'.split()

def kinds(command, module): # flag -> type, default
    raw = inspect.unwrap(module.main)
    code, found = raw.__code__, {}
    for name in code.co_varnames[:code.co_argcount]:
        p = inspect.Signature.from_callable(raw, follow_wrapped=False).parameters[name]
        kind = getattr(p.annotation, '__name__', p.annotation)
        found[name] = (bool if 'store_true' in str(kind) else p.annotation, p.default)
    if command in ('train','finetune'):
        from tubecon.run import Config
        from tubecon.severe import Experiment
        found |= {f.name: (f.type, f.default) for f in fields(Config if command=='train' else Experiment)}
    return found

def odd_values(name, kind, default, flag_only=True): # texts, and whether each has to be refused
    numeric = lambda s: s in ('', 'text', 'nan', 'inf', '-inf', HUGE, '9'*5000, '1e400', '0x10', 'true', '1,2', ' ')
    if kind in (int, float): return [(s, numeric(s)) for s in NUMBERS]
    if kind is tuple and isinstance([*default, ''][0], str): return [(s, s not in ('', ',', ' ')) for s in TEXTS] + [('rectangle', False), ('rotation,rotation', False)]
    if kind is tuple: return [(s, s in ('nan,nan', 'inf,inf', 'nan,nan,nan', f'1,{HUGE}', 'a,b', '1;2')
        or name in INTERVALS and s in ('', ',', '1', '5', '9,3', '2,1', '1,2,3', '0,0,0')) for s in TUPLES]
    if kind is bool: return [] if flag_only else [(s, s!='TRUE') for s in TRUTHS]
    return [(s, name=='device' and s not in ('cpu:99','') or s=='a'*5000 and name in PLACES) for s in TEXTS + DEVICES*(name=='device') + PATHS*(name in PLACES)]

class Begun(BaseException): "The command would begin to work."

def place_things(root):
    from tubecon.config import seeded_rng
    from tubecon.encoder import build_encoder, save_weights
    from tubecon.toy import motion_rows, motion_video, write_video
    import pandas as pd
    (root/'videos').mkdir(), (root/'folder').mkdir()
    rows = [motion_rows('train')[i*100 + j] for i in (0,4) for j in range(4)]
    for i,row in enumerate(rows): write_video(root/f'videos/{i}.mp4', motion_video('train', row)[:12])
    table = [dict(path=f'videos/{i}.mp4', label=row['label'], split='train' if i%4<2 else 'val' if i%4==2 else 'test') for i,row in enumerate(rows)]
    pd.DataFrame(table).to_csv(root/'list.csv', index=False)
    save_weights(build_encoder('r2plus1d_small', seeded_rng(0)), root/'weights.safetensors')
    import torch
    torch.save(build_encoder('r2plus1d_small', seeded_rng(0)).state_dict(), root/'published.pth')
    (root/'empty').write_bytes(b''), (root/'text').write_text('not what was asked for\n'), (root/'broken').write_bytes(os.urandom(3000))
    os.mkfifo(root/'fifo')
    names = {name: str(root/name) for name in ('videos','folder','empty','text','broken','fifo')}
    return dict(names, list=str(root/'list.csv'), weights=str(root/'weights.safetensors'), published=str(root/'published.pth'), missing=str(root/'missing'))

BASE = dict( # a command that works, and is over at once
    train='--videos {videos} --batch 2 --bn_group 0 --steps 2 --stop 1 --probe none --workers 0 --device cpu --out out',
    finetune='--experiment own --manifest {list} --weights {weights} --frames 4 --stride 1 --rate 0 --size 32 --test_short_side 32 --short_sides 32,36 --crop random --epochs 2 --stop 1 --batch 4 --clips 1 --device cpu --out out',
    frozen='--weights {weights} --manifest {list} --frames 4 --stride 1 --rate 0 --size 32 --test_short_side 32 --device cpu --out out',
    cam='{videos}/0.mp4 --weights none --frames 4 --stride 1 --side 32 --show 2', prepare='{list} --workers 1', manifest='folder --videos {videos} --out out.csv',
    reproduce='table2 --dry_run --seeds 1 --out out', bench='read --quick --device cpu', checkpoints='convert {published}')
FIRST = dict(cam='video', prepare='manifest', manifest='name', reproduce='table', bench='what', checkpoints='command') # without dashes

def quick(modules): # what takes long and is not about flags
    import tubecon.train as t, tubecon.finetune as f, tubecon.frozen as p, tubecon.prepare as r, tubecon.manifest as m, tubecon.bench as b, tubecon.video as v
    t.draw_pair = t.draw_run = lambda *a: None
    f.LabelTask.report = lambda *a, **k: None
    p.attentive_probe = lambda *a, **k: .5
    p.attentive_grid = lambda x, y, test_x, *a, **k: ([0]*len(test_x), {})
    p.show_retrieved = p.write_figure = lambda *a, **k: None
    direct = lambda function, *args, timeout=60.: function(*args)
    v.in_process = r.in_process = direct
    b.BENCHES = {name: lambda quick, place: [] for name in b.BENCHES}

def argv(command, flag, value, things):
    words = [word.format(**things) for word in BASE[command].split()]
    value = value.format(**things) if '{' in value else value
    if flag==FIRST.get(command): return [value, *words[1:]] if value and value[0]!='-' else None
    if flag=='file': return [words[0], value]
    if f'--{flag}' in words:
        at = words.index(f'--{flag}')
        words[at:at+2] = []
    if command=='train' and flag=='manifest': words = words[2:]
    return [*words, f'--{flag}={value}']

def run(module, words): # in the forked copy: outcome, what was said
    from fastcore.script import _run_cli
    sys.argv = [module.__name__, *words]
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try: _run_cli(module.main.__wrapped__, False)
        except SystemExit as end: return ('works' if not end.code else 'refused'), said.getvalue()
        except BaseException: return 'traceback', traceback.format_exc()
    return 'works', ''

def forked(function, limit=20, memory=4): # what a function of no arguments returns, in a copy of this process
    receiver, sender = os.pipe()
    pid = os.fork()
    if not pid:
        import resource
        os.setsid()
        resource.setrlimit(resource.RLIMIT_DATA, (memory*2**30,)*2)
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        with tempfile.TemporaryDirectory() as here:
            os.chdir(here)
            answer = json.dumps(function()).encode()
        with os.fdopen(sender, 'wb') as file: file.write(answer)
        os._exit(0)
    os.close(sender)
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(pid, signal.SIGKILL))
    late = time.time() + limit
    signal.alarm(limit)
    with os.fdopen(receiver, 'rb') as file: answer = file.read()
    signal.alarm(0)
    os.waitpid(pid, 0)
    return json.loads(answer) if answer else ('hang' if time.time()>=late else 'crash', '')

def judge(outcome, said, flag, value, wrong): # what is to be complained about, or ''
    if outcome in ('traceback','hang','crash'): return outcome
    if outcome=='works': return 'accepted' if wrong else ''
    said, value = said.replace(value, value.replace('\n', ' ')), value.replace('\n', ' ')
    lines = [line for line in said.strip().splitlines() if line.startswith('tubecon: ') or ' error: ' in line]
    if len(lines)!=1: return 'no sentence'
    words = lines[0].replace('\\n', ' ').replace('-', '_').lower()
    named = flag.lower() in words or value.strip() and value[:40].replace('-', '_').lower() in words
    return '' if named else 'flag not named'

def cases(commands, modules):
    return [(command, flag, value, wrong) for command in commands for flag,(kind,default) in kinds(command, modules[command]).items()
            for value,wrong in odd_values(flag, kind, default, kind is bool and flag in inspect.unwrap(modules[command].main).__code__.co_varnames)]

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--seed', type=int, default=0), p.add_argument('--most', type=int, default=0), p.add_argument('--only', default=','.join(BASE))
    p.add_argument('--out', default=''), p.add_argument('--real', type=int, default=0)
    given = p.parse_args()
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    import importlib, matplotlib
    matplotlib.use('agg')
    commands = given.only.split(',')
    modules = {name: importlib.import_module(f'tubecon.{name}') for name in commands}
    quick(modules)
    from tubecon.toy import make_toy_videos
    make_toy_videos()
    todo, found, begin = cases(commands, modules), [], time.time()
    if given.most: todo = random.Random(given.seed).sample(todo, min(given.most, len(todo)))
    with tempfile.TemporaryDirectory() as root:
        things = place_things(Path(root))
        for command in commands: # the commands without odd values
            outcome, said = forked(lambda: run(modules[command], [word.format(**things) for word in BASE[command].split()]), 60)
            print(f'{command}: {outcome} {said[-1500:] if outcome!="works" else ""}', flush=True)
        for command,flag,value,wrong in todo:
            if '\0' in value or (words := argv(command, flag, value, things)) is None: continue
            outcome, said = forked(lambda: run(modules[command], words))
            fault = judge(outcome, said, flag, value.format(**things) if value[:1]=='{' else value, wrong)
            found.append(dict(command=command, flag=flag, value=value[:100], outcome=outcome, fault=fault, said=said.strip()[-1500:]))
            if fault: print(f'{command} --{flag} {value[:60]!r}: {fault}: {said.strip().splitlines()[-1][:200] if said.strip() else ""}', flush=True)
        if given.real: found += real(random.Random(given.seed).sample(todo, given.real), things)
    if given.out: Path(given.out).write_text(json.dumps(found, indent=1))
    tally = {kind: sum(row['fault']==kind for row in found) for kind in ('traceback','hang','crash','accepted','no sentence','flag not named')}
    print(f'{len(found)} inputs, {sum(row["outcome"]=="refused" for row in found)} refused, {sum(row["outcome"]=="works" for row in found)} work; faults: {tally} ({time.time()-begin:.0f} s)')
    return any(tally.values())

def real(some, things): # by the command itself, in a process of its own
    found = []
    for command,flag,value,wrong in some:
        if (words := argv(command, flag, value, things)) is None: continue
        with tempfile.TemporaryDirectory() as here:
            try: ran = subprocess.run([sys.executable, '-m', f'tubecon.{command}', *words], cwd=here, capture_output=True, text=True, errors='replace', timeout=120, stdin=subprocess.DEVNULL)
            except subprocess.TimeoutExpired: outcome, said = 'hang', ''
            else: outcome, said = 'traceback' if 'Traceback' in ran.stderr else 'crash' if ran.returncode<0 else 'refused' if ran.returncode else 'works', ran.stderr
        fault = judge(outcome, said, flag, value.format(**things) if value[:1]=='{' else value, wrong)
        found.append(dict(command=command, flag=flag, value=value[:100], outcome=outcome, fault=fault, said=said.strip()[-1500:], real=True))
        if fault: print(f'real: {command} --{flag} {value[:60]!r}: {fault}: {said.strip().splitlines()[-1][:200] if said.strip() else ""}', flush=True)
    return found

if __name__=='__main__': sys.exit(main())
