"""Files of weights made to do harm: python .ci/hostile.py. Each is read in a forked copy of this process; one sentence is wanted, and nothing executed."""
import io, json, os, pickle, random, struct, sys, tempfile, zipfile
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
from fuzz import forked

class Bomb:
    def __init__(self, what, *args): self.what, self.args = what, args
    def __reduce__(self): return self.what, self.args

def safetensors(header, data=b'', length=None): # a file by hand
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack('<Q', len(text) if length is None else length) + text + data

def hostile_files(folder, good): # a folder to write to, a whole .safetensors file; yields paths
    import torch
    from safetensors.torch import load_file, save_file, safe_open
    folder, whole, rng = Path(folder), Path(good).read_bytes(), random.Random(0)
    with safe_open(good, 'pt') as file: about = file.metadata()
    state = load_file(good)
    size = struct.unpack('<Q', whole[:8])[0]
    header = json.loads(whole[8:8+size])
    first = 'stem.0.weight'
    def put(name, data):
        (folder/name).write_bytes(data)
        return folder/name
    def tensors(name, changes=None, meta=None, drop=()):
        save_file({k: v for k,v in {**state, **(changes or {})}.items() if k not in drop}, folder/name, about if meta is None else meta)
        return folder/name
    def saved(name, thing, **how):
        torch.save(thing, folder/name, **how)
        return folder/name
    for cut in (0, 1, 7, 8, 9, size//2, 8+size, 9+size, len(whole)-1): yield put(f'cut{cut}.safetensors', whole[:cut])
    for i in range(8): # bits of the header turned over
        data = bytearray(whole)
        data[rng.randrange(8+size)] ^= 1 << rng.randrange(8)
        yield put(f'header{i}.safetensors', bytes(data))
    yield put('longer.safetensors', whole + b'x'*1000)
    for name,length in dict(huge=2**63, large=2**40, most=2**64-1, negative=2**63+5, zero=0, gigabyte=10**9).items(): yield put(f'{name}.safetensors', safetensors({}, length=length))
    for name,text in dict(nojson=b'{"a":', list=b'[]', number=b'3', null=b'null', nested=b'['*100_000, unicode=b'{"\xff":1}', empty=b'{}', string=b'"a"').items(): yield put(f'{name}.safetensors', safetensors(text))
    for name,entry in dict(overlap=dict(dtype='F32', shape=[2**40], data_offsets=[0,4]), negshape=dict(dtype='F32', shape=[-1], data_offsets=[0,4]), dtype=dict(dtype='X99', shape=[1], data_offsets=[0,4]),
            offsets=dict(dtype='F32', shape=[1], data_offsets=[4,0]), beyond=dict(dtype='F32', shape=[1], data_offsets=[2**50,2**50+4]), overflow=dict(dtype='F32', shape=[2**32,2**32,4], data_offsets=[0,4]),
            noshape=dict(dtype='F32')).items(): yield put(f'{name}.safetensors', safetensors({'stem.0.weight': entry}, b'\0\0\0\0'))
    yield tensors('nan.safetensors', {k: torch.full_like(v, float('nan')) for k,v in state.items() if v.is_floating_point()})
    yield tensors('one_nan.safetensors', {first: state[first].clone().index_fill_(0, torch.tensor([0]), float('inf'))})
    yield tensors('negative_variance.safetensors', {k: -v-1 for k,v in state.items() if k.endswith('running_var')})
    yield tensors('integers.safetensors', {first: torch.zeros(state[first].shape, dtype=torch.int64)})
    yield tensors('booleans.safetensors', {first: torch.zeros(state[first].shape, dtype=torch.bool)})
    yield tensors('float8.safetensors', {first: state[first].to(torch.float8_e4m3fn)})
    yield tensors('complex.safetensors', {first: state[first].to(torch.complex64)})
    yield tensors('flat.safetensors', {first: state[first].flatten().clone()})
    yield tensors('scalar.safetensors', {first: torch.tensor(1.)})
    yield tensors('none.safetensors', drop=list(state)[1:])
    yield tensors('lacking.safetensors', drop=[first])
    for name,change in dict(eps='no number', mean='[1]', std='{"a":1}', encoder='../../etc/passwd', method='{', eps_nan='NaN', eps_negative='-1', std_zero='[0,0,0]', mean_text='["a","b","c"]', eps_list='[1]', mean_inf='[Infinity,0,0]', std_huge='[1e400,1,1]',
            encoder_empty='', mean_nested='['*50_000).items(): yield tensors(f'about_{name}.safetensors', meta={**about, name.split('_')[0]: change})
    mark = str(folder/'EXECUTED')
    harms = dict(system=Bomb(os.system, f'touch {mark}'), opened=Bomb(open, mark, 'w'), evaluated=Bomb(eval, f"open({mark!r},'w')"), executed=Bomb(exec, f"open({mark!r},'w')"), made=Bomb(os.mkdir, mark))
    for name,harm in harms.items():
        yield saved(f'{name}.pth', harm)
        yield saved(f'{name}_inside.pth', dict(state_dict=state, extra=harm))
        yield put(f'{name}_plain.pt', pickle.dumps(harm))
    yield saved('old_format.pth', dict(state, harm=harms['system']), _use_new_zipfile_serialization=False)
    yield saved('whole_model.pth', torch.nn.Linear(2, 2))
    for name,thing in dict(list=[1,2], number=3, text='weights', none=None, nothing={}, names={'a': 'b'}, inner=dict(state_dict=3), inner_list=dict(model=[torch.zeros(1)]), integer_keys={1: torch.zeros(2)}, tensor=torch.zeros(3), odd_keys={(1,2): torch.zeros(2), 'stem.0.weight': torch.zeros(1)},
            many_dims={first: torch.zeros([1]*40)}, sparse={first: torch.eye(3).to_sparse()}, meta={first: torch.empty(10**6, 10**6, device='meta')}, expanded={first: torch.zeros(1).expand(10**6, 10**6)}).items(): yield saved(f'{name}.pth', thing)
    yield saved('mixed_keys.pth', {**state, 5: torch.zeros(1)})
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, 'w', zipfile.ZIP_DEFLATED) as file:
        file.writestr('archive/data.pkl', b'\x80\x02' + b'('*(50*2**20) + b'.')
        file.writestr('archive/version', '3')
    yield put('zip_bomb.pth', bomb.getvalue())
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, 'w', zipfile.ZIP_DEFLATED) as file:
        for i in range(40): file.writestr(f'archive/data/{i}', bytes(100*2**20))
        file.writestr('archive/data.pkl', b'\x80\x02}.')
        file.writestr('archive/version', '3')
    yield put('zip_zeros.pth', bomb.getvalue())
    yield put('billion.pth', b'\x80\x02]q\x00' + b''.join(b'(' + b'h\x00'*10 + b'lq\x01' for _ in range(20)) + b'.')
    yield put('long_integer.pth', b'\x80\x02\x8b' + struct.pack('<i', 2**31-1) + b'.')
    yield put('memo.pth', b'\x80\x02Nr' + struct.pack('<I', 2**32-1) + b'.')
    yield put('deep.pth', b'\x80\x02' + b']'*2**20 + b'a'*(2**20-1) + b'.')
    yield put('truncated.pth', (folder/'mixed_keys.pth').read_bytes()[:3000])
    for i in range(6):
        data = bytearray((folder/'mixed_keys.pth').read_bytes())
        for _ in range(20): data[rng.randrange(min(6000, len(data)))] ^= 1 << rng.randrange(8)
        yield put(f'flipped{i}.pth', bytes(data))
    for name,data in dict(text=b'hello\n', empty=b'', zeros=bytes(1000), random=rng.randbytes(5000), html=b'<!DOCTYPE html><html>Not found', lfs=b'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n', zip=b'PK\x03\x04'+bytes(100)).items():
        yield put(f'{name}.pth', data)
        yield put(f'{name}_.safetensors', data)
    (folder/'folder.safetensors').mkdir()
    os.mkfifo(folder/'fifo.safetensors'), os.mkfifo(folder/'fifo.pth')
    (folder/'loop.pth').symlink_to(folder/'loop.pth')
    yield from (folder/'folder.safetensors', folder/'fifo.safetensors', folder/'fifo.pth', folder/'loop.pth', Path('/dev/zero'), folder/'absent.pth')

def try_all(read, harmless=('about_method','about_encoder_empty','mixed_keys'), say=print): # number of files, number of faults
    from tubecon.config import TubeconError, seeded_rng
    from tubecon.encoder import build_encoder, save_weights
    n, faults = 0, []
    with tempfile.TemporaryDirectory() as folder:
        good = Path(folder)/'good.safetensors'
        save_weights(build_encoder('r2plus1d_small', seeded_rng(0)), good)
        def attempt(path):
            try: return ['read', str(read(path))[:80]]
            except TubeconError as error: return ['refused', str(error)]
            except Exception as error: return ['traceback', f'{type(error).__name__}: {error}'[:200]]
        for path in hostile_files(folder, good):
            outcome, said = forked(lambda: attempt(path), 20)
            n += 1
            mark = Path(folder)/'EXECUTED'
            if mark.exists(): outcome, _ = 'EXECUTED', os.system(f'rm -rf {mark}')
            if outcome=='refused' and ('\n' in said or str(path) not in said or len(said)>600): outcome = 'no sentence'
            if outcome!='refused' and not (outcome=='read' and path.stem in harmless): faults.append((path.name, outcome, said))
    for fault in faults: say(*fault)
    return n, faults

if __name__=='__main__':
    from tubecon.checkpoints import load_encoder
    n, faults = try_all(load_encoder)
    from collections import Counter
    print(n, 'files;', Counter(outcome for _,outcome,_ in faults))
