"""Noise drawn in training, such as dropout, as a function of seed, rank and optimizer step.

So training that goes on from a checkpoint draws what it would have drawn without the interruption.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class Noise:
    """The generators of a model's random layers, those that Keras calls `BaseRandomLayer`.

    Args:
        model: whose layers are given generators of their own; by themselves they use TensorFlow's, whose
            state is out of reach.
        seed: of the draws.
        rank: number of this rank; each draws its own noise.
    """

    def __init__(self, model: Any, seed: int, rank: int) -> None:
        import keras
        import tensorflow as tf

        kind = keras.__internal__.layers.BaseRandomLayer
        layers = [layer for layer in model._flatten_layers() if isinstance(layer, kind)]
        self._generators = []
        self._step = tf.Variable(0, trainable=False, dtype=tf.int64)
        for number, layer in enumerate(layers):
            random = keras.src.backend.RandomGenerator(rng_type="stateful")
            (key,) = np.random.SeedSequence((seed, rank, number)).generate_state(1, np.uint64).view(np.int64)
            random._generator = tf.random.Generator.from_state([0, 0, key], tf.random.Algorithm.PHILOX)
            random._built = True
            # Past Keras' tracking: the state is no weight.
            object.__setattr__(layer, "_random_generator", random)
            self._generators.append((random._generator, key))

    def set_step(self, step: int) -> None:
        """Say which optimizer step is next, counted over all epochs."""
        self._step.assign(step)

    def begin_step(self) -> None:
        """Draw from here on what belongs to the step that was set; within the step's graph."""
        import tensorflow as tf

        for generator, key in self._generators:
            # Philox counts in 128 bits; each step has 2 ** 64 draws to itself.
            generator.reset(tf.stack([tf.zeros((), tf.int64), self._step.read_value(), tf.constant(key)]))


def make_deterministic() -> None:
    """Have TensorFlow compute the same to the last bit each time, in this process from now on."""
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
