#!/usr/bin/env python3
"""Writes golden.json: what every kernel must compute, said by JAX in float64 with its own autodiff.

    python -m venv /tmp/golden && /tmp/golden/bin/pip install -r tests/requirements.txt
    /tmp/golden/bin/python tests/golden/make_golden.py            # write golden.json beside this file
    /tmp/golden/bin/python tests/golden/make_golden.py --check    # only compare with the file, to 12 digits

Made with Python 3.11.7, jax and jaxlib 0.10.2, numpy 2.4.6, keras 3.15.1 (also stored under "made_with").

Inputs are exact in f32 (small multiples of 1/8 or 1/64), so a difference is an error of the kernel and never of reading
the file; most outputs are sums of few such numbers, hence exact in f32 too. Arrays are flat and row-major: NCHW, dense
weights [out, in], pixels_u8 HWC. Every upstream gradient is random: a constant one would hide errors.
"""

import argparse
import json
import os
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "parity"))
os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import jaxlib
import keras
import numpy as np
from jax import lax
from jax.scipy.ndimage import map_coordinates

import network_f64 as net

random = np.random.default_rng(20240229)
kernels = []


def eighths(*shape, limit=16):
    return random.integers(-limit, limit + 1, shape) / 8.0


def sixty_fourths(*shape, limit=128):
    return random.integers(-limit, limit + 1, shape) / 64.0


def distinct(*shape):
    """Multiples of 1/8, no two equal, around zero."""
    size = int(np.prod(shape))
    return (random.permutation(size).reshape(shape) - size // 2) / 8.0


def entry(kernel, case, params, inputs, outputs):
    flat = lambda arrays: {name: np.asarray(a).ravel().tolist() for name, a in arrays.items()}
    for name, a in inputs.items():
        assert np.array_equal(np.float32(a).astype(np.float64), a), f"{kernel} {case}: {name} is not exact in f32"
    kernels.append({"kernel": kernel, "case": case, "params": params, "inputs": flat(inputs), "outputs": flat(outputs)})


def differentiable(op, case, params, f, inputs, backward, extra={}):
    """One forward entry, and one backward_<input> entry per item of `backward`: input -> what that kernel is given.

    `extra` holds forward outputs besides y (argmax), which backward kernels may be given as well."""
    y, vjp = jax.vjp(f, *map(jnp.asarray, inputs.values()))
    dy = eighths(*y.shape)
    entry(f"{op}.forward", case, params, inputs, {"y": y, **extra})
    gradients = dict(zip(inputs, vjp(jnp.asarray(dy))))
    given = {**inputs, "y": y, **extra, "dy": dy}
    for name, needs in backward.items():
        needed = {need: given[need] for need in (*needs, "dy")}
        entry(f"{op}.backward_{name}", case, params, needed, {f"d{name}": gradients[name]})


def first_maximum(x, window, stride):
    """Position kh*window_w + kw of each window's maximum, the first one at a tie: where JAX's autodiff sends a gradient
    of one, checked against a plain search."""
    y, vjp = jax.vjp(lambda x: net.max_pool2d(x, window, stride), jnp.asarray(x))
    sent = np.asarray(jax.vmap(lambda dy: vjp(dy)[0])(jnp.eye(y.size).reshape(-1, *y.shape)))
    argmax = []
    for (n, c, oh, ow), gradient in zip(np.ndindex(*y.shape), sent):
        [target] = np.argwhere(gradient)
        kh, kw = target[2] - oh * stride[0], target[3] - ow * stride[1]
        view = x[n, c, oh * stride[0] :, ow * stride[1] :][: window[0], : window[1]]
        assert kh * window[1] + kw == np.argmax(view) and (target[:2] == (n, c)).all()
        argmax.append(int(kh * window[1] + kw))
    return argmax


def same_padding(size, window, stride):
    """TensorFlow's rule: ceil(size / stride) outputs; of an odd total the smaller half comes first (top, left)."""
    out = -(-size // stride)
    total = max((out - 1) * stride + window - size, 0)
    low, high = lax.padtype_to_pads((size,), (window,), (stride,), "SAME")[0]
    assert (low, high) == (total // 2, total - total // 2)
    return out, low


def conv_geometry(batch, in_channels, out_channels, size, kernel, stride, padding):
    """conv2d's Params, and the convolution itself."""
    (out_h, pad_top), (out_w, pad_left) = (
        same_padding(*axis) if padding == "same" else ((axis[0] - axis[1]) // axis[2] + 1, 0)
        for axis in zip(size, kernel, stride)
    )
    params = dict(batch=batch, in_channels=in_channels, out_channels=out_channels, in_h=size[0], in_w=size[1],
                  out_h=out_h, out_w=out_w, kernel_h=kernel[0], kernel_w=kernel[1],
                  stride_h=stride[0], stride_w=stride[1], pad_top=pad_top, pad_left=pad_left)

    def conv(x, w, b):
        return lax.conv_general_dilated(x, w, stride, padding.upper()) + b[:, None, None]

    # Finer steps than elsewhere, so that few convolution outputs are equal or zero; sums stay exact in f32.
    inputs = {"x": sixty_fourths(batch, in_channels, *size),
              "w": sixty_fourths(out_channels, in_channels, *kernel, limit=64),
              "b": eighths(out_channels)}
    assert conv(*inputs.values()).shape == (batch, out_channels, out_h, out_w)
    return params, conv, inputs


def conv2d():
    for case, *geometry in [
        ("even window, stride 2x1, 'same' padding one larger at bottom and right", 2, 3, 4, (7, 6), (2, 4), (2, 1), "same"),
        ("no padding, strides pass over rows and columns that no window reads", 3, 2, 3, (6, 9), (3, 2), (2, 3), "valid"),
        ("the default 3x3 'same' on a picture lower than the window", 2, 2, 2, (1, 5), (3, 3), (1, 1), "same"),
    ]:
        params, conv, inputs = conv_geometry(*geometry)
        differentiable("conv2d", case, params, conv, inputs, {"x": ["w"], "w": ["x"], "b": []})


def max_pool2d():
    for case, x, window, stride in [
        ("2x2 on odd sizes: last row and column are in no window; ties", distinct(2, 3, 7, 5), (2, 2), (2, 2)),
        ("overlapping 3x2 windows, stride 2x1: one input can win several times; ties", distinct(2, 2, 8, 5), (3, 2), (2, 1)),
    ]:
        x[0, 0, 0:2, 0:2] = 50.0  # four equal maxima: the first of the window wins
        x[1, 1, 2, 1] = x[1, 1, 3, 0] = 60.0  # equal on the anti-diagonal: row order decides
        y = net.max_pool2d(x, window, stride)
        batch, channels, in_h, in_w = x.shape
        params = dict(batch=batch, channels=channels, in_h=in_h, in_w=in_w, out_h=y.shape[2], out_w=y.shape[3],
                      window_h=window[0], window_w=window[1], stride_h=stride[0], stride_w=stride[1])
        differentiable("max_pool2d", case, params, lambda x: net.max_pool2d(x, window, stride), {"x": x},
                       {"x": ["argmax"]}, {"argmax": first_maximum(x, window, stride)})


def conv2d_relu_pool():
    for case, pool, *geometry in [
        ("3x3 'same', pool 2 on an odd convolution output", 2, 2, 2, 3, (7, 5), (3, 3), (1, 1), "same"),
        ("even 4x2 window, stride 2x1, padding larger at the bottom, pool 3 with remainders",
         3, 3, 1, 2, (13, 8), (4, 2), (2, 1), "same"),
    ]:
        conv_params, conv, inputs = conv_geometry(*geometry)
        # Push one channel down and one up: windows without a positive value, and windows of nothing else.
        inputs["b"][:2] += [-4, 4]
        window = (pool, pool)
        before = np.asarray(conv(*inputs.values()))
        after = np.maximum(before, 0)
        _, channels, conv_h, conv_w = before.shape
        out_h, out_w = conv_h // pool, conv_w // pool
        windows = after[:, :, : out_h * pool, : out_w * pool].reshape(-1, channels, out_h, pool, out_w, pool)
        windows = np.sort(windows.transpose(0, 1, 2, 4, 3, 5).reshape(-1, pool * pool))
        # A rung that sums in another order may round: no decision may hang on the last bit.
        assert (before != 0).all() and ((windows[:, -1] > windows[:, -2]) | (windows[:, -1] == 0)).all()
        assert (windows[:, -1] == 0).any() and (windows[:, 0] > 0).any()
        size = dict(conv_h=conv_h, conv_w=conv_w, out_h=out_h, out_w=out_w)
        params = {}
        for field, value in conv_params.items():
            params.update(size if field == "out_h" else {} if field == "out_w" else {field: value})
        params["pool"] = pool
        f = lambda x, w, b: net.max_pool2d(jax.nn.relu(conv(x, w, b)), window, window)
        saved = ["y", "argmax_unpacked"]
        differentiable("conv2d_relu_pool", case, params, f, inputs, {"x": ["w", *saved], "w": ["x", *saved], "b": saved},
                       {"argmax_unpacked": first_maximum(after, window, window)})


def dense():
    for case, batch, in_features, out_features in [
        ("odd sizes", 3, 7, 5),
        ("batch 1, a prime number of inputs", 1, 67, 2),
    ]:
        params = dict(batch=batch, in_features=in_features, out_features=out_features)
        inputs = {"x": eighths(batch, in_features), "w": eighths(out_features, in_features), "b": eighths(out_features)}
        differentiable("dense", case, params, lambda x, w, b: x @ w.T + b, inputs, {"x": ["w"], "w": ["x"], "b": []})


def elementwise():
    for case, length in [("few elements", 5), ("a prime number of elements", 67)]:
        params = {"len": length}
        x = eighths(length)
        x[:5] = [0.0, -0.125, 0.125, -1000.0, 1000.0]
        differentiable("relu", case + "; 0 gives 0 and passes no gradient", params, jax.nn.relu, {"x": x}, {"x": ["y"]})

        x = eighths(length, limit=64)
        x[:5] = [0.0, 40.0, -40.0, 100.0, -100.0]
        entry("sigmoid.forward", case + "; large arguments", params, {"x": x}, {"y": jax.nn.sigmoid(x)})
        # Backward is given y, so y is what has to be exact in f32; 0 and 1 are a saturated sigmoid.
        y = random.integers(0, 65, length) / 64.0
        y[:2] = [0.0, 1.0]
        with np.errstate(divide="ignore"):
            x = np.log(y) - np.log1p(-y)
        dy = eighths(length)
        dx = jax.vjp(jax.nn.sigmoid, jnp.asarray(x))[1](jnp.asarray(dy))[0]
        entry("sigmoid.backward_x", case + "; saturated at 0 and 1", params, {"y": y, "dy": dy}, {"dx": dx})

        a, b = eighths(length), eighths(length)
        entry("add.forward", case, params, {"a": a, "b": b}, {"y": jnp.add(a, b)})


def binary_cross_entropy():
    for case, x, labels, whole_batch in [
        ("large logits of both signs, right and wrong; a logit of 0 says cat",
         [0.0, 0.0, 40.0, 40.0, -40.0, -40.0, 100.0, 100.0, -100.0, -100.0, 0.375], [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1], 11),
        ("micro-batch of 5 in a batch of 12", [-1.25, 2.5, 0.125, -0.5, 3.0], [0, 1, 0, 1, 0], 12),
    ]:
        x, labels = np.array(x), np.array(labels)
        params = {"batch": len(x), "whole_batch": whole_batch, "smoothing": 0}
        weights = np.array([1.5, 0.375])
        losses = lambda x: (weights[labels] * net.binary_cross_entropy(x, labels)).sum() / whole_batch
        loss, vjp = jax.vjp(losses, jnp.asarray(x))
        hits = int(((x > 0) == (labels == 1)).sum())
        inputs = {"x": x, "labels": labels, "weights": weights}
        entry("binary_cross_entropy.forward", case, params, inputs, {"loss": loss, "hits": [hits]})
        dloss = 1.375
        entry("binary_cross_entropy.backward_x", case, params, {**inputs, "dloss": [dloss]}, {"dx": vjp(jnp.float64(dloss))[0]})


def input_kernel():
    for case, shape, mean, std in [
        ("1 channel, odd size", (2, 7, 5, 1), 0.0, 1.0),
        ("3 channels, normalised", (2, 3, 4, 3), 0.4375, 0.25),
    ]:
        pixels = random.integers(0, 256, shape)
        pixels[0, 0, :2, 0] = [0, 255]
        batch, height, width, channels = shape
        y = (jnp.asarray(pixels).transpose(0, 3, 1, 2) / 255.0 - mean) / std
        params = dict(batch=batch, channels=channels, height=height, width=width, mean=mean, std_dev=std)
        entry("input.forward", case, params, {"pixels_u8": pixels}, {"y": y})


def augment():
    """Positions by one product of matrices, pixels by JAX's map_coordinates, colours by einsum: not as the kernel does it.
    Random numbers of its own, so that those of other kernels stay."""
    random = np.random.default_rng(20240301)
    f32 = lambda v: np.float32(v).astype(np.float64)
    turned = lambda degrees, zoom: f32(np.array([[cos(degrees), -sin(degrees)], [sin(degrees), cos(degrees)]]) / zoom)
    cos, sin = (lambda degrees: np.cos(np.radians(degrees))), (lambda degrees: np.sin(np.radians(degrees)))
    mirrored, upright = np.diag([1.0, -1.0]), np.eye(2)
    tint = f32(np.array([[0.875, 0.1, 0.05], [0.2, 0.7, -0.1], [-0.15, 0.3, 1.125]]))
    none = [0, 0, 0, 0]
    for case, (height, width, channels), mean, std, rows in [
        ("gray, odd size: as it is, mirrored, turned, moved by several sizes, brighter than white, erased at an edge",
         (7, 5, 1), 0.4375, 0.25, [
            (upright, [0, 0], np.eye(3), 0.0, none),
            (mirrored, [0, 0], np.eye(3), 0.0, none),
            (turned(30, 1.5), [0.75, -0.5], 1.25 * np.eye(3), -0.125, [5, 3, 7, 5]),
            (turned(-100, 0.5), [-23.5, 41.25], 0.75 * np.eye(3), 0.5, [0, 0, 2, 1]),
        ]),
        ("colours that are mixed, a slanted picture, one seen from close up, everything erased", (4, 6, 3), 0.5, 0.5, [
            (f32([[1.1, 0.2], [-0.3, 0.9]]), [2.5, -9.0], tint, [0.0625, -0.03125, 0.125], none),
            (mirrored @ turned(90, 10), [0, 0], 2 * tint, -0.5, [1, 2, 3, 4]),
            (upright, [0, 1], np.eye(3), 0.0, [0, 0, 4, 6]),
        ]),
        ("one column", (9, 1, 1), 0.0, 1.0, [(turned(45, 1), [-3.25, 2.0], np.eye(3), 0.125, [8, 0, 9, 1])]),
    ]:
        pixels = random.integers(0, 256, (len(rows), height, width, channels))
        centre = (np.array([height, width]) - 1) / 2
        seen = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij")).reshape(2, -1)
        transforms, pictures = [], []
        for picture, (turn, moved, colour, offset, erased) in zip(pixels, rows):
            offset = np.broadcast_to(np.array(offset, dtype=np.float64), 3)
            source = turn @ (seen - centre[:, None]) + (moved + centre)[:, None]
            at_source = lambda plane: map_coordinates(jnp.asarray(plane, jnp.float64), list(jnp.asarray(source)), 1, "reflect")
            levels = np.stack([np.asarray(at_source(plane)) for plane in picture.transpose(2, 0, 1)]) / 255
            mixed = np.einsum("oi,ip->op", colour[:channels, :channels], levels) + offset[:channels, None]
            y = ((np.clip(mixed, 0, 1) - mean) / std).reshape(channels, height, width)
            y[:, erased[0]:erased[2], erased[1]:erased[3]] = 0
            pictures.append(y)
            places = np.concatenate([turn, np.array(moved, dtype=np.float64)[:, None]], axis=1)
            transforms.append(np.concatenate([places.ravel(), colour.ravel(), offset, erased, [0, 0]]))
        params = dict(batch=len(rows), channels=channels, height=height, width=width, mean=mean, std_dev=std)
        inputs = {"pixels_u8": pixels, "transforms": np.stack(transforms)}
        entry("augment.forward", case, params, inputs, {"y": np.stack(pictures)})


def leaky_relu():
    for case, length, slope in [("few elements", 5, 0.25), ("a prime number of elements, no slope", 67, 0.0)]:
        x = eighths(length)
        # At 0 frameworks differ in the derivative.
        x[x == 0] = 0.125
        x[:4] = [-0.125, 0.125, -1000.0, 1000.0]
        f = lambda x: keras.activations.leaky_relu(x, slope)
        differentiable("leaky_relu", case, {"len": length, "negative_slope": slope}, f, {"x": x}, {"x": ["y"]})


def softmax():
    for case, x in [
        ("two classes, large arguments of both signs", [[100.0, -100.0], [-8.0, 8.0], [0.0, 0.0], [20000.0, 20000.125]]),
        ("a prime number of classes", eighths(3, 67, limit=64)),
    ]:
        x = np.array(x)
        params = dict(zip(("batch", "classes"), x.shape))
        f = lambda x: jax.nn.softmax(x, axis=1)
        entry("softmax.forward", case, params, {"x": x}, {"y": f(x)})
    # Backward is given y, so y is what has to be exact in f32, and its logarithm is what softmax made it from.
    y = np.array([[0.5, 0.25, 0.125, 0.125], [0.0625, 0.5, 0.375, 0.0625], [0.25, 0.25, 0.25, 0.25]])
    dy = eighths(*y.shape)
    dx = jax.vjp(f, jnp.log(y))[1](jnp.asarray(dy))[0]
    entry("softmax.backward_x", "four classes", dict(batch=3, classes=4), {"y": y, "dy": dy}, {"dx": dx})


def softmax_cross_entropy():
    for case, x, labels, whole_batch in [
        ("large logits, right and wrong; of equal ones the first is taken",
         [[0, 0, 0], [0, 0, 0], [40, -40, 0.5], [-40, 40, 0.5], [10000, -10000, 9999.5], [-10000, 10000, 0]], [0, 2, 0, 0, 0, 1], 6),
        ("micro-batch of 4 of 67 classes in a batch of 9", eighths(4, 67, limit=64), [0, 66, 13, 13], 9),
    ]:
        x, labels = np.array(x, dtype=np.float64), np.array(labels)
        params = dict(batch=x.shape[0], classes=x.shape[1], whole_batch=whole_batch, smoothing=0)
        weights = np.arange(1, 1 + x.shape[1]) / 8
        of_rows = lambda x: -jnp.take_along_axis(jax.nn.log_softmax(x, axis=1), labels[:, None], axis=1)[:, 0]
        losses = lambda x: (weights[labels] * of_rows(x)).sum() / whole_batch
        loss, vjp = jax.vjp(losses, jnp.asarray(x))
        hits = int((np.argmax(x, axis=1) == labels).sum())
        inputs = {"x": x, "labels": labels, "weights": weights}
        entry("softmax_cross_entropy.forward", case, params, inputs, {"loss": loss, "hits": [hits]})
        dloss = 1.375
        entry("softmax_cross_entropy.backward_x", case, params, {**inputs, "dloss": [dloss]}, {"dx": vjp(jnp.float64(dloss))[0]})


def global_avg_pool():
    for case, batch, channels, size in [("odd planes", 2, 3, (5, 7)), ("one row", 1, 2, (1, 67))]:
        f = lambda x: jnp.mean(x, axis=(2, 3))
        differentiable("global_avg_pool", case, dict(batch=batch, channels=channels, area=size[0] * size[1]), f,
                       {"x": eighths(batch, channels, *size)}, {"x": []})


def batch_norm():
    """What kernels are given from each other has to be exact in f32: means of 16 or 8 eighths are, and epsilon is such that
    sqrt(variance + epsilon) = 4 in every channel, as each has the same values in another order, shifted."""
    for case, batch, channels, size in [("planes of 2x4, channels far from 0", 2, 3, (2, 4)), ("features", 8, 5, ())]:
        count = batch * int(np.prod(size))
        base = eighths(count)
        x = np.empty((batch, channels, *size))
        for c in range(channels):
            x[:, c] = (random.permutation(base) + 3 * c).reshape(batch, *size)
        axes = (0, *range(2, x.ndim))
        epsilon = 16.0 - float(np.var(base))
        assert np.float32(epsilon) == epsilon
        per_channel = lambda v: jnp.asarray(v).reshape(channels, *[1] * len(size))

        def f(x, gamma, beta):
            mean, variance = jnp.mean(x, axis=axes), jnp.var(x, axis=axes)
            return per_channel(gamma) * (x - per_channel(mean)) / jnp.sqrt(per_channel(variance) + epsilon) + per_channel(beta)

        params = dict(batch=batch, channels=channels, area=count // batch, epsilon=epsilon, momentum=0.875,
                      one_minus_momentum=0.125)
        gamma, beta = eighths(channels), eighths(channels)
        mean, variance = np.mean(x, axis=axes), np.var(x, axis=axes)
        entry("batch_norm.statistics", case, params, {"x": x}, {"mean": mean, "variance": variance})
        y, vjp = jax.vjp(f, jnp.asarray(x), jnp.asarray(gamma), jnp.asarray(beta))
        dy = eighths(*y.shape)
        dx, dgamma, dbeta = vjp(jnp.asarray(dy))
        statistics = {"mean": mean, "variance": variance}
        entry("batch_norm.forward", case, params, {"x": x, **statistics, "gamma": gamma, "beta": beta}, {"y": y})
        entry("batch_norm.backward_gamma_beta", case, params, {"x": x, **statistics, "dy": dy}, {"dgamma": dgamma, "dbeta": dbeta})
        entry("batch_norm.backward_x", case, params,
              {"x": x, **statistics, "gamma": gamma, "dgamma": dgamma, "dbeta": dbeta, "dy": dy}, {"dx": dx})


def keras_batch_norm(steps=3):
    """Keras's layer with its own momentum and epsilon: some steps of training, then what it makes of a batch in use."""
    keras.config.set_floatx("float64")
    layer = keras.layers.BatchNormalization(axis=1)
    batches = [sixty_fourths(4, 3, 5, 2) + 2.0 * step for step in range(steps + 1)]
    gamma, beta = eighths(3), eighths(3)
    layer.build(batches[0].shape)
    moving = [layer.moving_mean, layer.moving_variance]
    layer.set_weights([gamma, beta, *map(np.asarray, moving)])
    flat = lambda array: np.asarray(array).ravel().tolist()
    trained = []
    for x in batches[:-1]:
        y = layer(x, training=True)
        trained.append({"x": flat(x), "y": flat(y), "moving_mean": flat(moving[0]), "moving_variance": flat(moving[1])})
    return {
        "what": "keras.layers.BatchNormalization on channels: batches in training, each with the moving mean and variance "
                "behind it, then one in use",
        "momentum": layer.momentum, "epsilon": layer.epsilon, "shape": list(batches[0].shape),
        "gamma": flat(gamma), "beta": flat(beta), "trained": trained,
        "used": {"x": flat(batches[-1]), "y": flat(layer(batches[-1], training=False))},
    }


def smoothed_losses(labels, logits, smoothing):
    """keras.losses.binary_crossentropy, which takes its mean over one value in f32, in f64."""
    target = labels * (1 - smoothing) + 0.5 * smoothing
    losses = keras.ops.binary_crossentropy(target, logits, from_logits=True)
    of_keras = keras.losses.binary_crossentropy(labels[:, None], logits[:, None], from_logits=True, label_smoothing=smoothing)
    if not isinstance(logits, jax.core.Tracer):
        np.testing.assert_allclose(losses, of_keras, rtol=1e-6)
    return losses


def label_smoothing():
    """As Keras smooths labels. Its weights of samples are those of classes here."""
    keras.config.set_floatx("float64")
    smoothing, dloss, labels = 0.25, 1.375, np.array([0, 1, 1, 0, 1])
    x = np.array([[-1.25], [2.5], [0.125], [-0.5], [3.0]])
    weights, whole_batch = np.array([1.5, 0.375]), 12
    of_rows = lambda x: smoothed_losses(jnp.float64(labels), x[:, 0], smoothing)
    of_rows(jnp.asarray(x))
    smoothed("binary_cross_entropy", x, labels, weights, of_rows, whole_batch, smoothing, dloss, int(((x[:, 0] > 0) == labels).sum()))

    x, labels = eighths(5, 7, limit=64), np.array([0, 6, 3, 3, 1])
    weights = np.arange(1, 8) / 8
    of_rows = lambda x: keras.losses.categorical_crossentropy(
        jnp.eye(7, dtype=jnp.float64)[labels], x, from_logits=True, label_smoothing=smoothing)
    smoothed("softmax_cross_entropy", x, labels, weights, of_rows, 5, smoothing, dloss, int((np.argmax(x, axis=1) == labels).sum()))


def smoothed(op, x, labels, weights, of_rows, whole_batch, smoothing, dloss, hits):
    params = dict(batch=x.shape[0], classes=x.shape[1], whole_batch=whole_batch, smoothing=smoothing)
    if op == "binary_cross_entropy":
        del params["classes"]
    loss, vjp = jax.vjp(lambda x: (weights[labels] * of_rows(x)).sum() / whole_batch, jnp.asarray(x))
    inputs = {"x": x, "labels": labels, "weights": weights}
    entry(f"{op}.forward", "a quarter of each label is shared out", params, inputs, {"loss": loss, "hits": [hits]})
    dx = vjp(jnp.float64(dloss))[0]
    entry(f"{op}.backward_x", "a quarter of each label is shared out", params, {**inputs, "dloss": [dloss]}, {"dx": dx})


def clip_norm():
    """What Keras's global_clipnorm leaves of gradients, in one set that is clipped and one that is not."""
    for case, max_norm, scale in [("the norm is too long", 2.5, 0.25), ("the norm is short enough", 1000.0, 0.25)]:
        gradient = eighths(41)
        sums = np.array([np.sum(gradient[i::6] ** 2) for i in range(6)])
        before = np.array([1.0, 0, 2, 0, 0, 3])
        params = {"len": 41, "sums": 6, "max_norm": max_norm}
        entry("clip_norm.square_sums", case, params, {"gradient": gradient, "sums": before}, {"sums": before + sums})
        optimizer = keras.optimizers.SGD(global_clipnorm=max_norm)
        clipped = optimizer._clip_gradients([jnp.asarray(gradient * scale)])[0]
        factor = np.asarray(clipped)[0] / gradient[0]
        entry("clip_norm.combine", case, params, {"sums": sums, "scale": [scale], "overflow": [0]}, {"factor": [factor], "overflow": [0]})


def average():
    """Keras's moving average: momentum * average + (1 - momentum) * value."""
    value, before = eighths(37), eighths(37)
    moved = 0.875 * jnp.float64(before) + 0.125 * jnp.float64(value)
    entry("average.step", "an eighth of the way", {"len": 37, "rate": 0.125}, {"value": value, "average": before}, {"average": moved})


def recipe(of, steps=8, decay=0.04, max_norm=0.75, smoothing=0.2, momentum=0.9, lr=0.01, warmup=3):
    """Eight updates of adam's network with everything on: AdamW, clipping, smoothed labels, a schedule, an average."""
    shape = (of["batch"], 1, of["height"], of["width"])
    x, labels = jnp.float64(of["pixels_u8"]).reshape(shape) / 255, jnp.float64(of["labels"])
    names = list(of["initial"])
    variables = [keras.Variable(np.reshape(t["data"], t["shape"]), name=name.replace(".", "_")) for name, t in of["initial"].items()]

    rate = keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=lr, warmup_steps=warmup)
    adamw = keras.optimizers.AdamW(rate, decay, 0.9, 0.999, 1e-7, global_clipnorm=max_norm, use_ema=True, ema_momentum=momentum)
    adamw.exclude_from_weight_decay(var_names=["bias"])
    loss_of = lambda parameters: smoothed_losses(labels, net.logits(dict(zip(names, parameters)), x), smoothing).mean()
    losses, norms = [], []
    for step in range(1, steps + 1):
        loss, gradients = jax.value_and_grad(loss_of)([v.value for v in variables])
        losses.append(float(loss))
        norms.append(float(jnp.sqrt(sum((g**2).sum() for g in gradients))))
        # Early steps count more in the average, as in TensorFlow's ExponentialMovingAverage.
        adamw.ema_momentum = min(momentum, (1 + step) / (10 + step))
        adamw.apply(gradients, variables)
    assert min(norms) < max_norm < max(norms), norms
    return {
        "what": "as adam, with keras.optimizers.AdamW (decay of weights only, global_clipnorm, CosineDecay with warm-up, use_ema) "
                "and keras.losses.binary_crossentropy(label_smoothing)",
        "lr": lr, "weight_decay": decay, "clip_norm": max_norm, "label_smoothing": smoothing, "average": momentum,
        "warmup": warmup, "steps": steps, "losses": losses, "norms": norms,
        "final": tensors({name: v.value for name, v in zip(names, variables)}),
        "averages": tensors({name: v.value for name, v in zip(names, adamw._model_variables_moving_average)}),
    }


def tensors(parameters):
    return {name: {"shape": list(p.shape), "data": np.asarray(p).ravel().tolist()} for name, p in parameters.items()}


def adam(steps=8, batch=6, side=12):
    """Eight updates of a small network on one batch; with this seed few ReLUs are dead and no gradient is near eps."""
    random = np.random.default_rng(27)
    shapes = net.shapes(side, convolutions=(4, 6), hidden=(5,))
    initial = {}
    for name, shape in shapes.items():
        limit = 0.05 if name.endswith("bias") else net.glorot_limit(shape)
        initial[name] = np.round(random.uniform(-limit, limit, shape) * 256) / 256
    pixels = random.integers(0, 256, (batch, side, side))
    labels = np.array([0, 1, 1, 0, 1, 0])
    x = pixels[:, None] / 255.0

    keras.config.set_floatx("float64")
    keras_adam = keras.optimizers.Adam(net.Adam.lr, net.Adam.beta1, net.Adam.beta2, net.Adam.eps)
    keras_variables = [keras.Variable(p) for p in initial.values()]

    parameters, optimizer, losses = initial, net.Adam(initial), []
    for _ in range(steps):
        loss, gradients = net.loss_and_gradients(parameters, x, labels)
        losses.append(float(loss))
        parameters = optimizer.step(parameters, gradients)
        keras_adam.apply([gradients[name] for name in initial], keras_variables)
    for (name, p), keras_p in zip(parameters.items(), keras_variables):
        np.testing.assert_allclose(p, np.asarray(keras_p), rtol=1e-13, atol=1e-15, err_msg=name)

    return {
        "what": "conv 3x3 same + ReLU + pool 2, twice; dense + ReLU; dense to one logit; loss is the batch mean; losses are "
                "taken before each update; x = pixels / 255; checked against keras.optimizers.Adam",
        "lr": net.Adam.lr, "beta1": net.Adam.beta1, "beta2": net.Adam.beta2, "eps": net.Adam.eps, "steps": steps,
        "batch": batch, "channels": 1, "height": side, "width": side,
        "pixels_u8": pixels.ravel().tolist(), "labels": labels.tolist(),
        "losses": losses, "initial": tensors(initial), "final": tensors(parameters),
    }


def network(side=16, batch=5):
    """One forward and backward pass of the default network; its weights are a formula, being too many to store."""
    parameters, table = {}, []
    for k, (name, shape) in enumerate(net.shapes(side).items()):
        s = 0.02 if len(shape) == 1 else 2 * net.glorot_limit(shape)
        i = np.arange(np.prod(shape), dtype=np.uint64)  # no overflow: i < 2^18, so the product stays below 2^49
        u = (i * np.uint64(1103515245) + np.uint64(12345 + 977 * k)) % np.uint64(2**31)
        w = np.float32((u.astype(np.float64) / 2**31 - 0.5) * s)
        parameters[name] = w.astype(np.float64).reshape(shape)
        table.append({"name": name, "shape": list(shape), "k": k, "s": s, "last": float(w[-1])})
    n, h, w = np.ogrid[:batch, :side, :side]
    pixels = (37 * n + h * h * (5 + n) + 11 * w * (1 + n * h) + 3 * w * w) % 256
    labels = np.array([0, 1, 1, 0, 1])
    x = pixels[:, None] / 255.0
    loss, gradients = net.loss_and_gradients(parameters, x, labels)
    logit = np.asarray(net.logits(parameters, x))
    for row in table:
        row["gradient_l2"] = float(jnp.linalg.norm(gradients[row["name"]].ravel()))
    return {
        "what": "the default network, dropout 0; loss is the batch mean; x = pixels / 255",
        "formula": "w[i] = f32((((i * 1103515245 + 12345 + 977 * k) mod 2^31) / 2^31 - 0.5) * s), integers exact, the rest "
                   "in f64, i the flat index; last is the value at the largest i",
        "batch": batch, "channels": 1, "height": side, "width": side,
        "pixels_u8": pixels.ravel().tolist(), "labels": labels.tolist(),
        "logits": logit.tolist(), "loss": float(loss), "hits": int(((logit > 0) == (labels == 1)).sum()), "tensors": table,
    }


def text(golden):
    """JSON with one kernel, or one item of the other parts, per line: a change shows as the lines that it changed."""
    compact = lambda value: json.dumps(value, separators=(",", ":"), allow_nan=False)
    items = lambda part: ",\n".join(f"{compact(name)}:{compact(value)}" for name, value in part.items())
    return (f'{{"made_with":{compact(golden["made_with"])},\n"kernels":[\n' + ",\n".join(map(compact, golden["kernels"]))
            + "\n]," + ",".join(f'\n"{part}":{{\n{items(golden[part])}\n}}' for part in ("adam", "recipe", "network", "batch_norm")) + "\n}\n")


def compare(new, old, path=""):
    """Fails at the first place where two goldens differ by more than another processor's rounding."""
    if isinstance(new, dict):
        assert list(new) == list(old), f"{path}: {list(new)} against {list(old)}"
        for key in new:
            compare(new[key], old[key], f"{path}/{key}")
    elif isinstance(new, list):
        assert len(new) == len(old), f"{path}: {len(new)} items against {len(old)}"
        for index, pair in enumerate(zip(new, old)):
            compare(*pair, f"{path}/{index}")
    elif isinstance(new, float):
        np.testing.assert_allclose(new, old, rtol=1e-12, atol=1e-13, err_msg=path)
    else:
        assert new == old, f"{path}: {new} against {old}"


def main():
    parser = argparse.ArgumentParser(description="Write golden.json beside this script.")
    parser.add_argument("--check", action="store_true", help="write nothing; compare with the file that is there")
    check = parser.parse_args().check

    for make in (conv2d, max_pool2d, conv2d_relu_pool, dense, elementwise, binary_cross_entropy, input_kernel, leaky_relu,
                 softmax, softmax_cross_entropy, global_avg_pool, batch_norm, label_smoothing, clip_norm, average, augment):
        make()
    of_adam = adam()
    versions = {"python": platform.python_version(), "jax": jax.__version__, "jaxlib": jaxlib.__version__,
                "numpy": np.__version__, "keras": keras.__version__, "precision": "float64"}
    golden = {"made_with": versions, "kernels": kernels, "adam": of_adam, "recipe": recipe(of_adam), "network": network(),
              "batch_norm": keras_batch_norm()}

    path = Path(__file__).with_name("golden.json")
    if check:
        stored = json.loads(path.read_text())
        compare({**golden, "made_with": 0}, {**stored, "made_with": 0})
        print(f"{path.name} agrees: {len(kernels)} kernel entries, adam, recipe, network, batch_norm")
    else:
        path.write_text(text(golden))
        print(f"wrote {path.name}: {len(kernels)} kernel entries, {path.stat().st_size} bytes, with {versions}")


if __name__ == "__main__":
    main()
