"""Keras optimizers where each rank has a part of its own of some weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from invoicelake.errors import JobError
from invoicelake.models.sharded import sharded_variables


def clipping_shards(optimizer: Any) -> Any:
    """An optimizer like the one given, not yet built, that has `clip_over_ranks`."""
    kind = type(optimizer)
    clipping: Any = type(kind.__name__, (_ClipsOverRanks, kind), {})
    return clipping.from_config(optimizer.get_config())


def build_optimizer(model: Any) -> None:
    """Make what a compiled model's optimizer keeps for the weights, such as Adam's moments.

    Raises:
        JobError: there is no room for it.
    """
    try:
        model.optimizer.build(model.trainable_variables)
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        held = sum(weight.shape.num_elements() * weight.dtype.size for weight in model.trainable_variables)
        raise JobError(
            f"no room for what the optimizer keeps for weights of {held / 1e6:.0f} MB; "
            "set training.processes higher where embeddings are sharded, or give ranks more memory"
        ) from error


def optimizer_slots(model: Any, variable: Any) -> dict[str, Any]:
    """What the optimizer keeps for a weight of a compiled model, such as Adam's `m` and `v`, by name."""
    slots = {}
    for slot in model.optimizer.variables:
        if (owner := _owner(slot, model.trainable_variables)) is not None and owner.ref() == variable.ref():
            slots[_slot_name(slot, variable)] = slot
    return slots


def replicated_variables(model: Any) -> list[Any]:
    """Weights and optimizer state of a compiled model that are the same on all ranks: all but shards."""
    own = {
        part.ref()
        for shard in sharded_variables(model)
        for part in (shard, *optimizer_slots(model, shard).values())
    }
    return [part for part in (*model.variables, *model.optimizer.variables) if part.ref() not in own]


class _ClipsOverRanks:
    """For a Keras optimizer to inherit from first: norms of sharded gradients are over all shards.

    Each rank would otherwise clip by another norm, and weights that are the same on all would drift apart.
    """

    def clip_over_ranks(self, sharded: Sequence[Any], total: Callable[[tf.Tensor], tf.Tensor]) -> None:
        """Say which weights are sharded, and what sums a tensor over ranks."""
        self._sharded = {variable.ref() for variable in sharded}
        self._total = total

    def apply_gradients(self, grads_and_vars: Any, *given: Any, **named: Any) -> Any:
        """Note which gradients are sharded, for Keras hands on gradients alone to be clipped."""
        pairs = list(grads_and_vars)
        self._is_sharded = [
            weight.ref() in self._sharded for gradient, weight in pairs if gradient is not None
        ]
        parent: Any = super()
        return parent.apply_gradients(pairs, *given, **named)

    def _clip_gradients(self: Any, gradients: Sequence[Any]) -> list[Any]:
        if not (self.clipnorm or self.global_clipnorm):
            parent: Any = super()
            unlimited: list[Any] = parent._clip_gradients(gradients)
            return unlimited
        squares = [tf.reduce_sum(tf.square(_values(gradient))) for gradient in gradients]
        own = [square for square, is_sharded in zip(squares, self._is_sharded, strict=True) if is_sharded]
        over_ranks = iter(tf.unstack(self._total(tf.stack(own)), num=len(own)))
        squares = [
            next(over_ranks) if is_sharded else square
            for square, is_sharded in zip(squares, self._is_sharded, strict=True)
        ]
        if self.clipnorm:
            return [
                tf.clip_by_global_norm([gradient], self.clipnorm, use_norm=tf.sqrt(square))[0][0]
                for gradient, square in zip(gradients, squares, strict=True)
            ]
        norm = tf.sqrt(tf.add_n(squares))
        limited: list[Any] = tf.clip_by_global_norm(gradients, self.global_clipnorm, use_norm=norm)[0]
        return limited


def _values(gradient: Any) -> tf.Tensor:
    return gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient


def _owner(slot: Any, weights: Sequence[Any]) -> Any:
    """The weight that a variable of an optimizer belongs to; None for those that belong to none.

    Keras names it by its own name and the weight's. A weight's name may be the end of another's.
    """
    owners = [weight for weight in weights if slot.name.endswith(f"/{weight.name}")]
    return max(owners, key=lambda weight: len(weight.name), default=None)


def _slot_name(slot: Any, weight: Any) -> str:
    """Keras' name without the optimizer's, which is there or not by who built it."""
    return str(slot.name).removesuffix(f"/{weight.name}").rpartition("/")[2]
