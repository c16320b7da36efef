#!/usr/bin/env python3
"""Pictures of every layout, good and damaged, and what Pillow sees in them. Run by tests/decoders/run.

    make_pictures.py FOLDER [--damages N] [--seed N]

FOLDER/sweep holds a JPEG of each layout of scans, sampling, restarts and quality, written by cjpeg, and pictures of the other
formats; FOLDER/damaged holds the same with bytes dropped, doubled, flipped or inserted at N places in ten pictures of each
format. Beside each file that Pillow reads lies FILE.gray: convert("L"), then 32 x 32 with BILINEAR; and FILE.rgb: convert("RGB"). A damaged file is named
after the good one, `<good>~<damage>`, whose gray bytes lie beside it as `<good>.gray`.
"""

import argparse
import io
import itertools
import subprocess
import warnings
from pathlib import Path
from random import Random

from PIL import Image, ImageOps

Image.MAX_IMAGE_PIXELS = None

SIZE = 32
SAMPLINGS = [
    "1x1,1x1,1x1",
    "2x1,1x1,1x1",
    "1x2,1x1,1x1",
    "2x2,1x1,1x1",
    "4x1,1x1,1x1",
    "1x4,1x1,1x1",
    "4x2,1x1,1x1",
    "3x1,1x1,1x1",
    "1x3,1x1,1x1",
    # Chroma finer than luma, and one channel finer than the other.
    "1x1,2x2,2x2",
    "2x2,2x1,1x1",
    "2x2,1x2,2x1",
]
# What cjpeg's -scans reads: the components of each scan; for progressive ones also coefficients and bits.
SCANS = {
    "interleaved": None,
    "y-cb-cr": "0;1;2;",
    "cb-cr-y": "1;2;0;",
    "y-cbcr": "0;1,2;",
    "cr-ycb": "2;0,1;",
    "progressive": "progressive",
    "spectral": "0,1,2:0-0,0,0;1:1-63,0,0;2:1-63,0,0;0:1-9,0,0;0:10-63,0,0;",
    "bits": "0:0-0,0,1;2:0-0,0,1;1:0-0,0,1;0:1-63,0,2;1,2,0:0-0,1,0;2:1-63,0,1;1:1-63,0,0;0:1-63,2,1;2:1-63,1,0;0:1-63,1,0;",
}
RESTARTS = [None, "1B", "1"]
QUALITIES = [35, 90]


def photo(random, width, height):
    """A picture with slow colours, edges and some noise, as photographs have them."""
    picture = Image.new("RGB", (width, height))
    pixels = picture.load()
    a, b, c = (random.uniform(1, 6) for _ in range(3))
    edge = random.randrange(width // 4, width * 3 // 4)
    for y, x in itertools.product(range(height), range(width)):
        base = [a * x + b * y, 255 - c * y - x, 90 + (a + b) * (x - y) / 2]
        shift = 70 if x > edge else 0
        pixels[x, y] = tuple(int(min(255, max(0, value % 300 - shift + random.gauss(0, 8)))) for value in base)
    return picture


def made_of(file, mode):
    """What Pillow makes of it, "L" or "RGB", or None where it refuses."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(file), formats=["JPEG", "PNG", "GIF", "BMP", "WEBP"]) as picture:
                picture.load()
                try:
                    picture = ImageOps.exif_transpose(picture)
                except Exception:
                    pass  # Damaged metadata make no damaged picture.
                if picture.mode.startswith("I;16"):
                    high = 0 if picture.mode.endswith("B") else 1
                    picture = Image.frombytes("L", picture.size, picture.tobytes()[high::2])
                return picture.convert(mode).resize((SIZE, SIZE), Image.Resampling.BILINEAR).tobytes()
    except Exception:
        return without_end(file, mode)


def without_end(file, mode):
    """Pillow refuses a JPEG without its end marker; what djpeg makes of it, if it misses nothing else."""
    if not file.startswith(b"\xff\xd8"):
        return None
    made = subprocess.run(["djpeg", "-pnm"], input=file, capture_output=True)
    if made.returncode != 0 or made.stderr.strip() != b"Premature end of JPEG file":
        return None
    made = Image.open(io.BytesIO(made.stdout)).convert(mode)
    return made.resize((SIZE, SIZE), Image.Resampling.BILINEAR).tobytes()


def saved(picture, format, **options):
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def cjpeg(picture, folder, *options, scans=None):
    """Writes a JPEG as these options of cjpeg say."""
    arguments = ["cjpeg", "-quality", "90", *options]
    if scans == "progressive":
        arguments.append("-progressive")
    elif scans:
        script = folder / "scans.txt"
        script.write_text(scans)
        arguments += ["-scans", str(script)]
    made = subprocess.run(arguments, input=saved(picture, "PPM"), capture_output=True)
    return made.stdout if made.returncode == 0 else None


def jpegs(random, folder):
    """Name and file of each layout."""
    sizes = itertools.cycle([(67, 45), (64, 48), (33, 81), (17, 16), (120, 90)])
    for (name, scans), sampling, restart, quality in itertools.product(
        SCANS.items(), SAMPLINGS, RESTARTS, QUALITIES
    ):
        restarts = ["-restart", restart] if restart else []
        picture = photo(random, *next(sizes))
        options = ["-sample", sampling, "-quality", str(quality), *restarts]
        file = cjpeg(picture, folder, *options, scans=scans)
        if file:
            yield f"{name} {sampling} {restart} {quality}.jpg", file
    for name, options in {
        "gray": ["-grayscale"],
        "gray 2x2": ["-grayscale", "-sample", "2x2"],
        "rgb": ["-rgb"],
        "arithmetic": ["-arithmetic"],
        "smoothed": ["-smooth", "50", "-optimize"],
    }.items():
        file = cjpeg(photo(random, 50, 37), folder, *options)
        if file:
            yield f"{name}.jpg", file


def others(random):
    """Name and file of pictures of the other formats, ten of each and more."""
    rgb = [photo(random, *size) for size in [(40, 30), (33, 47), (64, 16), (29, 29)]]
    alpha = Image.merge("RGBA", [*rgb[1].split(), rgb[1].split()[2].point(lambda x: x // 90 * 100)])
    gray, small = rgb[2].convert("L"), rgb[3].resize((9, 7))
    palette = rgb[0].quantize(40)
    bits = rgb[1].convert("1")
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = Image.frombytes("I;16", (20, 15), random.randbytes(600))
    for name, picture, options in [
        ("rgb", rgb[0], {}),
        ("rgba", alpha, {}),
        ("gray", gray, {}),
        ("gray alpha", alpha.convert("LA"), {}),
        ("palette", palette, {}),
        ("bits", bits, {}),
        ("few colours", rgb[3].quantize(4), {"bits": 2}),
        ("16 bits", wide, {}),
        ("turned", rgb[1], {"exif": exif}),
        ("transparent palette", palette, {"transparency": 3}),
        ("stored", rgb[2], {"compress_level": 0}),
        ("small", small, {}),
    ]:
        yield f"{name}.png", saved(picture, "PNG", **options)
    for name, picture, options in [
        ("palette", palette, {}),
        ("interlaced", palette, {"interlace": 1}),
        ("plain", rgb[2].quantize(250), {"interlace": 0}),
        ("gray", gray, {}),
        ("bits", bits, {}),
        ("transparent", palette, {"transparency": 2}),
        ("animated", palette, {"save_all": True, "append_images": [rgb[3].quantize(20)]}),
        ("few", rgb[3].quantize(4), {}),
        ("large", rgb[1].resize((130, 90)).quantize(256), {}),
        ("small", small.quantize(16), {}),
    ]:
        yield f"{name}.gif", saved(picture, "GIF", **options)
    # A frame smaller than the canvas.
    frame = bytearray(saved(palette, "GIF"))
    frame[6:10] = (60).to_bytes(2, "little") + (50).to_bytes(2, "little")
    yield "canvas.gif", bytes(frame)
    for name, picture in [
        ("rgb", rgb[0]),
        ("odd", rgb[1]),
        ("gray", gray),
        ("palette", palette),
        ("bits", bits),
        ("rgba", alpha),
        ("square", rgb[3]),
        ("small", small),
        ("long", rgb[2]),
        ("large", rgb[1].resize((150, 99))),
    ]:
        yield f"{name}.bmp", saved(picture, "BMP")
    for name, picture, options in [
        ("lossy", rgb[0], {"quality": 80}),
        ("poor", rgb[1], {"quality": 20}),
        ("lossless", rgb[1], {"lossless": True}),
        ("alpha", alpha, {"quality": 70}),
        ("lossless alpha", alpha, {"lossless": True, "exact": True}),
        ("animated", rgb[0], {"save_all": True, "append_images": [rgb[0].rotate(90)], "lossless": True}),
        ("turned", rgb[1], {"exif": exif, "quality": 90}),
        ("gray", gray.convert("RGB"), {"quality": 75, "method": 6}),
        ("large", rgb[2].resize((200, 150)), {"quality": 60}),
        ("small", small, {"quality": 95}),
    ]:
        yield f"{name}.webp", saved(picture, "WEBP", **options)


def damaged(random, file):
    """One kind of damage at one place."""
    at, count = random.randrange(len(file)), random.choice([1, 1, 1, 2, 4, 16, 100])
    head, part, tail = file[:at], file[at : at + count], file[at + count :]
    kind = random.choice(["dropped", "doubled", "flipped", "inserted"])
    middle = {
        "dropped": b"",
        "doubled": part + part,
        "flipped": bytes(byte ^ (1 << random.randrange(8)) for byte in part),
        "inserted": random.randbytes(count) + part,
    }[kind]
    return f"{kind} {count} at {at}", head + middle + tail


def put(folder, name, file):
    (folder / name).write_bytes(file)
    gray, rgb = made_of(file, "L"), made_of(file, "RGB")
    if gray:
        (folder / f"{name}.gray").write_bytes(gray)
        (folder / f"{name}.rgb").write_bytes(rgb)
    return gray


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--damages", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random = Random(options.seed)
    sweep, damages = options.folder / "sweep", options.folder / "damaged"
    for folder in [sweep, damages]:
        folder.mkdir(parents=True)
    good = {"jpg": [], "png": [], "gif": [], "bmp": [], "webp": []}
    made = itertools.chain(jpegs(random, options.folder), others(random))
    for name, file in made:
        if put(sweep, name, file):
            good[name.rsplit(".", 1)[1]].append((name, file))
    for format, pictures in good.items():
        # Where metadata are damaged, nobody knows how the picture is to be turned.
        pictures = [(name, file) for name, file in pictures if not name.startswith("turned")]
        # JPEGs of many layouts.
        step = max(1, len(pictures) // 10)
        pictures = pictures[::step][:10]
        for name, file in pictures:
            put(damages, name, file)
        for index in range(options.damages):
            name, file = pictures[index % len(pictures)]
            damage, file = damaged(random, file)
            put(damages, f"{name}~{index} {damage}", file)


main()
