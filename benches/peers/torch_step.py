#!/usr/bin/env python3
"""Times training steps of the default network in PyTorch.

    target/peers/bin/python benches/peers/torch_step.py [--image-size 64] [--batch-size 32] [--steps 10]
        [--device cpu|cuda] [--tf32] [--amp] [--fp16] [--compile]
"""

import argparse

import torch
from torch import nn

from measure import add_options, measure


def network(image_size):
    side = image_size // 8
    return nn.Sequential(
        nn.Conv2d(1, 64, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(128, 256, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256 * side * side, 128), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(128, 64), nn.ReLU(),
        nn.Linear(64, 1),
    )


def step():
    """One training step; reading the loss waits for the device."""
    optimizer.zero_grad()
    # As ours, a step begins with bytes in the host's memory.
    x = pixels.to(args.device, non_blocking=True).to(memory_format=torch.channels_last).float() / 255
    with torch.autocast(args.device, torch.float16 if args.fp16 else torch.bfloat16, enabled=args.amp or args.fp16):
        loss = loss_of(model(x), labels)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    return loss.item()


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
add_options(parser)
parser.add_argument("--device", default="cpu", help="cpu or cuda")
parser.add_argument("--tf32", action="store_true", help="products of 10-bit mantissas on a GPU, for float32")
parser.add_argument("--amp", action="store_true", help="automatic mixed precision, bfloat16")
parser.add_argument("--fp16", action="store_true", help="automatic mixed precision, float16 with loss scaling, as ours")
parser.add_argument("--compile", action="store_true", help="torch.compile")
args = parser.parse_args()

# Convolutions would use TF32 unless told otherwise.
torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = args.tf32
torch.backends.cudnn.benchmark = True

torch.manual_seed(1)
# On a CPU, too, convolutions are faster with the channels last.
model = network(args.image_size).to(args.device, memory_format=torch.channels_last)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7, fused=True)
# Without halves it hands everything on as it is.
scaler = torch.amp.GradScaler(args.device, enabled=args.fp16)
loss_of = nn.BCEWithLogitsLoss()
pixels = torch.randint(256, (args.batch, 1, args.image_size, args.image_size), dtype=torch.uint8)
if args.device == "cuda":
    pixels = pixels.pin_memory()
labels = (torch.arange(args.batch, device=args.device) % 2).float()[:, None]
parameters = sum(p.numel() for p in model.parameters())
if args.compile:
    model = torch.compile(model)

chosen = ", ".join(name for name in ("tf32", "amp", "fp16", "compile") if getattr(args, name))
measure(
    step,
    args,
    peer=f"PyTorch {torch.__version__}{f' ({chosen})' if chosen else ''}",
    device=torch.cuda.get_device_name() if args.device == "cuda" else "CPU",
    parameters=parameters,
)
