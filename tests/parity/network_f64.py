"""The network, its loss and Adam in float64 on JAX: an opinion that shares no code with pawgrad.

`parameters` is a dict of arrays named conv1.weight, conv1.bias, ..., dense1.weight, ... in that order. How many layers
there are, and their widths, is read from it: convolutions are 3x3 'same' + ReLU + 2x2 max-pool, the flatten is
channel-major (C, H, W), every dense layer but the last has a ReLU, and the last gives one logit, positive for dog.
"""

from itertools import count

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


def shapes(image_size, convolutions=(64, 128, 256), hidden=(128, 64), in_channels=1):
    """Name and shape of every tensor; the defaults are pawgrad's default network."""
    result, channels, side = {}, in_channels, image_size
    for layer, out_channels in enumerate(convolutions, 1):
        result[f"conv{layer}.weight"] = (out_channels, channels, 3, 3)
        result[f"conv{layer}.bias"] = (out_channels,)
        channels, side = out_channels, side // 2
    features = channels * side * side
    for layer, out_features in enumerate((*hidden, 1), 1):
        result[f"dense{layer}.weight"] = (out_features, features)
        result[f"dense{layer}.bias"] = (out_features,)
        features = out_features
    return result


def glorot_limit(shape):
    """Glorot uniform draws from +-sqrt(6 / (fan_in + fan_out)); a kernel's area counts in both fans."""
    area = int(np.prod(shape[2:], dtype=np.int64))
    return float(np.sqrt(6.0 / ((shape[0] + shape[1]) * area)))


# Whether convolutions multiply halves, as mixed precision does. Set before anything is computed.
MIXED = False
# What gradients are multiplied by before they are rounded: the loss scale that a run begins with.
LOSS_SCALE = 65536.0
# With fewer input channels, as in the first convolution, nothing is rounded.
FEWEST_CHANNELS = 8


def conv2d(x, w):
    return jax.lax.conv_general_dilated(x, w, (1, 1), "SAME")


def halves(values):
    return values.astype(jnp.float16).astype(values.dtype)


@jax.custom_vjp
def conv2d_of_halves(x, w):
    """Factors are rounded to halves, in backward too; sums are not."""
    return conv2d(halves(x), halves(w))


def pull_back(saved, dy):
    _, pull = jax.vjp(conv2d, *map(halves, saved))
    return pull(halves(dy * LOSS_SCALE) / LOSS_SCALE)


conv2d_of_halves.defvjp(lambda x, w: (conv2d_of_halves(x, w), (x, w)), pull_back)


def max_pool2d(x, window, stride):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, *window), (1, 1, *stride), "VALID")


def logits(parameters, x):
    for layer in count(1):
        if f"conv{layer}.weight" not in parameters:
            break
        conv = conv2d_of_halves if MIXED and x.shape[1] >= FEWEST_CHANNELS else conv2d
        x = conv(x, parameters[f"conv{layer}.weight"])
        # jax.nn.relu, not maximum(x, 0): its derivative at 0 is 0, as ours, where maximum's is one half.
        x = jax.nn.relu(x + parameters[f"conv{layer}.bias"][:, None, None])
        x = max_pool2d(x, (2, 2), (2, 2))
    x = x.reshape(x.shape[0], -1)
    for layer in count(1):
        x = x @ parameters[f"dense{layer}.weight"].T + parameters[f"dense{layer}.bias"]
        if f"dense{layer + 1}.weight" not in parameters:
            return x[:, 0]
        x = jax.nn.relu(x)


def binary_cross_entropy(logit, labels):
    """One loss per picture: -log of the probability given to the right class, without overflow or cancellation."""
    return jax.nn.softplus(jnp.where(labels == 1, -logit, logit))


def loss(parameters, x, labels):
    return binary_cross_entropy(logits(parameters, x), labels).mean()


loss_and_gradients = jax.jit(jax.value_and_grad(loss))


class Adam:
    """As Keras 3 writes it: eps is added to the square root of the *uncorrected* second moment (PyTorch's is not)."""

    lr, beta1, beta2, eps = 0.001, 0.9, 0.999, 1e-7

    def __init__(self, parameters):
        self.t = 0
        self.m = {name: np.zeros(p.shape, p.dtype) for name, p in parameters.items()}
        self.v = {name: np.zeros(p.shape, p.dtype) for name, p in parameters.items()}

    def step(self, parameters, gradients):
        """The next parameters; the ones given are left as they are."""
        self.t += 1
        rate = self.lr * (1 - self.beta2**self.t) ** 0.5 / (1 - self.beta1**self.t)
        result = {}
        for name, p in parameters.items():
            g = np.asarray(gradients[name])
            self.m[name] += (g - self.m[name]) * (1 - self.beta1)
            self.v[name] += (g * g - self.v[name]) * (1 - self.beta2)
            result[name] = p - rate * self.m[name] / (np.sqrt(self.v[name]) + self.eps)
        return result
