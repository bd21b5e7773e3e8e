"""Odd videos with known truth: python .ci/odd_videos.py OUT [--seed S]

Every picture carries its number as a 4x4 code of light and dark cells, so that what a reader must return is known without any decoder.
OUT/files holds the videos by kind, OUT/links folders with links in a circle, and OUT/index.csv a row per file:
    file, kind, odd (what is odd), frames (truly encoded), truth, fps (where it is certain), size, colour ('rgb' or 'grey'), expect
truth is what may be read: runs of numbers such as '0-11,4-7', a run of another size as '12-23@32x32', '|' between several truths,
'...' after one of which any beginning will do, with a gap among its last pictures where they are stored in another order. expect is 'right' (all of it must be read), 'either' (or the file is refused by name) or 'refuse'.
Needs PyAV and Pillow; what needs the program ffmpeg is left out, and counted, where that is not installed."""
import argparse, csv, os, random, shutil, struct, subprocess, sys
from fractions import Fraction
from pathlib import Path
import av, numpy as np
from PIL import Image

os.environ['SVT_LOG'] = '0' # that encoder prints
DARK, LIGHT, TINT = 70, 186, 30 # levels of green; red is TINT above, blue TINT below

# The pictures
def cells(w, h): # -> rows, columns
    return (4,4) if max(w,h)<=4*min(w,h) else (16,1) if h>w else (1,16)

def levels(number, w, h): # -> (rows,columns), the brightness of each cell
    if w*h<16: return np.full((1,1), 60+25*number)
    bits = [number>>i & 1 for i in range(7)]
    return np.where(np.array([1, *bits, *(1-b for b in bits), 0]).reshape(cells(w, h)), LIGHT, DARK)

def draw(number, w, h, colour='rgb'): # -> (h,w,3) uint8
    "The picture of a number below 128: a corner that is light, one that is dark, seven bits and their opposites, and a moving ripple."
    level = levels(number, w, h)
    y,x = np.mgrid[:h,:w]
    level = level[y*level.shape[0]//h, x*level.shape[1]//w] + (8*np.sin((x+2*y+3*number)/7) if w*h>=16 else 0)
    return (level[...,None] + TINT*(colour=='rgb')*np.array([1,0,-1])).round().clip(0,255).astype(np.uint8)

def cell_means(frame, shape): # (h,w,c) -> (rows,columns,c), from the inner half of each cell
    h,w = frame.shape[:2]
    def inner(i, n, length):
        a,b = -(-i*length//n),-(-(i+1)*length//n)
        return slice(a+(b-a)//4, max(b-(b-a)//4, a+(b-a)//4+1))
    return np.array([[frame[inner(i,shape[0],h), inner(j,shape[1],w)].mean((0,1)) for j in range(shape[1])] for i in range(shape[0])])

def number_of(frame): # (h,w,3) uint8 -> the number, or None
    "Read a picture's number; None where any cell is in doubt."
    h,w = frame.shape[:2]
    if w*h<16:
        number = (frame[...,1].mean()-60)/25
        return round(number) if abs(number-round(number))<.35 else None
    value = cell_means(frame.astype(float), cells(w, h)).mean(-1).ravel()
    gap = value[1:8]-value[8:15]
    return None if value[0]-value[15]<50 or (abs(gap)<30).any() else sum(int(g>0)<<i for i,g in enumerate(gap))

def spoilt(frame, number, colour): # (h,w,3) uint8
    "Whether a picture differs from its number's by much more than a codec's loss, in any cell."
    want = draw(number, frame.shape[1], frame.shape[0], colour)
    shape = cells(frame.shape[1], frame.shape[0]) if frame.shape[0]*frame.shape[1]>=16 else (1,1)
    return bool((cell_means(abs(frame.astype(float)-want), shape).mean(-1)>45).any())

def tinted(frames, colour): # (t,h,w,3) uint8 -> whether red and blue are in their places
    tint = frames[...,0].mean()-frames[...,2].mean()
    return abs(tint)<8 if colour=='grey' else 25<tint<95

# Writing a video
LOSSLESS = dict(libx264=dict(qp='0'), libx265={'x265-params': 'lossless=1:log-level=none'}, **{'libvpx-vp9': dict(lossless='1')})
FAST = dict(libx264=dict(preset='veryfast', bf='0'), libx265={'preset': 'ultrafast', 'x265-params': 'log-level=none:pools=1:bframes=0'}, libsvtav1=dict(preset='8', crf='6', **{'svtav1-params': 'lp=1:enable-tf=0'}),
    libvpx=dict(deadline='realtime', **{'cpu-used': '8'}), **{'libvpx-vp9': dict(deadline='realtime', **{'cpu-used': '8'})})

def add_video(file, numbers, size=(64,64), codec='libx264', pix='yuv420p', rate=25, colour='rgb', turn=0, flip=False, alpha=255, sar=None, default=None, **options):
    "Add a stream to a PyAV file; returns a function that gives its packets."
    stream = file.add_stream(codec, rate=rate, options=dict(g='12') | FAST.get(codec, {}) | options)
    stream.width,stream.height = size[::-1] if turn%2 else size
    stream.pix_fmt,stream.time_base,stream.codec_context.thread_count = pix,Fraction(1, rate),1
    if codec!='libsvtav1': stream.bit_rate = 3_000_000
    if sar: stream.codec_context.sample_aspect_ratio = Fraction(sar)
    def packets():
        for i,number in enumerate(numbers):
            picture = np.rot90(draw(number, *size, colour), turn)
            picture = picture[:,::-1] if flip else picture
            if 'a' in pix[3:5] and pix!='gray': picture = np.concatenate([picture, np.full_like(picture[...,:1], alpha)], -1)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), 'rgba' if picture.shape[-1]==4 else 'rgb24').reformat(format=pix)
            frame.pts,frame.time_base = i,Fraction(1, rate)
            yield from stream.encode(frame)
        yield from stream.encode(None)
    return packets

def add_audio(file, seconds=1.0, codec='aac', rate=44100):
    stream = file.add_stream(codec, rate=rate, layout='mono')
    def packets():
        size = stream.codec_context.frame_size or 1024
        for i in range(int(seconds*rate/size)):
            frame = av.AudioFrame.from_ndarray(np.zeros((1,size), np.float32 if stream.format.name.startswith('flt') else np.int16), stream.format.name, 'mono')
            frame.rate,frame.pts,frame.time_base = rate,i*size,Fraction(1, rate)
            yield from stream.encode(frame)
        yield from stream.encode(None)
    return packets

def encode(path, numbers=range(24), format=None, muxing=None, audio=None, **video):
    "One video of these numbers, perhaps with a sound track 'before' or 'after' it."
    sound = 'libopus' if str(path).endswith('webm') else 'mp2' if str(path).endswith(('mpg','ts','avi')) else 'aac'
    with av.open(str(path), 'w', format=format, options=muxing or {}) as file:
        makers = [add_audio(file, codec=sound, rate=48000)] if audio=='before' else []
        makers.append(add_video(file, numbers, **video))
        if audio=='after': makers.append(add_audio(file, codec=sound, rate=48000))
        for maker in makers: file.mux(list(maker()))

def remux(source, path, change=lambda packets: packets, format=None, muxing=None):
    "Copy the packets of a video, as `change` leaves them; it sees times in frames of 1/25 s."
    with av.open(str(source)) as old, av.open(str(path), 'w', format=format, options=muxing or {}) as new:
        video = old.streams.video[0]
        stream = new.add_stream_from_template(video, opaque=True)
        packets = [p for p in old.demux(video) if p.size]
        step = int(1/(video.time_base*25))
        shown = sorted(round(p.pts/step) for p in packets)
        delay = max(i-shown.index(round(p.pts/step)) for i,p in enumerate(packets))
        for i,p in enumerate(packets): p.pts,p.dts,p.time_base = round(p.pts/step),shown[i]-delay,Fraction(1,25)
        for p in change(packets):
            p.stream = stream
            new.mux_one(p)

def run_of(numbers): # [0,1,2,5,6] -> '0-2,5-6'
    runs = []
    for n in numbers:
        if runs and runs[-1][1]==n-1: runs[-1][1] = n
        else: runs.append([n,n])
    return ','.join(f'{a}-{b}' for a,b in runs)

class Files:
    "The list of what was made; `add` makes one file."
    def __init__(self, out, seed):
        self.out,self.rows,self.failed,self.need_program = Path(out),[],[],0
        self.rng,self.program = random.Random(seed),shutil.which('ffmpeg')

    def add(self, kind, name, odd, make, truth='0-23', fps='', size='64x64', colour='rgb', expect='right', frames=None):
        path = os.path.join(self.out, 'files', kind, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        try: made = make(path)
        except Exception as error: # an encoder or muxer that does not do this here
            self.failed.append(f'{kind}/{name}: {type(error).__name__} {error}'[:150])
            if os.path.isfile(path): os.remove(path)
            return None
        first = truth.split('|')[0].replace('...', '')
        count = sum(int(b)-int(a)+1 for a,b in (run.split('@')[0].split('-') for run in first.split(',') if run)) if frames is None else frames
        self.rows.append(dict(file=os.path.relpath(path, self.out), kind=kind, odd=odd, frames=count, truth=truth, fps=fps, size=size, colour=colour, expect=expect))
        return path

    def ffmpeg(self, kind, name, odd, args, source, **row):
        "Add a file that the program makes; {} in `args` is `source`."
        def make(path): subprocess.run([self.program, '-v','error','-y','-nostdin', *(str(source) if a=='{}' else a for a in args.split()), path], check=True, stderr=subprocess.DEVNULL, timeout=60)
        if self.program: self.add(kind, name, odd, make, **row)
        else: self.need_program += 1

    def write(self):
        with open(self.out/'index.csv', 'w', newline='', encoding='utf-8', errors='surrogateescape') as file:
            rows = csv.DictWriter(file, list(self.rows[0]), lineterminator='\n', quoting=csv.QUOTE_ALL)
            rows.writeheader()
            rows.writerows(self.rows)

# The kinds
PLAIN = '''mp4 libx264 libx265 mpeg4 mpeg2video mpeg1video libvpx-vp9 libsvtav1 mjpeg/yuvj420p png/rgb24
mov libx264 libx265 mpeg4 mjpeg/yuvj422p png/rgb24 prores_ks/yuv422p10le prores_ks/yuva444p10le qtrle/rgb24 v210/yuv422p10le rawvideo/uyvy422 cfhd/yuv422p10le svq1/yuv410p rpza/rgb555le jpeg2000/rgb24 h261 r210/gbrp10le
avi libx264 mpeg4 msmpeg4v2 msmpeg4 mjpeg/yuvj420p huffyuv/yuv422p ffvhuff ffv1 rawvideo utvideo magicyuv/gbrp zlib/bgr24 cinepak/rgb24 mpeg2video mpeg1video png/rgb24 wmv2 flv snow ljpeg/bgr24 asv1 asv2 msvideo1/rgb555le zmbv/bgr0 libvpx flashsv/bgr24
mkv libx264 libx265 libvpx libvpx-vp9 libsvtav1 mpeg4 mpeg2video mpeg1video ffv1 huffyuv/yuv422p mjpeg/yuvj420p prores_ks/yuv422p10le rawvideo msmpeg4 wmv1 rv20 vc2 flv
webm libvpx libvpx-vp9 libsvtav1
mpg mpeg1video mpeg2video
vob mpeg2video
ts mpeg2video mpeg1video libx264 libx265 mpeg4
m2ts libx264
flv flv libx264 flashsv/bgr24
3gp h263 libx264 mpeg4
wmv wmv1 wmv2 msmpeg4
asf libx264
m4v mpeg4
nut libx264 mpeg4
rm rv10 rv20
mxf mpeg2video
swf flv
f4v libx264
ogg libvpx
gif gif/rgb8 gif/gray
apng apng/rgb24
webp libwebp_anim/yuv420p
y4m wrapped_avframe
h264 libx264
hevc libx265
m1v mpeg1video
m2v mpeg2video
mjpeg mjpeg/yuvj420p
ivf libvpx libvpx-vp9 libsvtav1
obu libsvtav1'''
FORMATS = dict(m2ts='mpegts', h264='h264', hevc='hevc', m1v='mpeg1video', m2v='mpeg2video', webp='webp')
UNTIMED = 'avi h264 hevc m1v m2v mjpeg obu gif webp m4v swf rm y4m'.split() # the rate is the format's own business

def plain(files):
    "Every pair of container and codec that PyAV can write."
    for line in PLAIN.splitlines():
        ending,*codecs = line.split()
        for both in codecs:
            codec,_,pix = both.partition('/')
            size = (128,96) if codec in ('h263',) else (176,144) if codec=='h261' else (96,64) if ending=='mxf' else (64,64)
            options = dict(codec=codec, pix=pix or 'yuv420p', size=size, colour='grey' if pix=='gray' else 'rgb', format=FORMATS.get(ending))
            if codec=='snow': options['strict'] = '-2'
            files.add('plain', f'{codec}{f"_{pix}"*bool(pix)}.{ending}', 'no more than its container and codec', lambda path: encode(path, **options),
                size=f'{size[0]}x{size[1]}', colour=options['colour'], fps='' if ending in UNTIMED else 25,
                expect='either' if ending in ('swf','webp','apng','rm','obu','mxf') or codec in ('snow','h261','asv1','asv2','vc2') else 'right')

def reordered(files):
    "B-frames, open groups of pictures, field coding."
    for ending in 'mp4 mov mkv avi ts mpg flv m2v h264 m4v 3gp nut m1v vob hevc webm'.split():
        codecs = dict(mpg=['mpeg1video','mpeg2video'], vob=['mpeg2video'], m2v=['mpeg2video'], m1v=['mpeg1video'], m4v=['mpeg4'], h264=['libx264'], hevc=['libx265'], flv=['libx264'], webm=['libvpx-vp9'],
            avi=['mpeg4','libx264','mpeg2video'], ts=['mpeg2video','libx264','libx265'], mp4=['mpeg4','libx264','libx265','mpeg2video']).get(ending, ['libx264','mpeg4'])
        for codec in codecs:
            options = {'x265-params': 'log-level=none:pools=1:bframes=2'} if codec=='libx265' else {'auto-alt-ref': '1', 'lag-in-frames': '12', 'deadline': 'good'} if codec=='libvpx-vp9' else dict(bf='2', sc_threshold='0') if codec=='libx264' else dict(bf='2')
            files.add('bframes', f'{codec}.{ending}', 'pictures stored in another order than shown', lambda path: encode(path, range(48), codec=codec, format=FORMATS.get(ending), **options), truth='0-47')
    for name,codec,options in (('x264.mp4','libx264',{'x264-params': 'open-gop=1:keyint=12:bframes=3:scenecut=0'}), ('x264.ts','libx264',{'x264-params': 'open-gop=1:keyint=12:bframes=3:scenecut=0'}),
        ('x264.mkv','libx264',{'x264-params': 'open-gop=1:keyint=12:bframes=3:scenecut=0:b-pyramid=normal'}), ('x265.mp4','libx265',{'x265-params': 'open-gop=1:keyint=12:bframes=3:scenecut=0:log-level=none:pools=1'}),
        ('x265.mkv','libx265',{'x265-params': 'open-gop=1:keyint=12:bframes=3:scenecut=0:log-level=none:pools=1'}), ('mpeg2.mpg','mpeg2video',dict(bf='2')), ('mpeg2.ts','mpeg2video',dict(bf='2'))):
        whole = files.add('open_gop', name, 'an open group of pictures', lambda path: encode(path, range(48), codec=codec, **options), truth='0-47')
        if not whole: continue
        def from_second_key(packets): return packets[[i for i,p in enumerate(packets) if p.is_keyframe][1]:]
        with av.open(whole) as file: keys = [i for i,p in enumerate(sorted((p for p in file.demux(video=0) if p.size), key=lambda p: p.pts)) if p.is_keyframe]
        files.add('open_gop', f'second_{name}', 'an open group of pictures without the one before', lambda path: remux(whole, path, from_second_key), truth=f'{keys[1]}-47', expect='either')
    for name,codec,options in (('mpeg2.mpg','mpeg2video',dict(flags='+ildct+ilme', top='1')), ('mpeg2.ts','mpeg2video',dict(flags='+ildct+ilme', top='0')), ('mpeg4.avi','mpeg4',dict(flags='+ildct+ilme')),
        ('x264_tff.mp4','libx264',{'x264-params': 'tff=1'}), ('x264_bff.ts','libx264',{'x264-params': 'bff=1:bframes=2'}), ('x264_fake.mkv','libx264',{'x264-params': 'fake-interlaced=1'}),
        ('x264_pulldown.ts','libx264',{'x264-params': 'pic-struct=1:pulldown=32:tff=1'}), ('x265_field.mkv','libx265',{'x265-params': 'interlace=tff:log-level=none:pools=1'})):
        files.add('interlaced', name, 'coded as fields', lambda path: encode(path, range(24), codec=codec, **options), expect='either' if 'pulldown' in name or 'x265' in name else 'right')

def pixels(files):
    "Depth, chroma, grey, alpha, palette, range."
    for name,codec,pix,colour in (l.split() for l in '''x264_10.mp4 libx264 yuv420p10le rgb
x264_422.mp4 libx264 yuv422p rgb
x264_444.mp4 libx264 yuv444p rgb
x264_444_10.mkv libx264 yuv444p10le rgb
x264_full.mp4 libx264 yuvj420p rgb
x264_grey.mp4 libx264 gray grey
x264_grey10.mp4 libx264 gray10le grey
x264_rgb.mkv libx264rgb rgb24 rgb
x265_10.mp4 libx265 yuv420p10le rgb
x265_12.mkv libx265 yuv420p12le rgb
x265_444.mp4 libx265 yuv444p rgb
x265_grey.mp4 libx265 gray grey
vp8_alpha.webm libvpx yuva420p rgb
vp9_alpha.webm libvpx-vp9 yuva420p rgb
vp9_444.webm libvpx-vp9 yuv444p rgb
vp9_440.webm libvpx-vp9 yuv440p rgb
vp9_10.webm libvpx-vp9 yuv420p10le rgb
av1_10.mp4 libsvtav1 yuv420p10le rgb
png_alpha.mov png rgba rgb
png_48.mov png rgb48be rgb
png_grey.mov png gray grey
png_grey16.mov png gray16be grey
qtrle_alpha.mov qtrle argb rgb
prores_4444.mov prores_ks yuva444p10le rgb
ffv1_grey16.mkv ffv1 gray16le grey
ffv1_alpha.mkv ffv1 yuva444p rgb
ffv1_411.mkv ffv1 yuv411p rgb
ffv1_410.avi ffv1 yuv410p rgb
huffyuv_rgb.avi huffyuv rgb24 rgb
huffyuv_bgra.avi huffyuv bgra rgb
utvideo_gbrap.avi utvideo gbrap rgb
raw_grey.avi rawvideo gray grey
raw_bgr24.avi rawvideo bgr24 rgb
raw_rgb555.avi rawvideo rgb555le rgb
raw_yuv420.mkv rawvideo yuv420p rgb
raw_uyvy.mov rawvideo uyvy422 rgb
mjpeg_444.avi mjpeg yuvj444p rgb
mpeg2_422.ts mpeg2video yuv422p rgb
dnxhr.mov dnxhd yuv422p rgb'''.splitlines()):
        options,size = dict(codec=codec, pix=pix, colour=colour),(64,64)
        if codec=='dnxhd': options |= dict(profile='dnxhr_hq', size=(size := (256,128)))
        if pix in ('yuva420p','rgba','argb','yuva444p','bgra','gbrap'): options['alpha'] = 128
        files.add('pixels', name, f'pixels {pix}', lambda path: encode(path, **options), colour=colour, size=f'{size[0]}x{size[1]}', expect='either' if pix in ('yuva420p','gray16be','rgb48be') and 'vp8' not in name else 'right')
    def palette(path, **options):
        frames = [Image.fromarray(draw(n, 64, 64)).quantize(64) for n in range(24)]
        frames[0].save(path, format='GIF', save_all=True, append_images=frames[1:], duration=40, loop=0, **options)
    files.add('pixels', 'palettes.gif', 'a palette for each picture', palette)
    files.add('pixels', 'restored.gif', 'pictures cleared before the next', lambda path: palette(path, disposal=2))
    files.add('pixels', 'clear.gif', 'a transparent colour', lambda path: palette(path, transparency=255), expect='either')
    def one_lasts(path): # Pillow joins equal pictures into one that is shown longer
        frames = [Image.fromarray(draw(n, 64, 64)).quantize(64) for n in range(12)]
        frames[0].save(path, format='GIF', save_all=True, append_images=frames[1:], duration=[40,400,10]*4, loop=0)
    files.add('pixels', 'uneven.gif', 'pictures shown for different times', one_lasts, truth='0-11')

def sizes(files):
    "Very small, very narrow, odd."
    for w,h in ((1,1),(2,2),(4,4),(8,8),(16,240),(240,16),(2,1000),(1000,2),(33,47),(63,65),(17,16),(5,96),(96,5),(4,24),(95,31)):
        for name,codec,pix in (('ffv1.mkv','ffv1','yuv444p'), ('png.mov','png','rgb24'), ('x264.mp4','libx264','yuv444p'), ('x264.mp4','libx264','yuv420p'), ('vp9.webm','libvpx-vp9','yuv420p'), ('mpeg4.avi','mpeg4','yuv420p'), ('mjpeg.avi','mjpeg','yuvj444p')):
            if (w*h<16 or min(w,h)<8) and codec in ('libvpx-vp9','mpeg4','mjpeg') or codec=='libx264' and (pix=='yuv420p')==bool(w%2 or h%2): continue
            n = 6 if w*h<16 else 12
            options = dict(codec=codec, pix=pix, size=(w,h)) | LOSSLESS.get(codec, {})
            files.add('sizes', f'{w}x{h}_{name}', f'{w}x{h} pixels', lambda path: encode(path, range(n), **options), truth=f'0-{n-1}', size=f'{w}x{h}', expect='either' if min(w,h)<4 else 'right')
    for ending,codec in (('mp4','libx264'), ('mov','libx264'), ('mkv','mpeg4'), ('avi','mpeg4'), ('mpg','mpeg2video'), ('ts','libx264'), ('webm','libvpx-vp9'), ('flv','flv'), ('gif','gif'), ('3gp','mpeg4')):
        for n in (1,2,3): files.add('short', f'{n}.{ending}', f'{n} pictures', lambda path: encode(path, range(n), codec=codec, pix='rgb8' if codec=='gif' else 'yuv420p'), truth=f'0-{n-1}')
    for sar in ('2/1','1/3','16/11'): files.add('display', f'sar{sar.replace("/","_")}.mp4', f'pixels {sar} wide', lambda path: encode(path, sar=sar))
    files.add('display', 'sar.mpg', 'wide pixels', lambda path: encode(path, codec='mpeg2video', sar='16/11'))

def patched(path, edit, **video):
    "Encode, then change the bytes."
    encode(path, **video)
    data = bytearray(Path(path).read_bytes())
    Path(path).write_bytes(edit(data) or data)

def display(files):
    "Turned and mirrored by the header of an MP4."
    for name,matrix,video in (('turn90',(0,1,-1,0),dict(turn=1)), ('turn180',(-1,0,0,-1),dict(turn=2)), ('turn270',(0,-1,1,0),dict(turn=3)), ('mirror',(-1,0,0,1),dict(flip=True))):
        for size in ((64,64),(96,48)):
            for ending in ('mp4','mov'):
                def edit(data):
                    at = data.index(b'tkhd')+44
                    for k,value in zip((0,4,12,16), matrix): data[at+k:at+k+4] = struct.pack('>i', value<<16)
                files.add('display', f'{name}_{size[0]}.{ending}', f'{name} by its header', lambda path: patched(path, edit, size=size, **video), size=f'{size[0]}x{size[1]}', expect='either' if name=='mirror' else 'right')

def with_edits(data, edits): # [(first frame or None, frames)], of 25 a second
    "Replace the edit list of an MP4 whose header stands last."
    at = data.index(b'elst')-4
    size = struct.unpack('>I', data[at:at+4])[0]
    base = struct.unpack('>i', data[at+20:at+24])[0] # the delay that pictures stored in another order need
    scale = struct.unpack('>I', data[(m := data.index(b'mdhd'))+16:m+20])[0]
    body = b''.join(struct.pack('>IiI', n*40, -1 if first is None else base+first*scale//25, 0x10000) for first,n in edits)
    new = struct.pack('>I4sII', 16+len(body), b'elst', 0, len(edits)) + body
    for box in (b'moov', b'trak', b'edts'):
        p = data.index(box)-4
        data[p:p+4] = struct.pack('>I', struct.unpack('>I', data[p:p+4])[0]+len(new)-size)
    data[at:at+size] = new

def edits(files):
    "Edit lists."
    for name,list_,truth,expect in (('from7',[(7,17)],'7-23','right'), ('from12',[(12,12)],'12-23','right'), ('to9',[(0,10)],'0-9','right'), ('middle',[(5,10)],'5-14','right'), ('empty_first',[(None,25),(0,24)],'0-23','right'),
        ('two',[(0,12),(12,12)],'0-23','right'), ('gap',[(0,6),(14,10)],'0-5,14-23','either'), ('swapped',[(12,12),(0,12)],'12-23,0-11','either'), ('twice',[(0,12),(0,12)],'0-11,0-11','either'), ('past_end',[(0,48)],'0-23','right'), ('nothing',[(None,50)],'','refuse')):
        for kind,bf in (('mp4','0'),('mov','2')):
            files.add('edits', f'{name}_b{bf}.{kind}', f'edit list {list_}', lambda path: patched(path, lambda data: with_edits(data, list_), bf=bf, sc_threshold='0'), truth=truth, expect=expect)
    for name,flags in (('faststart','faststart'), ('fragments','frag_keyframe+empty_moov'), ('fragments_moof','frag_keyframe+empty_moov+default_base_moof'), ('every_frame','frag_every_frame+empty_moov'), ('delay_moov','frag_keyframe+delay_moov'), ('negative_cts','negative_cts_offsets'), ('cmaf','cmaf+frag_keyframe'), ('rtphint','rtphint')):
        files.add('edits', f'{name}.mp4', f'MP4 written with {flags}', lambda path: encode(path, range(48), muxing=dict(movflags=flags), bf='2', sc_threshold='0'), truth='0-47')
    files.add('edits', 'ismv.ismv', 'fragments of smooth streaming', lambda path: encode(path, range(24)))

def shifted(at):
    "A change of packets: the picture number i is shown at `at(i)`, frames of 1/25 s."
    def change(packets):
        for p in packets: p.pts,p.dts = at(p.pts),at(p.dts)
        return packets
    return change

def timestamps(files):
    "Negative, huge, jumping, equal and backward times, an uneven rate."
    changes = dict(negative=(lambda t: t-10,'right'), late=(lambda t: t+25*100,'right'), jump=(lambda t: t+(25*3600 if t>=12 else 0),'right'), gap=(lambda t: t+(50 if t>=12 else 0),'right'),
        uneven=(lambda t: t*t//3+t,'right'), slow=(lambda t: t*250,'right'), slower_half=(lambda t: t if t<12 else 12+(t-12)*4,'right'), huge=(lambda t: t+2**40//40+25,'right'), day30=(lambda t: t+25*86400*30,'right'), wrap=(lambda t: t+(2**33//3600)-10,'right'))
    source = files.out/'source.mkv'
    for bf in ('0','2'):
        encode(source, range(24), bf=bf, sc_threshold='0')
        for name,(at,expect) in changes.items():
            for ending in ('mkv','mp4','ts','flv','mov','nut') if bf=='0' else ('mkv','mp4','ts'):
                if name=='huge' and ending!='mkv' or name=='wrap' and ending!='ts' or name=='day30' and ending in ('flv','ts','mp4','mov'): continue
                muxing = dict(avoid_negative_ts='disabled', **(dict(mpegts_copyts='1') if ending=='ts' else {}))
                files.add('timestamps', f'{name}_b{bf}.{ending}', f'times {name}', lambda path: remux(source, path, shifted(at), muxing=muxing), truth='10-23' if name=='negative' and ending in ('mp4','mov') else '0-23', expect=expect) # an edit list hides what is before 0
    encode(source, range(24), codec='libvpx-vp9')
    for name in ('huge','negative','jump','uneven','day30'): files.add('timestamps', f'{name}.webm', f'times {name}', lambda path: remux(source, path, shifted(changes[name][0]), muxing=dict(avoid_negative_ts='disabled')))
    def retime(at): # patch the times that stand before each block's data
        def make(path):
            encode(path, range(24))
            data = bytearray(Path(path).read_bytes())
            with av.open(path) as file: packets = [bytes(p) for p in file.demux(video=0) if p.size]
            for i,p in enumerate(packets):
                k = data.index(p[-40:])+40-len(p)-3
                data[k:k+2] = struct.pack('>h', at(i))
            Path(path).write_bytes(data)
        return make
    for name,at in (('equal',lambda i: 0), ('pairs',lambda i: 40*(i//2*2)), ('backward',lambda i: 40*(23-i)), ('saw',lambda i: 40*(i%8)), ('last_first',lambda i: 40*i if i<23 else 0), ('below_zero',lambda i: 40*(i-23)), ('shuffled',lambda i: 40*(i*7%24))):
        files.add('timestamps', f'blocks_{name}.mkv', f'times of blocks {name}', retime(at), expect='either')
    def zero_durations(data):
        at = data.index(b'stts')
        for k in range(struct.unpack('>I', data[at+8:at+12])[0]): data[at+16+8*k:at+20+8*k] = bytes(4)
    def strange_durations(data):
        at = data.index(b'stts')
        data[at+16:at+20] = b'\xff\xff\xff\x00'
    def no_rate(data): # microseconds per frame, and the stream's scale
        at = data.index(b'avih')+8
        data[at:at+4] = bytes(4)
        at = data.index(b'strh')+8+20
        data[at:at+8] = bytes(8)
    files.add('timestamps', 'stts_zero.mp4', 'all times are equal', lambda path: patched(path, zero_durations), expect='either')
    files.add('timestamps', 'stts_negative.mp4', 'times run backward', lambda path: patched(path, strange_durations), expect='either')
    files.add('timestamps', 'no_rate.avi', 'a rate of 0/0', lambda path: patched(path, no_rate, codec='mpeg4'), expect='either')
    for n in (0, 5, 1000):
        def count(data):
            for tag,skip in ((b'avih',24),(b'strh',40)):
                at = data.index(tag)+skip
                data[at:at+4] = struct.pack('<I', n)
        files.add('timestamps', f'declares{n}.avi', f'its header declares {n} pictures', lambda path: patched(path, count, codec='mpeg4'), expect='right')
    def no_index(data): del data[data.index(b'idx1'):]
    files.add('timestamps', 'no_index.avi', 'no index', lambda path: patched(path, no_index, codec='mpeg4'))
    for rate in (1, 15, 50, 120, 240): files.add('rates', f'{rate}.mp4', f'{rate} pictures a second', lambda path: encode(path, rate=rate), fps=rate)
    for rate in (10, 30, 100): files.add('rates', f'{rate}.mkv', f'{rate} pictures a second', lambda path: encode(path, rate=rate), fps=rate)

def cuts(files):
    "Copies of a stream that begin between key frames, and with packets left out."
    def start(k): return lambda packets: packets[k:]
    for ending,codec,bf in (('mkv','libx264','0'), ('mkv','libx264','2'), ('ts','libx264','0'), ('ts','libx264','2'), ('mp4','libx264','0'), ('mp4','libx264','2'), ('avi','mpeg4','0'), ('mpg','mpeg2video','2'), ('flv','libx264','0'), ('webm','libvpx-vp9','0'), ('mp4','libx265','0'), ('ts','mpeg2video','0'), ('mov','mpeg4','2'), ('h264','libx264','0'), ('mp4','libsvtav1','0')):
        source = str(files.out/f'source.{"mkv" if ending in ("h264","webm") else ending}')
        options = dict(codec=codec, **({} if codec in ('libvpx-vp9','libx265','libsvtav1') else dict(bf=bf)), **(dict(sc_threshold='0') if codec=='libx264' else {}))
        try: encode(source, range(48), **options)
        except Exception as error: files.failed.append(f'cuts {ending}: {error}'); continue
        with av.open(source) as file:
            packets = [p for p in file.demux(video=0) if p.size]
            rank = {t: i for i,t in enumerate(sorted(p.pts for p in packets))}
            keys = [rank[p.pts] for p in packets if p.is_keyframe]
        for k in (1, 7, 17): # readable from the next key frame, or, where it can be known, as it stands
            after = next((key for key in keys if key>=k), None)
            if after is None: continue
            files.add('cuts', f'from{k}_{codec}_b{bf}.{ending}', f'begins {k} pictures after a key frame', lambda path: remux(source, path, start(k)), truth=f'{after}-47', expect='either')
        for name,change in (('lost', lambda packets: packets[:20]+packets[21:]), ('lost_key', lambda packets: [p for i,p in enumerate(packets) if not (p.is_keyframe and i)]), ('lost_middle', lambda packets: packets[:16]+packets[30:])):
            files.add('lost', f'{name}_{codec}_b{bf}.{ending}', f'packets left out ({name})', lambda path: remux(source, path, change), truth='0-15...', expect='either')
    source = str(files.out/'source.mkv')
    for bf in ('0','2'): # as programs cut without encoding: packets from the key frame, an edit list hides those before the cut
        encode(source, range(48), bf=bf, sc_threshold='0')
        for k in (5, 12, 19, 30):
            def change(packets):
                first = max(i for i,p in enumerate(packets) if p.is_keyframe and p.pts<=k)
                for p in packets: p.pts,p.dts = p.pts-k,p.dts-k
                return packets[first:]
            for ending in ('mp4','mov'): files.add('cuts', f'hidden{k}_b{bf}.{ending}', f'cut at {k}, the pictures before it hidden', lambda path: remux(source, path, change), truth=f'{k}-47')

def joined(*parts): return lambda path: Path(path).write_bytes(b''.join(Path(p).read_bytes() for p in parts))

def concatenations(files):
    "Files one after the other, of the same or another kind."
    place = files.out/'parts'
    place.mkdir()
    for ending,codec in (('ts','mpeg2video'), ('ts','libx264'), ('mpg','mpeg1video'), ('mpg','mpeg2video'), ('avi','mpeg4'), ('mkv','libx264'), ('mp4','libx264'), ('h264','libx264'), ('hevc','libx265'), ('m2v','mpeg2video'), ('m4v','mpeg4'), ('flv','flv'), ('webm','libvpx'), ('gif','gif'), ('y4m','wrapped_avframe'), ('mjpeg','mjpeg'), ('ivf','libvpx')):
        options = dict(codec=codec, format=FORMATS.get(ending), pix=dict(gif='rgb8', mjpeg='yuvj420p').get(codec, 'yuv420p'))
        first,second,small,between = (place/f'{name}.{ending}' for name in ('first','second','small','between'))
        for bf in ('0','2') if codec in ('libx264','mpeg1video','mpeg2video','mpeg4') else ('',):
            extra = dict(bf=bf) if bf else {}
            encode(first, range(24), **options, **extra)
            encode(second, range(24, 48), **options, **extra)
            indexed = ending in ('avi','mkv','mp4','m4v','webm','gif','y4m','ivf','flv') # may truly end where its first part ends
            files.add('joined', f'same_{codec}_b{bf}.{ending}', 'two files, one after the other', joined(first, second), truth='0-47|0-23' if indexed else '0-47', expect='either')
        encode(small, range(24, 48), **dict(options, size=(32,32)))
        files.add('joined', f'thrice_{codec}.{ending}', 'the same file three times', joined(first, first, first), truth='0-23,0-23,0-23'+('|0-23,0-23|0-23' if indexed else ''), expect='either')
        if ending=='gif': continue # what stands after its end is drawn on its canvas
        files.add('joined', f'smaller_{codec}.{ending}', 'goes on in another size', joined(first, small), truth='0-23@64x64,24-47@32x32'+('|0-23' if indexed else ''), expect='either')
        files.add('joined', f'smaller_first_{codec}.{ending}', 'goes on in another size', joined(small, first), truth='24-47@32x32,0-23@64x64'+('|24-47@32x32' if indexed else ''), size='32x32', expect='either')
    for name,a,b in (('mpeg2_h264.ts','mpeg2video','libx264'), ('h264_mpeg2.ts','libx264','mpeg2video'), ('mpeg1_mpeg2.mpg','mpeg1video','mpeg2video')):
        first,second = place/f'a.{name[-3:].strip(".")}',place/f'b.{name[-3:].strip(".")}'
        encode(first, range(24), codec=a), encode(second, range(24, 48), codec=b)
        files.add('joined', name, 'goes on in another codec', joined(first, second), truth='0-47|0-23', expect='either')
    for name,other in (('profile', dict(profile='baseline')), ('444', dict(pix='yuv444p')), ('10bit', dict(pix='yuv420p10le')), ('refs', dict(refs='6', bf='3')), ('cropped', dict(size=(64,60)))): # parameters change in the stream
        for ending in ('h264','ts'):
            first,second = place/f'p.{ending}',place/f'q.{ending}'
            encode(first, range(24), format=FORMATS.get(ending))
            encode(second, range(24, 48), format=FORMATS.get(ending), **other)
            truth = '0-23@64x64,24-47@64x60' if name=='cropped' else '0-47'
            files.add('joined', f'change_{name}.{ending}', f'the stream goes on with {name}', joined(first, second), truth=truth, expect='either')
    first,second = place/'v1.mkv',place/'v2.mkv'
    for codec,ending in (('libvpx-vp9','webm'), ('libvpx','webm'), ('mpeg4','avi'), ('libsvtav1','mp4'), ('mjpeg','avi'), ('libx264','mkv'), ('libx264','mp4')): # packets of two sizes in one stream
        pix = 'yuvj420p' if codec=='mjpeg' else 'yuv420p'
        encode(first, range(24), codec=codec, pix=pix)
        side = 96 if codec=='libsvtav1' else 32 # that encoder takes nothing below 64
        encode(second, range(24, 48), codec=codec, pix=pix, size=(side,side))
        def make(path):
            with av.open(str(first)) as a, av.open(str(second)) as b, av.open(path, 'w') as new:
                stream = new.add_stream_from_template(a.streams.video[0], opaque=True)
                for k,p in enumerate([p for file in (a,b) for p in file.demux(video=0) if p.size]):
                    p.pts = p.dts = k
                    p.time_base,p.stream = Fraction(1,25),stream
                    new.mux_one(p)
        files.add('joined', f'inside_{codec}.{ending}', 'the stream goes on in another size', make, truth=f'0-23@64x64,24-47@{side}x{side}|0-23', expect='either')

def streams(files):
    "More than one stream."
    for ending in ('mp4','mkv','avi','ts','mov','webm','mpg'):
        codec = dict(webm='libvpx', mpg='mpeg2video', avi='mpeg4').get(ending, 'libx264')
        for where in ('before','after'): files.add('streams', f'audio_{where}.{ending}', f'sound {where} the pictures', lambda path: encode(path, codec=codec, audio=where))
        def two(path, b=(64,64), n=24):
            with av.open(path, 'w') as file:
                makers = [add_video(file, range(24), codec=codec), add_video(file, range(64, 64+n), codec=codec, size=b)]
                file.mux(sorted((p for maker in makers for p in maker()), key=lambda p: float(p.dts*p.time_base)))
        if ending not in ('mpg',):
            files.add('streams', f'two.{ending}', 'two streams of pictures', two, truth='0-23|64-87', expect='right')
            files.add('streams', f'two_larger_second.{ending}', 'two streams of pictures, the second larger', lambda path: two(path, (96,96)), truth='0-23|64-87@96x96', expect='right')
            files.add('streams', f'two_shorter_second.{ending}', 'two streams of pictures, the second shorter', lambda path: two(path, (32,32), 6), truth='0-23|64-69@32x32', expect='right')
    def cover(path, first, audio=False, video=True):
        with av.open(path, 'w') as file:
            def picture():
                stream = file.add_stream('png', rate=25)
                stream.width,stream.height,stream.pix_fmt = 96,96,'rgb24'
                stream.disposition = av.stream.Disposition.attached_pic
                def packets():
                    frame = av.VideoFrame.from_ndarray(draw(100, 96, 96))
                    frame.pts = 0
                    yield from stream.encode(frame)
                    yield from stream.encode(None)
                return packets
            makers = [picture()] if first else []
            if video: makers.append(add_video(file, range(24)))
            if audio: makers.append(add_audio(file))
            if not first: makers.append(picture())
            file.mux([p for maker in makers for p in maker()])
    for ending in ('mp4','mkv','mov'):
        files.add('streams', f'cover_first.{ending}', 'a cover before the video', lambda path: cover(path, True))
        files.add('streams', f'cover_last.{ending}', 'a cover after the video', lambda path: cover(path, False))
        files.add('streams', f'cover_audio.{ending}', 'sound and a cover, no video', lambda path: cover(path, True, True, False), truth='100-100', size='96x96', expect='either')

BASES = dict(head_last=('mp4','libx264',{}), head_first=('mp4','libx264',dict(movflags='faststart')), fragments=('mp4','libx264',dict(movflags='frag_keyframe+empty_moov')), matroska=('mkv','libx264',{}), vp9=('webm','libvpx-vp9',{}), avi=('avi','mpeg4',{}), mpeg=('mpg','mpeg2video',{}),
    transport=('ts','libx264',{}), flash=('flv','libx264',{}), hevc=('mp4','libx265',{}), jpeg=('avi','mjpeg',{}), gif=('gif','gif',{}), ffv1=('mkv','ffv1',{}), asf=('wmv','wmv2',{}))

def damaged(files):
    "Cut off, with bits turned, with a part of zeros, with a part missing."
    for name,(ending,codec,muxing) in BASES.items():
        source = files.out/f'base.{ending}'
        encode(source, range(48), codec=codec, pix=dict(mjpeg='yuvj420p', gif='rgb8').get(codec, 'yuv420p'), muxing=muxing, format=FORMATS.get(ending), **(dict(bf='2', sc_threshold='0') if codec in ('libx264','mpeg2video') else {}), **(dict(slicecrc='1', level='3') if codec=='ffv1' else {}))
        data = source.read_bytes()
        row = dict(truth='0-47...', expect='either', frames=48)
        for share in (0.002, .02, .1, .25, .4, .5, .6, .75, .9, .97, .99, .999):
            files.add('cut_off', f'{name}_{share}.{ending}', f'cut off after {share:.1%}', lambda path: Path(path).write_bytes(data[:int(len(data)*share)]), **row)
        def turned(at, n, value):
            changed = bytearray(data)
            for k in range(at, min(at+n, len(data))): changed[k] = changed[k]^(1<<files.rng.randrange(8)) if value is None else value
            return changed
        for share in (0, .01, .05, .2, .5, .8, .95, .999):
            at = min(int(len(data)*share)+files.rng.randrange(20), len(data)-1)
            files.add('turned_bits', f'{name}_{share}.{ending}', f'a bit turned at byte {at}', lambda path: Path(path).write_bytes(turned(at, 1, None)), **row)
        for share in (.01, .3, .7, .99):
            at = int(len(data)*share)
            files.add('noise', f'{name}_{share}.{ending}', f'24 bytes from {at} have a bit turned', lambda path: Path(path).write_bytes(turned(at, 24, None)), **row)
        for share,n in ((0,16), (.1,512), (.5,1024), (.9,200)):
            at = int(len(data)*share)
            files.add('zeros', f'{name}_{share}.{ending}', f'{n} bytes from {at} are zero', lambda path: Path(path).write_bytes(turned(at, n, 0)), **row)
        for share,n in ((.3,188), (.6,1000)):
            at = int(len(data)*share)
            files.add('missing', f'{name}_{share}.{ending}', f'{n} bytes from {at} are missing', lambda path: Path(path).write_bytes(data[:at]+data[at+n:]), **row)
        files.add('missing', f'{name}_tail.{ending}', 'random bytes follow', lambda path: Path(path).write_bytes(data+files.rng.randbytes(3000)), **row)
        files.add('missing', f'{name}_head.{ending}', 'random bytes stand first', lambda path: Path(path).write_bytes(files.rng.randbytes(300)+data), **row)

def others(files):
    "Files that are no videos, or are called something else."
    whole = dict(truth='0-23')
    for wrong,right,codec in (('avi','mp4','libx264'), ('mp4','avi','mpeg4'), ('mkv','mpg','mpeg2video'), ('mpg','mkv','libx264'), ('mp4','gif','gif'), ('gif','mp4','libx264'), ('mov','ts','libx264'), ('mp4','webm','libvpx-vp9'), ('flv','mp4','libx264'), ('mpg','h264','libx264'), ('mp4','m2v','mpeg2video')):
        files.add('endings', f'{right}_as.{wrong}', f'{right} called .{wrong}', lambda path: encode(path, codec=codec, pix='rgb8' if codec=='gif' else 'yuv420p',
            format=dict(mkv='matroska', mpg='mpeg', ts='mpegts', m2v='mpeg2video').get(right, right)), expect='either' if right in ('h264','m2v') else 'right', **whole)
    files.add('endings', 'UPPER.MP4', 'ending in capitals', lambda path: encode(path, format='mp4'))
    nothing = dict(truth='', size='', expect='refuse')
    def text(path, content): Path(path).write_bytes(content)
    for name,content in (('empty.mp4',b''), ('one_byte.mp4',b'\0'), ('text.mp4',b'This is no video.\n'*50), ('zeros.mp4',bytes(5000)), ('random.mp4',files.rng.randbytes(5000)), ('random.avi',files.rng.randbytes(5000)), ('random.ts',b'G'+files.rng.randbytes(187)), ('random.mpg',b'\0\0\1\xba'+files.rng.randbytes(3000)),
        ('page.mp4',b'<!DOCTYPE html><html><body>404</body></html>'), ('list.m3u8',b'#EXTM3U\n#EXTINF:1,\nmissing.ts\n'), ('ftyp_only.mp4',struct.pack('>I4s4sI4s4s', 24, b'ftyp', b'isom', 512, b'isom', b'mp41')), ('concat.mp4',b"ffconcat version 1.0\nfile /etc/passwd\n"), ('riff.avi',b'RIFF\xff\xff\xff\xffAVI LIST'), ('ebml.mkv',b'\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01'), ('subtitles.mp4',b'1\n00:00:00,000 --> 00:00:01,000\nHello\n')):
        files.add('no_video', name, 'no video', lambda path: text(path, content), **nothing)
    def sound(path, codec='aac', format=None):
        with av.open(path, 'w', format=format) as file: file.mux(list(add_audio(file, codec=codec)()))
    for name,codec in (('sound.mp4','aac'), ('sound.mkv','aac'), ('sound.avi','mp2'), ('sound.ts','mp2')): files.add('no_video', name, 'sound only', lambda path: sound(path, codec), **nothing)
    for name,format in (('picture.png','PNG'), ('picture.jpg','JPEG'), ('picture_as.mp4','PNG'), ('picture.bmp','BMP'), ('picture.webp','WEBP')):
        files.add('no_video', name, 'a still picture', lambda path: Image.fromarray(draw(0, 64, 64)).save(path, format=format), truth='0-0', expect='either')
    def no_pictures(path):
        with av.open(path, 'w') as file:
            stream = file.add_stream('mpeg4', rate=25)
            stream.width,stream.height,stream.pix_fmt = 64,64,'yuv420p'
            file.start_encoding()
    for ending in ('mp4','mkv','avi','mov'): files.add('no_video', f'no_pictures.{ending}', 'a stream without pictures', no_pictures, **nothing)
    files.add('no_video', 'fifo.mp4', 'a pipe that nobody writes to', os.mkfifo, **nothing)
    files.add('no_video', 'folder.mp4', 'a folder', os.mkdir, **nothing)
    files.add('no_video', 'dangling.mp4', 'a link to nothing', lambda path: os.symlink('nowhere.mp4', path), **nothing)
    files.add('no_video', 'circle.mp4', 'a link to itself', lambda path: os.symlink('circle.mp4', path), **nothing)
    files.add('no_video', 'device.mp4', 'a link to /dev/null', lambda path: os.symlink('/dev/null', path), **nothing)
    files.add('no_video', 'endless.mp4', 'a link to /dev/zero', lambda path: os.symlink('/dev/zero', path), **nothing)
    def closed(path):
        encode(path)
        os.chmod(path, 0)
    files.add('names', 'closed.mp4', 'may not be read (root can)', closed, expect='either')
    def link(path):
        encode(path+'.target.mp4')
        os.symlink(os.path.basename(path)+'.target.mp4', path)
    files.add('names', 'link.mp4', 'a link to a video', link)
    for name,odd in (('with space.mp4','a space'), ("quote'd.mp4",'a quote'), ('double"quote.mp4','a double quote'), ('comma,semicolon;.mp4','a comma'), ('new\nline.mp4','a new line'), ('ünïcode 视频.mp4','letters of other alphabets'), (os.fsdecode(b'odd\xff\xfebytes.mp4'),'bytes that are no UTF-8'), ('l'*240+'.mp4','245 letters'),
        ('-dash.mp4','begins with a dash'), ('%03d.mp4','a pattern of ffmpeg'), ('*.mp4','a star'), ('file:odd.mp4','a protocol'), ('concat:a|b.mp4','a protocol'), ('http:odd.mp4','a protocol'), (' .mp4','a space only'), ('#hash?.mp4','an address'), ('tab\t.mp4','a tab'), ('back\\slash.mp4','a backslash'), ('[list].mp4','brackets'), ('carriage\rreturn.mp4','a carriage return')):
        def make(path):
            encode(files.out/'name.mp4')
            os.rename(files.out/'name.mp4', path)
        files.add('names', name, f'its name: {odd}', make)

def by_program(files):
    "What only the program ffmpeg writes."
    source,long_ = files.out/'lossless.mkv',files.out/'lossless48.mkv'
    encode(source, range(24), codec='ffv1')
    encode(long_, range(48), codec='ffv1')
    for name,odd,args in (('theora.ogv','Theora','-i {} -c:v libtheora -q:v 10'), ('aom.mkv','AV1 of libaom','-i {} -c:v libaom-av1 -cpu-used 8 -crf 10'),
        ('dirac.mkv','VC-2','-i {} -c:v vc2'), ('j2k.mov','JPEG 2000','-i {} -c:v libopenjpeg'), ('pal.avi','a palette','-i {} -vf split[a][b];[a]palettegen[p];[b][p]paletteuse -c:v rawvideo -pix_fmt pal8'), ('pal.mov','a palette','-i {} -vf split[a][b];[a]palettegen[p];[b][p]paletteuse -c:v png'),
        ('dvd.vob','a DVD','-i {} -c:v mpeg2video -bf 2 -b:v 3M -f dvd'), ('svcd.mpg','an SVCD','-i {} -c:v mpeg2video -bf 2 -b:v 2M -f svcd'), ('wtv.wtv','WTV','-i {} -c:v mpeg2video -b:v 2M'),
        ('offset.mp4','begins late','-itsoffset 3 -i {} -vsync 0 -c:v libx264 -bf 2'), ('copyts.ts','begins late','-itsoffset 300 -i {} -c:v libx264 -bf 2 -copyts -muxdelay 0'), ('bt2020.mp4','BT.2020','-i {} -c:v libx265 -x265-params log-level=none -pix_fmt yuv420p10le -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc'),
        ('bff.mpg','bottom field first','-i {} -c:v mpeg2video -flags +ildct+ilme -top 0 -bf 2 -b:v 3M'), ('temporal.mp4','a silent second track','-i {} -f lavfi -i anullsrc=r=44100 -shortest -c:v libx264'), ('hls.m3u8','a play list','-i {} -c:v libx264 -f hls'), ('mjpeg.mkv','MJPEG','-i {} -c:v mjpeg -q:v 2'), ('vp9_altref.webm','hidden pictures','-i {} -c:v libvpx-vp9 -auto-alt-ref 1 -lag-in-frames 16 -crf 10 -b:v 0 -cpu-used 5')):
        files.ffmpeg('program', name, odd, args, source, expect='either' if name in ('wtv.wtv','hls.m3u8','dirac.mkv') else 'right')
    for ending in ('mp4','mkv','ts','mov','avi'):
        base = files.out/f'copy.{ending}'
        if files.program: subprocess.run([files.program, '-v','error','-y','-i',str(long_),'-c:v','libx264','-g','16','-bf','0' if ending=='avi' else '2','-sc_threshold','0',str(base)], check=True)
        for second in ('0.4','0.76','1.2'): # whole from the key frame before where nothing hides it
            keys = '|'.join(f'{k}-47' for k in range(34)) # from a key frame before the cut or after it, as the container can be searched
            files.ffmpeg('program', f'from{second}.{ending}', f'copied from second {second}', f'-ss {second} -i {{}} -c copy', base, truth=keys, expect='either')
        files.ffmpeg('program', f'from_copyts.{ending}', 'copied with its times', '-ss 0.76 -copyts -i {} -c copy', base, truth='|'.join(f'{k}-47' for k in range(33)), expect='either')
        files.ffmpeg('program', f'to.{ending}', 'copied for 0.8 s', '-i {} -t 0.8 -c copy', base, truth='0-23...', expect='either')

def links(out):
    "Folders for `Manifest.from_folder`: 20 videos, links that lead back up, across, and twice to the same place."
    place = out/'links'
    for folder in ('a','b'): (place/folder).mkdir(parents=True)
    for i in range(20): encode(place/'ab'[i%2]/f'{i}.mp4', range(8))
    for name,target in (('a/up','..'), ('b/across','../a'), ('a/self','.'), ('a/other','../b'), ('twice','a')): os.symlink(target, place/name)

def main(out, seed):
    out = Path(out)
    if out.exists() and any(p.name not in ('FAILURES.md',) for p in out.iterdir()): sys.exit(f'{out} is not empty: give a new folder')
    out.mkdir(parents=True, exist_ok=True)
    av.logging.set_level(None)
    files = Files(out, seed)
    for kind in (plain, reordered, pixels, sizes, display, edits, timestamps, cuts, concatenations, streams, damaged, others, by_program): kind(files)
    links(out)
    for path in out.iterdir():
        if path.is_file() and path.name!='FAILURES.md': path.unlink()
    shutil.rmtree(out/'parts')
    files.write()
    print(*(f'left out: {failed}' for failed in files.failed), sep='\n')
    print(f'{len(files.rows)} files in {out}, {len(files.failed)} left out because PyAV does not write them, {files.need_program} because the program ffmpeg is not installed')

if __name__=='__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out')
    parser.add_argument('--seed', type=int, default=0)
    main(**vars(parser.parse_args()))
