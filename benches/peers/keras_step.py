#!/usr/bin/env python3
"""Times training steps of the default network in Keras on TensorFlow.

    target/peers/bin/python benches/peers/keras_step.py [--image-size 64] [--batch-size 32] [--steps 10]
"""

import argparse
import os

from measure import add_options, measure

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def network(image_size):
    model = keras.Sequential([
        keras.Input((image_size, image_size, 1)),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(128, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(256, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(64, activation="relu"),
        layers.Dense(1),
    ])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.001), loss, jit_compile=args.jit)
    return model


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
add_options(parser)
parser.add_argument("--jit", action="store_true", help="compile with XLA")
args = parser.parse_args()

keras.utils.set_random_seed(1)
model = network(args.image_size)
x = tf.random.uniform((args.batch, args.image_size, args.image_size, 1))
labels = tf.constant(np.arange(args.batch) % 2, tf.float32)[:, None]

measure(
    lambda: model.train_on_batch(x, labels),
    args,
    peer=f"Keras {keras.__version__} (TensorFlow {tf.__version__}{', XLA' if args.jit else ''})",
    device="GPU" if tf.config.list_physical_devices("GPU") else "CPU",
    parameters=model.count_params(),
)
