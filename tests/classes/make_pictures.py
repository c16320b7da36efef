#!/usr/bin/env python3
"""Ten classes as folders of pictures: tests/classes/make_pictures.py FOLDER

FOLDER/digits/{train,test}/<digit>  scikit-learn's digits, 8 x 8 gray levels of handwriting, each pixel 4 x 4 times as large:
                                    1400 to train on and 397 to test on, drawn with a fixed seed
FOLDER/hues/{train,test}/<hue>      ten hues on the same noise: every pixel has the same luma whatever its hue, to the bit, so that
                                    nothing tells them apart in gray
"""

import itertools
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

TEST_DIGITS = 397
TRAIN_HUES, TEST_HUES = 60, 20
SIZE = 32
CHROMA = 40


def save(folder, pixels):
    folder.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder)


def digits(folder):
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.images))
    for place, index in enumerate(order):
        kind = "test" if place < TEST_DIGITS else "train"
        # 17 levels, 0 to 16.
        pixels = (data.images[index] * 255 / 16).round().astype(np.uint8)
        save(folder / kind / str(data.target[index]) / f"{index:04}.png", np.kron(pixels, np.ones((4, 4), np.uint8)))


def luma(rgb):
    """As Pillow's convert("L") has it."""
    weights = np.array([19_595, 38_470, 7_471])
    return (rgb.astype(np.int64) @ weights + 0x8000) >> 16


def of_hue(y, angle):
    """RGB pixels of this luma and hue. Of the neighbours of what is rounded, the nearest that has the luma to the bit."""
    cb, cr = CHROMA * np.cos(angle), CHROMA * np.sin(angle)
    exact = np.stack([y + 1.402 * cr, y - 0.344_14 * cb - 0.714_14 * cr, y + 1.772 * cb], axis=-1)
    best, distance = np.zeros_like(exact, np.int64), np.full(y.shape, np.inf)
    for step in itertools.product([-1, 0, 1], repeat=3):
        rgb = exact.round().astype(np.int64) + np.array(step)
        far = np.abs(rgb - exact).sum(axis=-1)
        better = (luma(rgb) == y) & (far < distance)
        best[better], distance[better] = rgb[better], far[better]
    assert np.isfinite(distance).all() and best.min() >= 0 and best.max() <= 255
    return best.astype(np.uint8)


def hues(folder):
    random = np.random.default_rng(1)
    for kind, count in [("train", TRAIN_HUES), ("test", TEST_HUES)]:
        for number in range(count):
            # The same noise for all ten.
            y = random.integers(90, 166, size=(SIZE, SIZE))
            for hue in range(10):
                rgb = of_hue(y, 2 * np.pi * hue / 10)
                assert (np.asarray(Image.fromarray(rgb).convert("L")) == y).all()
                save(folder / kind / f"hue{hue}" / f"{number:03}.png", rgb)


def main():
    folder = Path(sys.argv[1])
    digits(folder / "digits")
    hues(folder / "hues")


if __name__ == "__main__":
    main()
