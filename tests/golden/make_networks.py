#!/usr/bin/env python3
"""Writes networks.json: two networks of examples/networks as wholes, in float64 on JAX.

    python tests/golden/make_networks.py            writes tests/golden/networks.json
    python tests/golden/make_networks.py --check    writes nothing; compares with the file that is there

Run it in a virtual environment with tests/requirements.txt. It reads the same TOML files as pawgrad, but shares no code with
it. Weights are a formula, as there are too many to store; so are gradients: of each tensor its norm, and its sum with weights
of the same formula, which a single wrong element changes.
"""

import argparse
import json
import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

HERE = Path(__file__).parent
NETWORKS = HERE.parents[1] / "examples" / "networks"
STEMS = {"conv2d": "conv", "max_pool2d": "pool"}
# What pawgrad's kernels are given in f32.
f32 = lambda value: float(np.float32(value))
EPSILON, MOMENTUM, REST = f32(1e-3), f32(0.99), f32(1.0 - 0.99)
LR, BETA1, BETA2, ADAM_EPSILON = 0.001, 0.9, 0.999, 1e-7


def layers(name, classes):
    """Name, type, inputs and fields of each layer, with what the file leaves out."""
    found, logits = [], 1 if classes == 2 else classes
    for fields in tomllib.loads((NETWORKS / f"{name}.toml").read_text())["layers"]:
        kind = fields.pop("type")
        stem, taken = STEMS.get(kind, kind), {layer[0] for layer in found}
        free = next(f"{stem}{n}" for n in range(1, 1000) if f"{stem}{n}" not in taken)
        name, inputs = fields.pop("name", free), fields.pop("inputs", [found[-1][0] if found else "input"])
        fields = {key: logits if value == "classes" else value for key, value in fields.items()}
        found.append((name, kind, inputs, fields))
    return found


def formula(k, shape, scale, middle=0.0):
    i = np.arange(np.prod(shape), dtype=np.uint64)  # no overflow: i < 2^21, so the product stays below 2^52
    u = (i * np.uint64(1103515245) + np.uint64(12345 + 977 * k)) % np.uint64(2**31)
    return np.float32(middle + (u.astype(np.float64) / 2**31 - 0.5) * scale).astype(np.float64).reshape(shape)


def build(network, channels):
    """Every tensor with its first value, in the order of the file."""
    tensors, widths = {}, {"input": channels}

    def add(name, shape, scale, middle=0.0):
        tensors[name] = dict(shape=list(shape), k=len(tensors), s=scale, middle=middle)
        tensors[name]["value"] = formula(tensors[name]["k"], shape, scale, middle)

    for name, kind, inputs, fields in network:
        width = widths[inputs[0]]
        if kind == "conv2d":
            out, size = fields["filters"], fields["kernel_size"]
            add(f"{name}.weight", (out, width, size, size), float(np.sqrt(24.0 / ((out + width) * size * size))))
            width = out
        elif kind == "dense":
            add(f"{name}.weight", (fields["units"], width), float(np.sqrt(24.0 / (fields["units"] + width))))
            width = fields["units"]
        elif kind == "batch_norm":
            add(f"{name}.gamma", (width,), 0.5, 1.0)
            add(f"{name}.beta", (width,), 0.25)
            add(f"{name}.moving_mean", (width,), 0.0)
            add(f"{name}.moving_variance", (width,), 0.0, 1.0)
        if kind in ("conv2d", "dense") and fields.get("use_bias", True):
            add(f"{name}.bias", (width,), 0.02)
        widths[name] = width
    return tensors


def forward(network, tensors, x):
    """The logits, and the moving statistics behind the batch."""
    values, moved = {"input": x}, {}
    for name, kind, inputs, fields in network:
        x = values[inputs[0]]
        if kind == "conv2d":
            stride = fields.get("strides", 1)
            x = jax.lax.conv_general_dilated(x, tensors[f"{name}.weight"], (stride, stride), fields["padding"].upper())
            assert not fields["use_bias"]
        elif kind == "batch_norm":
            axes = (0, 2, 3)
            mean, variance = x.mean(axes), x.var(axes)
            of_maps = lambda v: v[:, None, None]
            x = of_maps(tensors[f"{name}.gamma"]) * (x - of_maps(mean)) / jnp.sqrt(of_maps(variance) + EPSILON)
            x = x + of_maps(tensors[f"{name}.beta"])
            for which, now in ("mean", mean), ("variance", variance):
                key = f"{name}.moving_{which}"
                moved[key] = tensors[key] * MOMENTUM + now * REST
        elif kind == "relu":
            x = jax.nn.relu(x)
        elif kind == "add":
            x = values[inputs[0]] + values[inputs[1]]
        elif kind == "max_pool2d":
            size = fields["pool_size"]
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, size, size), (1, 1, size, size), "VALID")
        elif kind == "global_avg_pool":
            x = x.mean((2, 3))
        elif kind == "dense":
            x = x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]
        else:
            assert kind == "dropout", kind  # its rate is 0 here
        values[name] = x
    return x, moved


def golden(name, classes, size=16, batch=3, steps=8):
    network = layers(name, classes)
    table = build(network, 3)
    n, h, w, c = np.ogrid[:batch, :size, :size, :3]
    pixels = (37 * n + h * h * (5 + n) + 11 * w * (1 + n * h) + 3 * w * w + 89 * c * (1 + w)) % 256
    labels = np.arange(batch) % classes
    x = jnp.asarray(pixels.transpose(0, 3, 1, 2) / 255.0)

    state = {key: jnp.asarray(entry.pop("value")) for key, entry in table.items()}
    is_learned = lambda key: "moving" not in key

    def loss(learned, rest):
        logits, moved = forward(network, {**rest, **learned}, x)
        if classes == 2:
            of_pictures = jax.nn.softplus(jnp.where(labels == 1, -1.0, 1.0) * logits[:, 0])
        else:
            of_pictures = -jax.nn.log_softmax(logits)[np.arange(batch), labels]
        return of_pictures.mean(), moved

    step = jax.jit(jax.value_and_grad(loss, has_aux=True))

    def train(state, seen):
        """The losses of the steps, and the tensors behind them; `seen` is given the first gradients."""
        learned = {key: value for key, value in state.items() if is_learned(key)}
        rest = {key: value for key, value in state.items() if not is_learned(key)}
        m, v = ({key: jnp.zeros_like(value) for key, value in learned.items()} for _ in range(2))
        losses = []
        for t in range(1, steps + 1):
            (value, moved), gradients = step(learned, rest)
            losses.append(float(value))
            if t == 1:
                seen(gradients)
            rate = f32(LR * (1 - BETA2**t) ** 0.5 / (1 - BETA1**t))
            for key, g in gradients.items():
                m[key] = m[key] + (g - m[key]) * f32(1 - BETA1)
                v[key] = v[key] + (g * g - v[key]) * f32(1 - BETA2)
                learned[key] = learned[key] - rate * m[key] / (jnp.sqrt(v[key]) + f32(ADAM_EPSILON))
            rest = moved
        return losses, {**learned, **rest}

    def describe(what, values):
        for key, value in values.items():
            value, entry = np.asarray(value), table[key]
            entry[f"{what}_l2"] = float(np.linalg.norm(value.ravel()))
            entry[f"{what}_sum"] = float((value * formula(1000 + entry["k"], value.shape, 2.0)).sum())

    losses, behind = train(state, lambda gradients: describe("gradient", gradients))
    describe("moved", {key: value - state[key] for key, value in behind.items()})
    # What rounding alone may do to losses and gradients: the weights are moved by the last place of an f32, up or down.
    random = np.random.default_rng(1)
    moves, gradient_moves = [0.0] * steps, []

    def compare_gradients(gradients):
        for key, value in gradients.items():
            entry, value = table[key], np.asarray(value)
            norm, sum_ = np.linalg.norm(value.ravel()), (value * formula(1000 + entry["k"], value.shape, 2.0)).sum()
            far = max(abs(norm - entry["gradient_l2"]), abs(sum_ - entry["gradient_sum"]))
            gradient_moves.append(far / entry["gradient_l2"])

    for _ in range(8):
        nudged = {key: value * (1 + random.choice([-1, 1], value.shape) * 2.0**-23) for key, value in state.items()}
        moves = [max(move, abs(a - b)) for move, a, b in zip(moves, losses, train(nudged, compare_gradients)[0])]
    return {"network": name, "classes": classes, "image_size": size, "learning_rate": LR, "pixels_u8": pixels.ravel().tolist(),
            "labels": labels.tolist(), "losses": losses, "losses_moved_by_rounding": moves, "gradients_moved_by_rounding": float(max(gradient_moves)),
            "tensors": [{"name": key, **entry} for key, entry in table.items()]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; compare with the file that is there")
    check = parser.parse_args().check
    made = [golden("batch_norm", 2), golden("residual", 3)]
    path = HERE / "networks.json"
    if check:
        from make_golden import compare
        compare(made, json.loads(path.read_text()))
        print(f"{path.name} is what this machine computes")
        return
    compact = lambda value: json.dumps(value, separators=(",", ":"), allow_nan=False)
    one = lambda item: "{" + ",\n".join(
        f"{compact(key)}:" + ("[\n" + ",\n".join(map(compact, value)) + "\n]" if key == "tensors" else compact(value))
        for key, value in item.items()) + "}"
    path.write_text("[" + ",\n".join(map(one, made)) + "]\n")
    print(f"wrote {path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
