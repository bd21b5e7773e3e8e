"Encoders for torch.hub, for example torch.hub.load('tubecon/tubecon', 'tubelet_small'); see nbs/38_share.ipynb."
dependencies = ['torch', 'torchvision', 'numpy', 'safetensors', 'fastcore', 'filelock']

from tubecon.checkpoints import clips_of as _clips_of, load_encoder as _load_encoder
from tubecon.encoder import build_encoder as _build_encoder
from tubecon.package import data_file as _data_file


def from_file(path):
    "Load the encoder in a file of weights, .safetensors or published; raises `TubeconError` for a bad file."
    encoder = _load_encoder(path)
    encoder.clips = _clips_of(path)
    return encoder.eval()


def _small(name, pretrained):
    return from_file(str(_data_file(f'weights/{name}.safetensors'))) if pretrained else _build_encoder('r2plus1d_small')


def tubelet_small(pretrained=True):
    "Load the small encoder, pretrained by tubelet contrast on toy videos: clips of 8 frames, 32 pixels, to 32 features."
    return _small('tubelet_small', pretrained)


def temporal_small(pretrained=True):
    "Load the small encoder, pretrained by temporal contrast on toy videos: clips of 8 frames, 32 pixels, to 32 features."
    return _small('temporal_small', pretrained)


def noise_small(pretrained=True):
    "Load the small encoder, pretrained by tubelet contrast on noise that pans, without any video: clips of 8 frames, 32 pixels, to 32 features."
    return _small('noise_small', pretrained)
