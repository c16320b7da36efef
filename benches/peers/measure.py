"""What the scripts of this folder share: their options, the timing, and the line that benches/compare reads."""

import json
import re
import statistics
import time
from pathlib import Path

# The first builds graphs and buffers, the second fills caches.
WARM_UP = 2
# Seconds of steps that do not count on a GPU, which is slow at first; benches/train_step.rs has the same.
WARM_UP_SECONDS = 2.0


def add_options(parser):
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch-size", dest="batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10)


def measure(step, args, **about):
    """Time `step()`, which trains once and returns when its loss is known; print one line of JSON."""
    seconds = []
    warm_up = WARM_UP
    begin = time.perf_counter()
    while len(seconds) < warm_up + args.steps:
        start = time.perf_counter()
        step()
        end = time.perf_counter()
        seconds.append(end - start)
        if getattr(args, "device", "cpu") != "cpu" and end - begin < WARM_UP_SECONDS:
            warm_up = max(warm_up, len(seconds))
    rates = [args.batch / s for s in seconds[warm_up:]]
    print(json.dumps({
        **about,
        "image_size": args.image_size,
        "batch": args.batch,
        "steps": args.steps,
        "images_per_second": round(statistics.median_high(rates), 2),
        "first_step_seconds": round(seconds[0], 2),
        "peak_mib": peak_mib(),
    }))


def peak_mib():
    """Peak resident memory of this process; None where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) // 1024
