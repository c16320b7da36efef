#!/usr/bin/env python3
"""Does `pawgrad train` follow the loss curve that the same training gives in float64, in another framework?

    python -m venv /tmp/parity && /tmp/parity/bin/pip install -r tests/requirements.txt
    cargo build --release
    /tmp/parity/bin/python tests/parity/trajectory.py --device cpu --device software --rung conv2d=2_gemm

Makes random pictures and initial weights, trains the default network on them here (network_f64.py), then has the binary
train from the same weights, fused and with --no-fuse on each device, and once more per --rung; every loss in its
steps.jsonl must lie within 1e-4 of ours, relatively. A loss is taken before its update, so step 1 shows an error of the
forward pass, step 2 one of a gradient, and the first step of epoch 2 what a smaller last batch did.

Adam divides a gradient by its own size, so one flipped maximum or ReLU, or a few pixels one level off, can move a loss
by a percent ten steps later. Two consequences. Seeds are tried until float32 and random errors of 1e-6 leave every loss
in place: what differs then is not rounding. And pictures have the network's own size unless --resize is given, which
also demands that resizing equals Pillow 12's bit for bit (horizontal pass first, rounded to a byte, then vertical, both
with 22-bit integer weights).

`--self-test` needs no binary: it checks this script's gradients by finite differences, and that the comparison can fail.
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

import network_f64 as net

RTOL = 1e-4
CLASSES = ("cats", "dogs")


# ---- material -------------------------------------------------------------------------------------------------------

def make_pictures(folder, count, image_size, resize, random):
    """`count` PNGs under folder/{cats,dogs}: noisy stripes, level for cats and upright for dogs."""
    # File names whose byte order is neither the order of making nor a numeric or case-blind one; some lie deeper.
    patterns = ("{}.png", "a{}.png", "B{}.png", "more/{}.png", "{:03}.PNG")
    for i in range(count):
        label = int(i >= (count + 1) // 2)
        height = width = image_size
        if resize and i % 3:  # larger and smaller than the network's input, and not square
            height, width = random.integers(image_size // 2, 3 * image_size, 2)
        ramp = np.arange((height, width)[label]) / (height, width)[label]
        stripes = np.sin(2 * np.pi * (random.uniform(2, 5) * ramp + random.uniform()))
        stripes = stripes[:, None] if label == 0 else stripes[None, :]
        channels = 3 if i % 4 == 1 else 1
        tint = random.uniform(0.5, 1.0, channels)
        noise = random.normal(0, 40, (height, width, channels))
        pixels = (random.uniform(90, 160) + 50 * stripes[..., None] + noise) * tint
        pixels = pixels.clip(0, 255).astype(np.uint8)
        path = folder / CLASSES[label] / patterns[i % len(patterns)].format(i)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels if channels == 3 else pixels[..., 0]).save(path)


def load_pictures(folder, image_size):
    """Pictures [n, 1, S, S] in 0..1 and labels, in the byte order of the relative paths (hence cats before dogs)."""
    paths = sorted((p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()), key=str.encode)
    x = np.empty((len(paths), 1, image_size, image_size))
    for i, path in enumerate(paths):
        # convert("L") is BT.601 luma, rounded; BILINEAR is a triangle filter that widens when shrinking.
        gray = Image.open(folder / path).convert("L")
        x[i, 0] = np.asarray(gray.resize((image_size, image_size), Image.BILINEAR)) / 255.0
    return x, np.array([CLASSES.index(path.split("/")[0]) for path in paths])


def make_weights(image_size, random):
    """Glorot uniform weights; biases small but not zero, or a step that forgets them would pass step 1."""
    weights = {}
    for name, shape in net.shapes(image_size).items():
        limit = 0.05 if name.endswith("bias") else net.glorot_limit(shape)
        weights[name] = random.uniform(-limit, limit, shape).astype(np.float32)
    return weights


# ---- training in float64 --------------------------------------------------------------------------------------------

def train(weights, x, labels, dtype=np.float64, rounding=None):
    """The loss of every step, before its update. The last batch of an epoch is smaller and has its own mean.

    `rounding`, a random generator, disturbs the weights that each step computes with by 1e-6: a rough computer."""
    parameters = {name: w.astype(dtype) for name, w in weights.items()}
    optimizer, losses = net.Adam(parameters), []
    for _ in range(args.epochs):
        for start in range(0, len(x), args.batch_size):
            batch = slice(start, start + args.batch_size)
            used = parameters
            if rounding:
                used = {name: p * (1 + 1e-6 * rounding.standard_normal(p.shape)) for name, p in parameters.items()}
            loss, gradients = net.loss_and_gradients(used, x[batch].astype(dtype), labels[batch])
            parameters = optimizer.step(parameters, gradients)
            losses.append(float(loss))
    return losses


def largest_difference(losses, expected):
    return np.max(np.abs(np.array(losses) / expected - 1))


def settle(folder):
    """Write pictures and weights of the first seed whose losses do not hang on rounding; also returns those losses."""
    for seed in range(args.seed, args.seed + 20):
        random = np.random.default_rng(seed)
        for split, count in (("train", args.pictures), ("test", 5)):
            shutil.rmtree(folder / split, ignore_errors=True)
            make_pictures(folder / split, count, args.image_size, args.resize, random)
        weights = make_weights(args.image_size, random)
        x, labels = load_pictures(folder / "train", args.image_size)
        expected = train(weights, x, labels)
        # A near-tie flips in every other trial, so a few are needed to see it; float32 is one more.
        trials = [{"dtype": np.float32}, *[{"rounding": random}] * 5]
        for trial in trials:
            spread = largest_difference(train(weights, x, labels, **trial), expected)
            if not (spread <= RTOL / 10):
                print(f"seed {seed}: rounding alone moves a loss by {spread:.1e}", flush=True)
                break
        else:
            save_file(weights, folder / "weights.safetensors", metadata={"format": "pt"})
            return weights, x, labels, expected
    sys.exit("no seed is steady enough: fewer epochs, or a larger batch, may help")


# ---- comparing ------------------------------------------------------------------------------------------------------

def step_lines(losses, first=1):
    return "".join(json.dumps({"step": step, "loss": loss}) + "\n" for step, loss in enumerate(losses, first))


def compare(expected, steps_file):
    """(steps compared, worst relative difference, its step, why it fails or "")."""
    try:
        lines = [json.loads(line) for line in steps_file.read_text().splitlines()]
        steps, losses = [line["step"] for line in lines], [float(line["loss"]) for line in lines]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return 0, math.nan, 0, f"{steps_file.name}: {type(error).__name__}: {error}"
    # NaN is the worst there is; max() would pass over it.
    differences = [abs(got - want) / abs(want) for got, want in zip(losses, expected)]
    differences = [d if d == d else math.inf for d in differences]
    worst = max(differences, default=math.inf)
    step = differences.index(worst) + 1 if differences else 0
    if steps != list(range(1, len(expected) + 1)):
        return len(differences), worst, step, f"steps should be 1 to {len(expected)}, are {steps}"
    if not (worst <= RTOL):
        got, want = losses[step - 1], expected[step - 1]
        return len(differences), worst, step, f"loss of step {step} is {got!r}, should be {want:.9g}"
    return len(differences), worst, step, ""


def run(command, expected, out):
    """Train with the binary, then compare."""
    try:
        process = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True)
    except OSError as error:
        return 0, math.nan, 0, f"{command[0]}: {error}"
    if process.returncode != 0:
        tail = " | ".join(process.stderr.strip().splitlines()[-3:])
        return 0, math.nan, 0, f"exit code {process.returncode}: {tail}"
    return compare(expected, out / "steps.jsonl")


# ---- self-test ------------------------------------------------------------------------------------------------------

def self_test(weights, x, labels, expected):
    # The three entries of each tensor with the largest gradients. One cat, one dog and a small step: fewer kinks to cross.
    parameters = {name: w.astype(np.float64) for name, w in weights.items()}
    pair, eps = (x[[0, -1]], labels[[0, -1]]), 1e-7
    _, gradients = net.loss_and_gradients(parameters, *pair)
    worst = 0.0
    for name, p in parameters.items():
        g = np.asarray(gradients[name])
        for index in map(tuple, np.argwhere(np.abs(g) >= np.sort(np.abs(g).ravel())[-min(3, g.size)])):
            shifted = []
            for step in (eps, -eps):
                moved = p.copy()
                moved[index] += step
                shifted.append(float(net.loss_and_gradients({**parameters, name: moved}, *pair)[0]))
            difference = (shifted[0] - shifted[1]) / (2 * eps)
            worst = max(worst, abs(difference - g[index]) / abs(g[index]))
    print(f"gradients against central differences: worst relative difference {worst:.1e}")
    assert worst <= 1e-5

    def verdict(losses, first=1):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "steps.jsonl")
            file.write_text(step_lines(losses, first))
            return compare(expected, file)

    def changed(value, at=2):
        return [value if i == at else loss for i, loss in enumerate(expected)]

    assert verdict(expected) == (len(expected), 0.0, 1, "")
    assert verdict(changed(expected[2] * (1 + 0.9 * RTOL)))[2:] == (3, "")
    beyond = changed(expected[2] * (1 - 1.1 * RTOL))
    for wrong in (beyond, changed(math.nan), changed(math.inf), changed(None), expected[:-1], [*expected, expected[-1]], []):
        assert verdict(wrong)[3], wrong
    nowhere = Path("/nonexistent")
    assert verdict(expected, first=0)[3] and compare(expected, nowhere / "steps.jsonl")[3]
    assert run([str(nowhere)], expected, nowhere)[3] and run(["false"], expected, nowhere)[3]
    print("comparison: accepts equal losses, refuses wrong, NaN, missing, surplus and misnumbered ones")


# ---- command line ---------------------------------------------------------------------------------------------------

# Every rung of the ops that have a choice, forced in turn. conv2d runs on its own only where nothing is fused.
RUNS = [
    "--device cpu",
    "--device cpu --no-fuse",
    "--device cpu --micro-batch 3",
    "--device cpu --rung conv2d_relu_pool=reference --rung dense=reference",
    "--device cpu --no-fuse --rung conv2d=reference",
    "--device software",
    "--device software --micro-batch 3",
    "--device software --rung conv2d_relu_pool=1_plain",
    "--device software --rung conv2d_relu_pool=2_gemm --rung dense=3_registers",
    "--device software --rung conv2d_relu_pool=textures --rung dense=lanes",
    "--device software --no-fuse --rung conv2d=1_plain",
    "--device software --no-fuse --rung conv2d=lanes",
]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=Path("target/release/pawgrad"))
    parser.add_argument("--run", action="append", metavar="OPTIONS",
                        help="options of a run to compare; repeatable (default: every rung on the CPU and the software adapter)")
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=8, help="default 8, which does not divide the default --pictures")
    parser.add_argument("--pictures", type=int, default=30, help="training pictures (default 30)")
    parser.add_argument("--seed", type=int, default=4, help="of the pictures and the initial weights; the first to try")
    parser.add_argument("--mixed", action="store_true", help="round the factors of convolutions to halves here too")
    parser.add_argument("--rtol", type=float, default=RTOL, help=f"how far a loss may be off, relatively (default {RTOL:.0e})")
    parser.add_argument("--resize", action="store_true", help="pictures of many sizes; demands Pillow's resizing bit for bit")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="put pictures, weights and runs here, and leave them there")
    parser.add_argument("--self-test", action="store_true", help="check this script; runs no binary")
    args = parser.parse_args()
    args.run = args.run or RUNS
    args.binary = args.binary.absolute()
    if not args.self_test and not args.binary.exists():
        parser.error(f"{args.binary} does not exist: cargo build --release, or --binary PATH")
    if args.keep and args.keep.exists() and any(args.keep.iterdir()):
        parser.error(f"--keep {args.keep}: the folder is not empty")
    return args


def main(folder):
    weights, x, labels, expected = settle(folder)
    (folder / "expected.jsonl").write_text(step_lines(expected))
    print("float64 losses:", " ".join(f"{loss:.6f}" for loss in expected), flush=True)
    if args.self_test:
        self_test(weights, x, labels, expected)
        return True

    command = [str(args.binary), "train", "--train-dir", str(folder / "train"), "--test-dir", str(folder / "test"),
               "--image-size", str(args.image_size), "--epochs", str(args.epochs), "--batch-size", str(args.batch_size),
               "--dropout", "0", "--no-shuffle", "--init-weights", str(folder / "weights.safetensors")]
    print(f"{'options':64} {'steps':>5} {'worst':>9} {'at step':>7}  (relative, limit {RTOL:.0e})")
    passed = True
    for number, options in enumerate(args.run, 1):
        steps, worst, step, failure = run([*command, *options.split()], expected, folder / f"run{number}")
        print(f"{options:64} {steps:5} {worst:9.2e} {step:7}  {'FAIL: ' + failure if failure else 'PASS'}", flush=True)
        passed &= not failure
    return passed


if __name__ == "__main__":
    args = arguments()
    RTOL, net.MIXED = args.rtol, args.mixed
    if args.keep:
        ok = main(args.keep.absolute())
    else:
        with tempfile.TemporaryDirectory(prefix="pawgrad-parity-") as temporary:
            ok = main(Path(temporary))
    sys.exit(0 if ok else 1)
