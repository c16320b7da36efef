"""What the scripts of this folder share: building, running, and naming the machine."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Failure(Exception):
    """Why a program has no result."""


def cargo(name, *command):
    """The executable of that name, which a cargo command builds."""
    built = subprocess.run(["cargo", *command, "--message-format=json-render-diagnostics"], stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        raise Failure(f"cargo {shlex.join(command)} failed, see above")
    artifacts = [json.loads(line) for line in built.stdout.splitlines()]
    return next(a["executable"] for a in artifacts if a.get("executable") and a["target"]["name"] == name)


def run(command, size, batch, steps):
    """What one run of a program measured."""
    options = ["--image-size", str(size), "--batch-size", str(batch), "--steps", str(steps)]
    process = subprocess.run([*command, *options], capture_output=True, text=True)
    if process.returncode != 0:
        tail = "\n".join(f"    {line}" for line in process.stderr.strip().splitlines()[-8:])
        raise Failure(f"exit code {process.returncode}\n{tail}")
    return json.loads(process.stdout.splitlines()[-1])


def machine():
    """CPU and cores of this machine."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return f"{os.uname().machine}, {os.cpu_count()} cores"
    name = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    vectors = "with" if "avx512f" in text.split() else "without"
    return f"{name[1] if name else os.uname().machine}, {os.cpu_count()} cores, {vectors} AVX-512"


def warn_if_busy():
    if os.getloadavg()[0] > 1:
        say(f"this machine has been busy (load {os.getloadavg()[0]:.1f}): on an idle one timings mean more")


def say(line):
    print(line, file=sys.stderr, flush=True)
