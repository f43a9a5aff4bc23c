"""What makes steps faster on hardware that is made for it: mixed precision, and XLA."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from invoicelake import config
from invoicelake.errors import JobError

log = logging.getLogger(__name__)


@contextmanager
def accelerated(settings: config.Training) -> Iterator[None]:
    """Models that are built and compiled within this context compute in the precision of the settings.

    With `mixed_precision` layers compute in float16 and keep their weights in float32, and the optimizer is
    wrapped in one that scales the loss, so that small gradients are not lost. Horovod averages scaled
    gradients: where one rank's overflow, so does the mean, and all ranks leave out that step.
    """
    import keras
    import tensorflow as tf

    if not settings.mixed_precision:
        yield
        return
    if not tf.config.list_logical_devices("GPU"):
        log.warning("mixed precision makes processors slower; set training.mixed_precision=false there")
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def accelerate(model: Any, settings: config.Training) -> None:
    """Have XLA compile the forward pass of a model, and so the backward pass, if the settings say so.

    The exchange of gradients and the optimizer stay outside: Horovod has operations for XLA on GPUs alone.

    Raises:
        JobError: the model has sharded embeddings, which neither XLA nor mixed precision can do.
    """
    import tensorflow as tf

    from invoicelake.models.sharded import sharded_variables

    if (settings.xla or settings.mixed_precision) and sharded_variables(model):
        # Ranks exchange rows within the forward pass; and each would judge overflows by its own rows.
        raise JobError(
            f"{model.name} has sharded embeddings, which go with neither training.xla nor "
            "training.mixed_precision; set both to false"
        )
    if settings.xla:
        model.call = tf.function(model.call, jit_compile=True)
