"""Kills, full disks and lost ranks; a slow test (10 to 30 minutes), not part of .ci/run. Linux only.

    python .ci/kills.py                         # 25 kills and 25 full disks of each command, 3 ranks killed and 3 stopped
    python .ci/kills.py train finetune --n 5    # kill these only
    python .ci/kills.py disk ranks --n 10

A kill: SIGKILL of the command at a random moment of the shortest uninterrupted run seen so far, in seconds of processor time
so that a busy machine changes little, until so many have hit a command that was still running; then the same command again (with --resume where it has that).
What is there in the end must be what an uninterrupted run leaves, file by file: weights and pictures to the byte,
checkpoints tensor by tensor, results row by row but for times; nothing hidden may stay, no child may live on.
A full disk: a run folder on a tmpfs of random size, in bytes or in files (needs root): one sentence that names the file,
exit code 1, no traceback; with room made, the same command again must end as above. Disks that were large enough do not count.
A rank: one of two under torchrun is killed, or stopped; the other ends with a sentence, and --resume ends as above.
Commands run in forks of this process, on a few toy videos and with tiny settings, so that one takes seconds.
"""
import ctypes, os, random, re, shutil, signal, subprocess, sys, tempfile, time, traceback
from collections import Counter
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
os.environ |= dict(OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', MPLBACKEND='agg')
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import pandas as pd, torch
from fastcore.script import Param, call_parse
from tubecon import config, finetune, frozen, prepare, reproduce, severe, toy, train

SETTINGS = dict(batch='8', steps='8')
TIMES = ['pairs_per_s', 'clips_per_s', 'wait', 'seconds', 'memory', 'commit', 'changed']

def tiny():
    "A few toy videos, and a plan of two encoders, of which one is finetuned."
    toy.POOLS.update(train=2, val=2, test=2)
    toy.SUBSETS['pretrain'] = (lambda split: toy.crossed([''], range(16 if split=='train' else 0), [0]), toy.pretrain_video)
    severe.TOY_SUITE['toy-samples'].update(draw=12, epochs=4, milestones=(2,), validate_every=1, batch=8)
    reproduce.TABLES['table3'].pop('Linear')
    scale = reproduce.SCALES['toy']
    reproduce.SCALES['toy'] = replace(scale, changes=dict(scale.changes, steps=4, epochs=0, batch=8), frozen=('toy-motion',), finetuned=dict(table3=('toy-samples',)))
    swap, forest = reproduce.cue_swap_results, frozen.forest_predict # of few clips, and of few trees
    reproduce.cue_swap_results = lambda encoder, clips, scale: swap(encoder, clips[:8], scale)
    frozen.forest_predict = lambda *sets: forest(*sets, trees=5)

def commands(videos, large):
    "What is killed: a function of the folder to write to and whether it goes on."
    def run(main, *words, **flags): return getattr(main, '__wrapped__', main)(*words, **flags)
    return dict(
        train=lambda out, again: run(train.main, out=str(out), name='run', results=str(out/'results.csv'), probe='val', save_every=2, log_every=1, device='cpu',
            resume=again and (out/'run'/'checkpoint.pt').exists(), **SETTINGS),
        finetune=lambda out, again: run(finetune.main, experiment='toy-samples', out=str(out), name='run', workers=1, device='cpu', resume=again),
        reproduce=lambda out, again: run(reproduce.main, 'table3', out=str(out/'plan'), seeds=1, device='cpu', results=str(out/'all.csv')),
        prepare=lambda out, again: run(prepare.main, str(large/'list.csv'), out=str(out/'fast'), short_side=128, workers=2),
        draw=lambda out, again: toy.make_toy_videos(out/'toy', subsets=('motion',)))

def start(work, log):
    "A forked child that runs work() as a command does; its words go to a file."
    sys.stdout.flush()
    if pid := os.fork(): return pid
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        with config.plain_errors(): work()
        code = 0
    except SystemExit as end: code = end.code or 0
    except BaseException: traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)

def ended(pid, seconds=900):
    "Exit code of a child, negative for a signal; None if it does not end in time."
    until = time.time()+seconds
    while time.time()<until:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found: return os.waitstatus_to_exitcode(status)
        time.sleep(.02)

def stat(pid):
    "State, parent, and so on, of a process, and its name; None if it is gone."
    try: name, rest = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)
    except OSError: return
    return rest.split(), name.partition('(')[2]

def offspring():
    "Processes that descend from this one, orphans included, but for the dead: {pid: state and name}."
    known = {int(place.name): found for place in Path('/proc').glob('[0-9]*') if (found := stat(place.name))}
    def ours(pid): return pid==os.getpid() or pid in known and ours(int(known[pid][0][1]))
    return {pid: f'{fields[0]} {name}' for pid,(fields,name) in known.items() if pid!=os.getpid() and fields[0]!='Z' and ours(pid)}

def processor_time(pid):
    "Seconds that a process, those that descend from it, and those that have ended have used."
    if not (found := stat(pid)): return 0
    children = []
    for tasks in Path(f'/proc/{pid}/task').glob('*/children'):
        try: children += tasks.read_text().split()
        except OSError: pass # the thread has ended
    return sum(map(int, found[0][11:15]))/os.sysconf('SC_CLK_TCK') + sum(map(processor_time, children))

def until_spent(pid, seconds=float('inf')):
    "Exit code of a child, or None as soon as it and its children have used so much processor time; and how much they have used."
    most = 0
    while most<seconds:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found: return os.waitstatus_to_exitcode(status), most
        most = max(most, processor_time(pid))
        time.sleep(.1)
    return None, most

def line(pid):
    "The end of a process's command line."
    try: return Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ').decode(errors='replace')[-90:]
    except OSError: return ''

SLOWEST = [0.0] # seconds that a process lived on after its parent

def left_alive(patience=60):
    "What still lives some seconds after its parent, or much later if it waits for a processor, as imports do on a busy machine; ended here."
    begin = time.time()
    while (alive := offspring()) and time.time()<begin+patience*(10 if {name[0] for name in alive.values()}&{'R','D'} else 1): time.sleep(min(1, .1+(time.time()-begin)/10))
    SLOWEST[0] = max(SLOWEST[0], time.time()-begin)
    names = [f'{name} {line(pid)}' for pid,name in alive.items()]
    for pid in alive: os.kill(pid, signal.SIGKILL)
    try:
        while os.waitpid(-1, 0 if alive else os.WNOHANG)[0]: pass
    except ChildProcessError: pass
    return sorted(names)

def same(a, b):
    "Whether two checkpoints hold the same."
    if isinstance(a, dict): return isinstance(b, dict) and a.keys()==b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)): return len(a)==len(b) and all(map(same, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a==b or a!=a and b!=b

def content(file):
    "What must be equal in two runs: a table without its times, tensors, or bytes."
    if file.suffix=='.csv':
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
        if 'metric' in table: table = table[table.metric!='wait']
        return table.drop(columns=TIMES, errors='ignore').to_csv(index=False)
    return torch.load(file, weights_only=True) if file.suffix=='.pt' else file.read_bytes()

def unequal(out, reference):
    "Names of files that differ, are missing or left over; locks may stay."
    def names(folder): return {str(p.relative_to(folder)) for p in folder.rglob('*') if p.is_file() and 'lock' not in p.suffix}
    def differs(name): # False, or what differs
        try:
            a, b = content(out/name), content(reference/name)
            if same(a, b): return False
            return str([line for line in zip_longest(a.split('\n'), b.split('\n')) if line[0]!=line[1]][:1]) if isinstance(a, str) else ' '
        except Exception as error: return f'{type(error).__name__}: {error}'
    here, there = names(out), names(reference)
    return [f'{name} is {"left over" if name in here else "missing"}' for name in sorted(here^there)] + [f'{name} differs {what}' for name in sorted(here&there) if (what := differs(name))]

def words(log): # but for bars of progress
    text = re.sub(r'[^\r\n]*\|[^\r\n\]]*(it|step)/s[^\r\n\]]*\]', '', log.read_text(errors='replace'))
    return [line for line in re.split(r'[\r\n]', text) if line.strip()]

def again(command, out, log, reference):
    "The same command once more: what is wrong then."
    code = ended(start(lambda: command(out, True), log))
    if code!=0: return [f'started again it ends with {code}: {words(log)[-1:]}']
    return [f'child left alive: {left}' for left in left_alive()] + unequal(out, reference)

def kill(name, command, n, scratch, reference, took, rng, say):
    "Kill at a random moment until n kills have hit, start again, compare; `took` is the processor time of an uninterrupted run."
    counts = Counter()
    for i in range(4*n):
        if counts['killed']==n: break
        out, log, moment = scratch/f'{name}-{i}', scratch/'log.txt', rng.uniform(0, took)
        out.mkdir()
        pid = start(lambda: command(out, False), log)
        code, spent = until_spent(pid, moment)
        if code is None:
            time.sleep(rng.uniform(0, .1)) # it may be waiting for a disk just then
            os.kill(pid, signal.SIGKILL)
            code = ended(pid)
        counts['killed' if code==-9 else 'over before'] += 1
        if code==0: took = min(took, spent)
        if code not in (-9, 0): say(f'{name} {i}: ends with {code} without being killed: {words(log)[-1:]}')
        wrong = [f'child left alive: {left}' for left in left_alive()]
        wrong += again(command, out, log, reference)
        if wrong: say(f'{name} {i}, killed after {moment:.2f} of {took:.2f} s: {"; ".join(wrong)}')
        shutil.rmtree(out)
        print(f'{name} {i}: {"hit" if code==-9 else "over before"} at {moment:.2f} of {took:.2f} s, {len(wrong)} wrong', time.strftime('%H:%M:%S'), flush=True)
    if counts['killed']<n: say(f'{name}: only {counts["killed"]} of {n} kills hit')
    return counts

def fill(name, command, n, scratch, reference, rng, say):
    "A disk that is full after so many bytes, or files, until n were full; a sentence; then make room."
    counts, disk, log = Counter(), scratch/f'{name}-disk', scratch/'log.txt'
    disk.mkdir()
    size = sum(p.stat().st_size for p in reference.rglob('*') if p.is_file())
    files = sum(1 for _ in reference.rglob('*'))
    for i in range(4*n):
        if counts['full']==n: break
        room = f'size={rng.randrange(4096, int(1.3*size)+8192)}' if i%2 else f'nr_inodes={rng.randrange(2, files+4)}'
        subprocess.run(['mount', '-t', 'tmpfs', '-o', room, 'tmpfs', disk], check=True)
        try:
            out = disk/'run'
            with_room = lambda: subprocess.run(['mount', '-o', 'remount,size=1g,nr_inodes=100000', disk], check=True)
            def made(): out.mkdir(exist_ok=True); command(out, False)
            code, said = ended(start(made, log)), words(log)
            told = [line for line in said if line.startswith('tubecon: ')]
            wrong = [f'child left alive: {left}' for left in left_alive()]
            if code==0: counts['fits'] += 1
            elif code!=1 or len(told)!=1 or str(disk) not in told[0] or any('Traceback' in line for line in said):
                wrong.append(f'ends with {code}: {told or said[-2:]}')
            if code!=0: counts['full'] += 1
            with_room()
            out.mkdir(exist_ok=True)
            wrong += again(command, out, log, reference)
            if wrong: say(f'{name} {i}, disk of {room}: {"; ".join(wrong)}')
            print(f'{name} {i}: disk of {room} {"was full" if code else "was large enough"}, {len(wrong)} wrong', flush=True)
        finally: subprocess.run(['umount', '-l', disk], check=True)
    if counts['full']<n: say(f'{name}: only {counts["full"]} of {n} disks were full')
    return counts

def lose(n, scratch, videos, rng, say, patience):
    "One of two ranks is killed or stopped: the other says so in a sentence; started again, the run ends as if nothing had been."
    def launch(out, *more):
        return subprocess.Popen([sys.executable, *f'-m torch.distributed.run --standalone --nproc-per-node 2 --redirects 3 --log-dir {out}-log -m tubecon.train'.split(),
            *f'--videos {videos} --batch 8 --bn_group 4 --steps 40 --save_every 5 --log_every 1 --workers 0 --device cpu --probe none --patience 30 --out {out} --name run'.split(), *more],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, env=os.environ | dict(PYTHONPATH=sys.path[0]))
    def said(out, rank): return [line for file in sorted(Path(f'{out}-log').rglob(f'{rank}/stderr.log')) for line in words(file)]
    def ranks(job): # {rank: pid} of the processes under torchrun
        found = {}
        for place in Path('/proc').glob('[0-9]*'):
            try:
                if int((place/'stat').read_text().rsplit(')', 1)[1].split()[1])!=job.pid: continue
                if rank := re.search(rb'\0RANK=(\d)', (place/'environ').read_bytes()): found[int(rank[1])] = int(place.name)
            except OSError: pass
        return found
    counts, reference = Counter(), scratch/'ranks'
    if launch(reference).wait(300): sys.exit(f'two ranks do not end: {said(reference, 0)[-2:]}')
    for i in range(2*n):
        out, fault, lost = scratch/f'ranks-{i}', (signal.SIGKILL, signal.SIGSTOP)[i%2], rng.randrange(2)
        job, log = launch(out), out/'run'/'log.csv'
        while job.poll() is None and not (log.exists() and log.read_text().count('\n')>1): time.sleep(.05)
        time.sleep(rng.uniform(0, 1.5))
        pids = ranks(job)
        if job.poll() is not None or len(pids)<2: say(f'ranks {i}: over before its kill: {said(out, 0)[-1:]}')
        else:
            os.kill(pids[lost], fault)
            counts[fault.name] += 1
            until, begin = time.time()+patience, time.time()
            def lives(pid): return Path(f'/proc/{pid}').exists() and Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0]!='Z'
            while lives(pids[1-lost]) and time.time()<until: time.sleep(.1)
            heard = said(out, 1-lost)
            if lives(pids[1-lost]): say(f'ranks {i}: {fault.name} of rank {lost} is not noticed in {patience} s')
            elif len([x for x in heard if x.startswith('tubecon: ')])!=1 or any('Traceback' in x for x in heard): say(f'ranks {i}: after {fault.name} of rank {lost} the other says {heard[-3:]}')
            else: counts['slowest, s'] = max(counts['slowest, s'], round(time.time()-begin))
        try: job.wait(45 if counts else 0)
        except subprocess.TimeoutExpired: os.killpg(job.pid, signal.SIGKILL)
        job.wait()
        for alive in left_alive(35): say(f'ranks {i}: {alive} lives on')
        job = launch(out, *['--resume']*(out/'run'/'checkpoint.pt').exists())
        wrong = [f'resume ends with {code}: {said(out, 0)[-1:]}'] if (code := job.wait(300)) else unequal(out, reference)
        if wrong: say(f'ranks {i}, after {fault.name} of rank {lost}: {"; ".join(wrong)}')
    return counts

@call_parse
def main(
    what:Param('of train finetune reproduce prepare draw disk ranks, in the order given; all of them by default', str, nargs='*'),
    n:int=25, # kills that hit, and disks that were full, of each command
    lost:int=3, # ranks killed, and ranks stopped
    seed:int=0, # of the moments and sizes
    patience:int=90, # seconds in which a rank has to notice that another has stopped
):
    "Kill commands and see whether anything is lost."
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('stopped'))
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) # orphans become children of this process, which can see them
    torch.set_num_threads(1)
    scratch = Path(tempfile.mkdtemp(prefix='kills'))
    os.environ['TUBECON_CACHE'] = str(scratch/'cache')
    failures, table, rng = [], [], random.Random(seed)
    def say(failure):
        failures.append(failure)
        print(f'LOST: {failure}', flush=True)
    try:
        tiny()
        toy.make_toy_videos()
        videos, large = scratch/'videos', scratch/'large' # libx264 may write frames below 128 pixels differently each time
        for folder,count,times in ((videos,16,1), (large,8,4)):
            folder.mkdir()
            for i in range(count): toy.write_video(folder/f'{i}.mp4',
                toy.pretrain_video('train', dict(label='', texture=i, background=0)).repeat(times, 1).repeat(times, 2))
        (large/'list.csv').write_text('path\n' + ''.join(f'{i}.mp4\n' for i in range(8)))
        known = commands(videos, large)
        asked = what or [*known, 'disk', 'ranks']
        if unknown := set(asked)-{*known, 'disk', 'ranks'}: sys.exit(f'no {unknown} to kill')
        chosen = [name for name in dict.fromkeys([*asked, *known]) if name in known and (name in asked or 'disk' in asked)]
        for name in chosen:
            reference = scratch/name
            reference.mkdir()
            code, took = until_spent(start(lambda: known[name](reference, False), scratch/'log.txt'))
            if code: sys.exit(f'{name} does not run: {code}, {words(scratch/"log.txt")[-3:]}')
            for alive in left_alive(): say(f'{name}: {alive} lives on after the end')
            before, twin = len(failures), scratch/f'{name}-twin'
            twin.mkdir()
            took = min(took, until_spent(start(lambda: known[name](twin, False), scratch/'log.txt'))[1]) # the first run also fills the cache
            if wrong := unequal(twin, reference): say(f'{name}, twice without a kill: {"; ".join(wrong)}')
            shutil.rmtree(twin)
            if name in asked: table.append((f'{name}, killed', kill(name, known[name], n, scratch, reference, took, rng, say), len(failures)-before, f'{took:.1f} s'))
            before = len(failures)
            if 'disk' in asked: table.append((f'{name}, disk full', fill(name, known[name], n, scratch, reference, rng, say), len(failures)-before, f'{took:.1f} s'))
            if table: print(*table[-1], flush=True)
        if 'ranks' in asked:
            before = len(failures)
            table.append(('ranks lost', lose(lost, scratch, videos, rng, say, patience), len(failures)-before, ''))
    finally:
        left_alive(0)
        shutil.rmtree(scratch, ignore_errors=True)
    print('\n| what | times | wrong | a whole run |\n|---|---|---|---|')
    for what,counts,wrong,took in table: print(f'| {what} | {", ".join(f"{v} {k}" for k,v in counts.items())} | {wrong} | {took} |')
    print(f'\n{sum(v for _,c,*_ in table for k,v in c.items() if k[-1]!="s")} kills, full disks and lost ranks: {len(failures)} went wrong; '
        f'the last child ended {SLOWEST[0]:.0f} s after its parent')
    sys.exit(bool(failures))
