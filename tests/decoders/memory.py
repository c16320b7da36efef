"""Decodes pictures that take much memory, with 1, 2, 8 and 16 threads: tests/decoders/memory.py PROGRAM

All of them have to be read, and the program may not take more than the decoders' 1.25 GiB on top of what it takes for two small
pictures. Among them are a photograph of 108 megapixels, baseline and progressive; and a pipe, an endless file and a file of
3 GiB, of which no more than the start may be read.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

THREADS = [1, 2, 8, 16]
DECODERS = 1280 << 20
# Stacks and heaps of 16 threads, and the start of files.
BESIDE = 64 << 20


def texture(width, height, mode="RGB"):
    """A picture that is neither flat nor noise."""
    small = Image.effect_noise((width // 16, height // 16), 90)
    bands = [small.rotate(90 * band).resize((width, height)) for band in range(3)]
    return Image.merge("RGB", bands).convert(mode)


def make(folder):
    cats, dogs = folder / "cats", folder / "dogs"
    cats.mkdir(parents=True)
    dogs.mkdir()
    phone = texture(12_000, 9_000)
    phone.save(cats / "108-megapixels.jpg", quality=85)
    phone.save(cats / "108-megapixels-progressive.jpg", quality=85, progressive=True)
    camera = texture(6_000, 4_000)
    for index in range(16):
        camera.save(dogs / f"progressive-{index}.jpg", quality=80, progressive=True, subsampling=index % 3)
    large = camera.resize((8_000, 6_000))
    large.save(dogs / "a.png", compress_level=1)
    large.convert("P").save(dogs / "b.gif")
    large.save(dogs / "c.bmp")
    large.save(dogs / "d.webp", quality=60, method=0)


def special(folder):
    """Files that are no pictures, and how many."""
    os.mkfifo(folder / "cats/pipe.jpg")
    (folder / "cats/zero.jpg").symlink_to("/dev/zero")
    with open(folder / "cats/huge.gif", "wb") as huge:
        huge.write(b"GIF89a")
        huge.truncate(3 << 30)
    return 3


def peak(program, folder, threads, cache):
    """Bytes at most, seconds, and what was reported."""
    begun = time.monotonic()
    child = subprocess.Popen(
        [program, "dataset", "check", "--json", folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "RAYON_NUM_THREADS": str(threads), "XDG_CACHE_HOME": cache},
    )
    report = json.loads(child.stdout.read())
    _, _, usage = os.wait4(child.pid, 0)
    return usage.ru_maxrss << 10, time.monotonic() - begun, report["folders"][0]


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as place:
        small, large = Path(place, "small"), Path(place, "large")
        for name in ["cats", "dogs"]:
            (small / name).mkdir(parents=True)
            Image.new("L", (9, 9)).save(small / name / "a.png")
        # In a process of its own: what a process takes counts for those that it starts.
        maker = multiprocessing.Process(target=make, args=[large])
        maker.start()
        maker.join()
        pictures, others = sum(1 for _ in large.rglob("*.*")), special(large)
        wrong = False
        for threads in THREADS:
            idle, _, _ = peak(program, small, threads, os.path.join(place, f"cache-{threads}"))
            most, seconds, report = peak(program, large, threads, os.path.join(place, f"cache-{threads}"))
            taken = most - idle
            good = taken <= DECODERS + BESIDE and (report["usable"], report["files"]) == (pictures, pictures + others)
            wrong |= not good
            print(
                f"{threads:2} threads: {taken >> 20} MiB on top of {idle >> 20}, {report['usable']} of {pictures} read, "
                f"{seconds:.1f} s{'' if good else '   WRONG'}"
            )
            if not good:
                print("\n".join(f"  {file['path']}: {file['reason']}" for file in report["skipped"]))
        sys.exit(wrong)


main()
