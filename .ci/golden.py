"""What the code computes, to the bit: compare with .ci/golden.json, or write that file.

    OMP_NUM_THREADS=1 python .ci/golden.py            # a line per value; exit code 1 if one differs
    OMP_NUM_THREADS=1 python .ci/golden.py --write    # only when a change of what is computed is intended

Restructuring must not change results. The values are: the fingerprint of the toy videos; weights and log after 20 steps of
the preset `small`, of `small` with temporal contrast, and of `small` with a queue of 512; one pass of finetuning; the
logits of every encoder; the settings of every row of every table; a pasted pair of each preset. Floating-point values hold
for one version of torch on one kind of CPU, which the file names; elsewhere only the others are compared.
"""
import os
os.environ |= dict(OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', MPLBACKEND='agg')
import contextlib, hashlib, io, json, platform, sys, tempfile
from dataclasses import asdict, fields
from pathlib import Path
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import torch
from tubecon import config, encoder, finetune, masked, overlay, reproduce, run, severe, toy, train

VALUES = Path(__file__).with_name('golden.json')
torch.set_num_threads(1)

def digest(*parts):
    "A hash of tensors, numbers and text."
    told = hashlib.sha256()
    for part in parts: told.update(part.detach().contiguous().numpy().tobytes() if isinstance(part, torch.Tensor) else repr(part).encode())
    return told.hexdigest()[:16]

def quietly(work, *args, **given):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()): return work(*args, **given)

def trained(folder, **changes):
    "Weights and log after 20 steps of the preset `small`."
    cfg = run.preset('small', **changes)
    videos = train.find_videos('', '')
    encoder_, _ = quietly(train.pretrain, cfg, videos, folder, stop=20, workers=0, log_every=5)
    rows = [line.split(',')[:6] for line in (folder/'log.csv').read_text().split('\n') if line]
    return digest(*encoder_.state_dict().values(), rows)

def finetuned(folder):
    exp = severe.experiment('toy-samples', epochs=1)
    found = quietly(finetune.finetune, exp, encoder.build_encoder('r2plus1d_small', config.seeded_rng(0, 'encoder')), severe.find_manifest(exp, ''), folder)
    return digest(sorted(found.items()), (folder/'predictions.csv').read_text().split('\n')[1].split(',')[1:])

def logits(name):
    clips = torch.randn(1, 3, 8, 32, 32, generator=config.seeded_rng('golden'))
    with torch.no_grad(): return digest(encoder.build_encoder(name, config.seeded_rng(0, name)).eval()(clips))

def pasted(name):
    cfg = run.preset(name)
    clips = torch.randint(256, (4, 3, cfg.frames, cfg.size, cfg.size), generator=config.seeded_rng('golden clips'), dtype=torch.uint8)
    g = config.seeded_rng('golden pair')
    one, two = overlay.sample_tubelet_pair(clips, clips.roll(1, 0), cfg, g, 0.5)
    jitter = overlay.sample_color_jitter(cfg, 4, g)
    return digest(overlay.paste(clips, one), overlay.paste(clips.roll(1, 0), two), overlay.jitter_colors(clips, jitter))

LATER = ('accumulate', 'hard_negatives', 'still_prob', 'pan', 'beta2', # settings of later date, at their defaults in these rows
         *(field.name for field in fields(masked.MaskConfig)))

def planned():
    "The settings of every row, whatever scales, tables, rows and fields are called."
    def settings(cfg): return [value for name,value in asdict(cfg).items() if name not in LATER]
    return digest(sorted(repr(sorted(map(repr, settings(reproduce.run_config(scale, changes)))))
        for scale in reproduce.SCALES for table in reproduce.ROWS for changes in reproduce.rows_at(table, scale).values()
        if changes.get('method') not in ('none', 'untrained')))

def values():
    "Yield (name, whether it is made of floating-point numbers, value)."
    yield 'toy videos', False, toy.fingerprint([name for name in toy.SUBSETS if name not in toy.SECOND_EDITION])
    yield 'rows of the tables', False, planned()
    def settings(exp): return [value for name,value in asdict(exp).items() if name not in ('fit','bn_group')] # of later date
    yield 'experiments', False, digest([sorted(map(repr, settings(severe.experiment(name, protocol))))
        for name in severe.EXPERIMENTS for protocol in severe.PROTOCOLS])
    for name in ('paper','released','small'): yield f'pair of {name}', True, pasted(name)
    for name in encoder.ENCODERS:
        if not name.startswith('vit'): yield f'logits of {name}', True, logits(name) # younger than these values
    with tempfile.TemporaryDirectory() as place:
        for name,changes in dict(small={}, temporal=dict(method='temporal'), queue=dict(queue=512, momentum=.99, bn_group=8)).items():
            yield f'20 steps, {name}', True, trained(Path(place)/name, **changes)
        yield 'one pass of finetuning', True, finetuned(Path(place)/'tuned')

def main():
    known = {} if '--write' in sys.argv else json.loads(VALUES.read_text())
    here = f'torch {torch.__version__}, {platform.machine()}, {torch.backends.cpu.get_cpu_capability()}'
    same_machine, found, wrong = known.get('machine')==here, dict(machine=here), 0
    for name,inexact,value in values():
        found[name] = value
        if not known: print(f'{name}: {value}', flush=True)
        elif inexact and not same_machine: print(f'not compared, since it was written with {known["machine"]}: {name}')
        else:
            wrong += known[name]!=value
            print('same ' if known[name]==value else 'OTHER', name, flush=True)
    if not known: VALUES.write_text(json.dumps(found, indent=1)+'\n')
    sys.exit(wrong>0)

if __name__=='__main__': main()
