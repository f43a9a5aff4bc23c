"""Ranks as threads of one process: they exchange rows of sharded embeddings, eagerly, without Horovod."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf

_TIMEOUT_S = 60


class ThreadedExchange:
    """The `Exchange` of one thread.

    Args:
        index: of this rank.
        meeting: where all ranks wait for each other.
        table: what each rank gives to each, by giver.
    """

    def __init__(self, index: int, meeting: threading.Barrier, table: list[list[tf.Tensor]]) -> None:
        self.index, self.size = index, meeting.parties
        self._meeting, self._table = meeting, table

    def alltoall(self, values: tf.Tensor, counts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Give each rank its part; as of `Exchange`."""
        if not tf.executing_eagerly():
            # Keras traces a layer to learn the shapes; there is nothing to give yet.
            return values, counts

        def exchanged(values: tf.Tensor) -> Any:
            received, received_counts = self._swap(values, counts)
            return (received, received_counts), lambda given, _: self._swap(given, received_counts)[0]

        return tf.custom_gradient(exchanged)(values)

    def _swap(self, values: tf.Tensor, counts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        self._table[self.index] = tf.split(values, counts, num=self.size)
        self._meeting.wait(_TIMEOUT_S)
        received = [parts[self.index] for parts in self._table]
        self._meeting.wait(_TIMEOUT_S)
        return tf.concat(received, axis=0), tf.constant([len(part) for part in received], tf.int32)


def together(size: int, function: Callable[[ThreadedExchange], Any]) -> list[Any]:
    """What `function` gives for each of so many ranks that run at once; the first error if one fails."""
    meeting = threading.Barrier(size)
    table: list[Any] = [None] * size

    def run(index: int) -> Any:
        try:
            return function(ThreadedExchange(index, meeting, table))
        except BaseException:
            meeting.abort()
            raise

    with ThreadPoolExecutor(size) as threads:
        futures = [threads.submit(run, index) for index in range(size)]
    errors = [future.exception() for future in futures if future.exception()]
    for error in sorted(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise error
    return [future.result() for future in futures]
