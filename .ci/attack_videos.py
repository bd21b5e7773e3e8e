"""Does tubecon read odd videos right, or refuse them by name? python .ci/attack_videos.py FOLDER --reader decord|pyav [--jobs 1]

FOLDER is what odd_videos.py made. Every file is asked for through `read_clip`, `probe`, `ClipDataset` and `EvalDataset`, in a process whose death or
silence is put down to its file; then come `tubecon.manifest --check`, whole epochs of training's batches and two runs of `tubecon.train` over all files,
and `Manifest.from_folder` on links in circles. Verdicts of a file:
    right           all that came back carries the right numbers, sizes, colours
    refused         by a `VideoError` that names it (in part: some of its frames are read, and right)
    false alarm     refused, though it must be read
    unknowable      a damaged file whose wrong pictures libav gives without any error: its format holds no checksum
    silently wrong  something else came back
    ended the run   by an abort, by silence, or by another error
Written to FOLDER/verdicts_READER.csv; the exit status is 1 if any file was silently wrong or ended the run, or if a run over all files failed."""
import argparse, csv, json, os, selectors, signal, subprocess, sys, tempfile, time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BAD = ('false alarm','silently wrong','ended the run')

def read_index(folder):
    with open(Path(folder)/'index.csv', newline='', encoding='utf-8', errors='surrogateescape') as file: return list(csv.DictReader(file))

def truths(row): # -> [(list of (number, (w,h)), whether any beginning will do)]
    "What may be read of a file."
    def pair(text): return tuple(map(int, text.split('x')))
    found = []
    for one in row['truth'].split('|'):
        runs = [(*run.split('@'), row['size'])[:2] for run in one.replace('...', '').split(',') if run]
        found.append(([(n, pair(size)) for run,size in runs for n in range(int(run.split('-')[0]), int(run.split('-')[1])+1)], one.endswith('...')))
    return found

# In the child: one file
class Wrong(Exception): "What came back is not what the file holds."

def plan(n): # number of frames -> name: frame numbers to ask for
    return dict(all=range(n), first=[0], last=[n-1], some=range(0, n, 2), thirds=range(0, n, 3), middle=range(n//2, n), last_four=range(max(n-4, 0), n), backward=range(n-1, -1, -5), twice=[0, 0, n-1, n-1])

def judge(row, ids, frames, count): # frames asked for, (t,h,w,3) uint8, frames that the file is said to have (None: some are refused)
    "Raise `Wrong` unless the frames are the file's."
    from odd_videos import number_of, spoilt, tinted
    size,seen = frames.shape[2:0:-1],[number_of(frame) for frame in frames]
    def fits(truth, part):
        if count is not None and not (count<=len(truth) if part else count==len(truth)): return False
        slack = [3 if part and count and i>=count-3 else 0 for i in ids] # a beginning that is stored in another order may lack pictures at its end
        return all(any((n,size)==t for t in truth[i:i+more+1]) for i,n,more in zip(ids, seen, slack))
    if not any(fits(*truth) for truth in truths(row)):
        number_fits = any(len(t)>max(ids) and all(t[i][0]==n for i,n in zip(ids, seen)) for t,_ in truths(row))
        why = 'size' if number_fits and row['truth'] and not any((t or [(0,0)])[0][1]==size for t,_ in truths(row)) or '@' in row['truth'] and number_fits else 'count' if number_fits else 'picture'
        raise Wrong(f'{why}: of {count or "some"} frames, {list(ids)[:60]} carry {seen[:60]} at {size[0]}x{size[1]}, where the truth is {row["truth"] or "no video"} at {row["size"]}')
    if bad := [n for n,frame in zip(seen, frames) if spoilt(frame, n, row['colour'])]: raise Wrong(f'spoilt: the pictures of {bad[:20]} differ from what was encoded')
    if not tinted(frames, row['colour']): raise Wrong(f'colour: red minus blue is {float(frames[...,0].mean()-frames[...,2].mean()):.0f}')

DAMAGED = ('turned_bits','noise','zeros','missing','lost')

def unknowable(row, path, read): # `read` gives all frames, (t,h,w,3)
    "Whether libav itself, from the first frame to the last, gives the same wrong pictures, and reports nothing: no error, no message of one, no frame marked."
    import av, numpy as np
    from odd_videos import number_of
    if row['kind'] not in DAMAGED: return False
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False) # the same words may be said of the file before
    try:
        with av.logging.Capture() as said, av.open('file:'+path, metadata_errors='ignore') as file:
            stream = file.streams.best('video')
            stream.codec_context.thread_count = 1
            packets = [p for p in file.demux(stream)]
            frames = [frame for p in packets for frame in p.decode()]
        marked = said or any(p.is_corrupt for p in packets) or not packets[0].is_keyframe or any(frame.is_corrupt for frame in frames)
        ours,theirs = ([number_of(frame) for frame in some] for some in (read(), [frame.to_ndarray(format='rgb24') for frame in frames]))
        return not marked and len(ours)==len(theirs) and all(a==b or b!=i for i,(a,b) in enumerate(zip(ours, theirs))) # concealed pictures may show anything
    except Exception: return False
    finally: av.logging.set_level(None)

def clip_numbers(row, clips, ids): # (t,3,h,w) after augmentation
    "Raise `Wrong` unless a clip's pictures are the file's, in order."
    from odd_videos import number_of
    seen = [number_of(frame) for frame in clips.permute(0,2,3,1).numpy()]
    orders = [{n: i for i,(n,_) in enumerate(truth)} for truth,_ in truths(row)]
    if any(len(order)<len(truth) for order,(truth,_) in zip(orders, truths(row))): return # numbers that come twice say no place
    for order,(truth,part) in zip(orders, truths(row)):
        places = [order.get(n) for n in seen]
        if None in places: continue
        steps = [b-a for a,b in zip(places, places[1:])]
        if all(s>=0 for s in steps) and (len(set(steps))==1 or part and max(steps)-min(steps[:-1])<=3 or all(a==b or b<a for a,b in zip(steps, steps[1:]))): return
    raise Wrong(f'picture: {ids} gives the numbers {seen}, where the truth is {row["truth"] or "no video"}')

def attack(row, folder, reader): # -> verdict, detail
    "Ask for a file in every way."
    import torch
    from tubecon.run import preset
    from tubecon.video import ClipDataset, EvalDataset, Manifest, VideoError, byte_array, read_clip, video_info
    path,refused,read = os.path.join(folder, row['file']),[],[]
    def named(message):
        if path not in message and row['file'] not in message: raise Wrong(f'name: the refusal does not name the file: {message[:150]}')
        return message
    def ask(name):
        asked = []
        def indices(n):
            asked[:] = n,list(plan(n)[name])
            return torch.tensor(asked[1])
        try: frames = read_clip(path, indices, reader=reader)
        except VideoError as error: refused.append(f'{name}: {named(str(error))}')
        else:
            if len(asked[1])!=frames.shape[1]: raise Wrong(f'count: {len(asked[1])} frames were asked for, {frames.shape[1]} came')
            judge(row, asked[1], frames.permute(1,2,3,0).numpy(), None if refused else asked[0])
            read.append(name)
    for name in plan(1): ask(name)
    try: seen = video_info(path, reader)
    except VideoError as error: refused.append(f'probe: {named(str(error))}')
    else:
        if not refused and not any((seen.frames<=len(t) if part else seen.frames==len(t)) and t and (seen.width,seen.height)==t[0][1] for t,part in truths(row)): raise Wrong(f'count: probe says {seen}, the truth is {row["truth"] or "no video"}')
        if row['fps'] and seen.fps and abs(seen.fps/float(row['fps'])-1)>.02: raise Wrong(f'rate: probe says {seen.fps:.3f} frames per second, the truth is {row["fps"]}')
        read.append('probe')
    if row['fps'] and not refused: # a part of the file, in seconds
        n = int(row['frames'])
        try: frames = read_clip(path, torch.arange, reader=reader, start=(n//2)/float(row['fps']), end=(n-2)/float(row['fps']))
        except VideoError as error: refused.append(f'part: {named(str(error))}')
        else:
            judge(row, range(n//2, n//2+frames.shape[1]), frames.permute(1,2,3,0).numpy(), n if len(truths(row))==1 else None)
            if frames.shape[1]!=n-2-n//2: raise Wrong(f'count: {frames.shape[1]} frames came of a part of {n-2-n//2}')
    good = next(r['file'] for r in read_index(folder) if r['file'].endswith('plain/libx264.mp4'))
    listed = Manifest(dict(path=byte_array([row['file'], good]), label=byte_array(['a', 'b'])), folder)
    side = min(map(int, row['size'].split('x'))) if row['size'] else 16
    square = len(set(row['size'].split('x')))==1 and side>=16
    cfg = preset('small', frames=4, strides=(1,2,3,4), frame_jitter=False, size=side if square else 16, short_sides=(side if square else 16,), flip=0.0)
    def took(item, name):
        mine = [message for i,message in item['errors'] if i==0]
        if mine: refused.append(f'{name}: {named(mine[0])}')
        elif item['id']!=0: raise Wrong(f'name: {name} left the file out without a word')
        else:
            if tuple(item['clips'].shape[1:])!=(3,4,cfg.size,cfg.size): raise Wrong(f'size: {name} gives {tuple(item["clips"].shape)}')
            if not row['truth']: raise Wrong(f'picture: {name} gives clips of what is no video')
            if square and '@' not in row['truth']: [clip_numbers(row, clip.transpose(0,1), name) for clip in item['clips']]
            read.append(name)
    for epoch in range(3): took(ClipDataset(listed, cfg, reader=reader)[epoch,0], f'training, epoch {epoch}')
    took(EvalDataset(listed, cfg, 2, reader=reader)[0], 'evaluation')
    if not refused: return 'right', ''
    return 'false alarm' if row['expect']=='right' and not all('frame rate' in why for why in refused) else 'refused' if not read else 'refused in part', refused[0]

def child(folder, reader):
    "Judge the files whose rows come in, one number a line."
    import av, torch
    from tubecon.video import read_clip
    av.logging.set_level(None)
    out,rows = os.fdopen(os.dup(1), 'w'),read_index(folder)
    os.dup2(2, 1) # what decoders print
    print('ready', file=out, flush=True)
    for line in sys.stdin:
        try: verdict = attack(rows[int(line)], folder, reader)
        except Wrong as error:
            path = os.path.join(folder, rows[int(line)]['file'])
            def read(): return read_clip(path, torch.arange, reader=reader).permute(1,2,3,0).numpy()
            verdict = 'unknowable' if unknowable(rows[int(line)], path, read) else 'silently wrong',str(error)
        except Exception as error: verdict = 'ended the run',f'error: {type(error).__name__}: {error}'[:300]
        print(json.dumps(verdict), file=out, flush=True)

# In the parent: all files
def start(folder, reader):
    process = subprocess.Popen([sys.executable, __file__, folder, '--reader', reader, '--child'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    process.stdout.readline() # it has imported everything
    return process

def end(process):
    try: os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError: pass
    process.wait()

def answers(numbers, folder, reader, timeout): # yields (row number, (verdict, detail))
    "Verdicts on some files; a child that dies or is silent is replaced."
    process,rows = start(folder, reader),read_index(folder)
    try:
        for i in numbers:
            process.stdin.write(f'{i}\n'.encode())
            process.stdin.flush()
            with selectors.DefaultSelector() as ready:
                ready.register(process.stdout, selectors.EVENT_READ)
                line = process.stdout.readline() if ready.select(timeout) else None
            verdict = json.loads(line) if line else ('ended the run', f'silence for {timeout:g} s' if line is None else f'the process died, status {process.wait()}')
            if not line:
                end(process)
                process = start(folder, reader)
            if verdict[0] in BAD: print(f'{verdict[0]}: {ascii(rows[i]["file"])} ({rows[i]["odd"]}): {ascii(verdict[1])[:400]}', flush=True)
            yield i, tuple(verdict)
    finally: end(process)

def command(*args, timeout, **env): # -> status (None: it did not end), what was printed
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([sys.executable, *map(str, args)], stdout=said, stderr=said, stdin=subprocess.DEVNULL, start_new_session=True)
        try: status = process.wait(timeout)
        except subprocess.TimeoutExpired: status = None
        end(process)
        said.seek(0)
        return status, said.read().decode(errors='replace')

BATCHES = '''
import sys, json
from tubecon.run import preset
from tubecon.train import batches, total_steps
from tubecon.video import Manifest
if __name__=='__main__':
    cfg = preset('small', frames=4, size=16, short_sides=(16,), strides=(1,2), batch=16, epochs=1, steps=0)
    m = Manifest.read(sys.argv[1])
    for batch in batches(cfg, m, 0, total_steps(cfg, len(m))[0], int(sys.argv[2])):
        print('@@', json.dumps([batch['ids'].tolist(), None if batch['clips'] is None else list(batch['clips'].shape), len(batch['errors'])]), flush=True)
'''

def over_all(folder, files, scratch, timeout): # number of files -> yields (what, failure or '')
    "Epochs of batches and two runs of training."
    script = Path(scratch)/'batches.py'
    script.write_text(BATCHES)
    seen = {}
    for workers in (0,1):
        status,said = command(script, Path(folder)/'all.csv', workers, timeout=timeout)
        seen[workers] = found = [json.loads(line[2:]) for line in said.splitlines() if line.startswith('@@')]
        short = [f'batch {i} has {len(ids)} clips' for i,(ids,shape,_) in enumerate(found) if shape is None or len(ids)!=16 or shape[0]!=16]
        yield f'an epoch of batches, {workers} workers', (f'ended with {status} after {len(found)} batches: {said.strip()[-400:]}' if status else '; '.join(short[:5]) or ('' if found else 'no batch')) if status is not None else f'no end within {timeout} s, after {len(found)} batches'
    yield 'the same clips with 0 and 1 workers', '' if [b[:2] for b in seen[0]]==[b[:2] for b in seen[1]] else 'they differ'
    for workers in (0,1):
        status,said = command('-m', 'tubecon.train', '--manifest', Path(folder)/'all.csv', '--steps', 3, '--batch', files//3, '--skip', 10000, '--frames', 4, '--size', 16, '--short_sides', 16, '--queue', 0,
            '--max_step', '2,4', '--patch_sides', '4,8', '--workers', workers, '--probe', 'none', '--device', 'cpu', '--out', Path(scratch)/f'runs{workers}', timeout=timeout)
        yield f'training, {workers} workers', f'no end within {timeout} s' if status is None else f'ended with {status}: {said.strip()[-600:]}' if status or 'Traceback' in said else ''

def circles(folder):
    code = 'import sys; from tubecon.video import Manifest; print(len(Manifest.from_folder(sys.argv[1])))'
    status,said = command('-c', code, Path(folder)/'links', timeout=60)
    return '' if said.strip()=='20' else f'20 videos and links in circles are listed as {said.strip()[-200:] if status is not None else "a list without end"}'

def checked(folder, rows, verdicts, jobs, timeout): # yields (row number, failure)
    "What `tubecon.manifest --check` says, against what was read."
    beside = Path(folder)/'all.check.csv'
    beside.unlink(missing_ok=True)
    status,said = command('-m', 'tubecon.manifest', Path(folder)/'all.csv', '--check', '--timeout', 60, '--workers', jobs, timeout=timeout)
    if status!=0: yield None, f'--check ended with {status}: {said.strip()[-400:]}'
    if not beside.exists(): return
    with open(beside, newline='', encoding='utf-8', errors='surrogateescape') as file: found = {row['path']: row for row in csv.DictReader(file)}
    for i,row in enumerate(rows):
        said,verdict = found.get(row['file']),verdicts[i][0]
        if said is None: yield i, 'no status'
        elif said['status'] in ('good','slow') and verdict in ('refused','false alarm'): yield i, f'--check says {said["status"]}, and reading refuses: {verdicts[i][1][:150]}'
        elif said['status'] not in ('good','slow') and verdict=='right': yield i, f'--check says {said["status"]} ({said["message"][:100]}), and reading gives all'
        elif verdict!='unknowable' and said['status'] in ('good','slow') and not any(int(said['frames'])<=len(t) if part else int(said['frames'])==len(t) for t,part in truths(row)): yield i, f'--check says {said["status"]} with {said["frames"]} frames, the truth is {row["truth"]}'

def main(folder, reader, jobs, timeout, quick, kind):
    folder,rows,begin = os.path.abspath(folder),read_index(folder),time.time()
    with open(Path(folder)/'all.csv', 'w', newline='', encoding='utf-8', errors='surrogateescape') as file:
        lines = csv.writer(file, lineterminator='\n', quoting=csv.QUOTE_ALL)
        lines.writerows([['path','label'], *([row['file'], row['kind']] for row in rows)])
    with tempfile.TemporaryDirectory() as scratch:
        os.environ.update(TUBECON_CACHE=scratch+'/cache', PYTHONPATH=os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get('PYTHONPATH', '')]))
        chosen = [i for i,row in enumerate(rows) if not kind or row['kind'] in kind.split(',')]
        with ThreadPoolExecutor(jobs) as pool: verdicts = dict(pair for part in pool.map(lambda part: list(answers(part, folder, reader, timeout)), [chosen[j::jobs] for j in range(jobs)]) for pair in part)
        failures = []
        if not quick and not kind:
            odd = list(checked(folder, rows, verdicts, jobs, 60*timeout))
            for i,why in odd: print(f'--check: {ascii(rows[i]["file"]) if i is not None else ""}: {why}')
            failures = [(what, why) for what,why in [('links', circles(folder)), *over_all(folder, len(rows), scratch, 20*timeout)] if why]
            print(f'--check disagrees with reading on {len(odd)} files')
    with open(Path(folder)/f'verdicts_{reader}.csv', 'w', newline='', encoding='utf-8', errors='surrogateescape') as file:
        lines = csv.writer(file, lineterminator='\n', quoting=csv.QUOTE_ALL)
        lines.writerows([['file','verdict','detail'], *([rows[i]['file'], *verdicts[i]] for i in chosen)])
    for what,why in failures: print(f'FAILED: {what}: {why}')
    names = ('right','refused','refused in part','false alarm','unknowable','silently wrong','ended the run')
    print(f'{"kind":14}', *(f'{name:>16}' for name in names))
    for name in dict.fromkeys(rows[i]['kind'] for i in chosen):
        counts = Counter(verdicts[i][0] for i in chosen if rows[i]['kind']==name)
        print(f'{name:14}', *(f'{counts[v]:16}' for v in names))
    counts = Counter(verdict for verdict,_ in verdicts.values())
    print(f'reader {reader}: {len(chosen)} files in {time.time()-begin:.0f} s:', ', '.join(f'{counts[name]} {name}' for name in names)+f'; {len(failures)} failures over all files')
    return bool(counts['silently wrong'] or counts['ended the run'] or failures)

if __name__=='__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder')
    parser.add_argument('--reader', choices=('decord','pyav','torchcodec'), default='decord')
    parser.add_argument('--jobs', type=int, default=1, help='files read at a time')
    parser.add_argument('--timeout', type=float, default=90, help='seconds for a file')
    parser.add_argument('--quick', action='store_true', help='only file by file')
    parser.add_argument('--kind', default='', help='only files of these kinds, with commas')
    parser.add_argument('--child', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child: child(args.folder, args.reader)
    else: sys.exit(main(args.folder, args.reader, args.jobs, args.timeout, args.quick, args.kind))
