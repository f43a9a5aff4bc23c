"""Sharded embeddings on Horovod ranks: numbers of an embedding that each rank holds whole, in less memory."""

import resource
import sys
from functools import partial
from pathlib import Path

import cloudpickle
import keras
import numpy as np
import pytest
import tensorflow as tf

from invoicelake import config
from invoicelake.models.sharded import ShardedEmbedding, initial_rows, sharded_variables
from invoicelake.training.checkpoints import read_weights, write_arrays
from invoicelake.training.launchers import launcher
from invoicelake.training.ranks import RankFailed
from invoicelake.training.sharded_optimizer import build_optimizer, optimizer_slots, replicated_variables
from invoicelake.training.shards import load_shards, save_shards

pytestmark = [pytest.mark.slow, pytest.mark.spark]
# Ranks cannot import a test by its name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

ROWS, WIDTH, BATCH = 101, 4, 12
STEPS, MORE_STEPS = 100, 20
TABLE = initial_rows(np.arange(ROWS, dtype=np.uint64), WIDTH, 0.05, 0)
# By number of ranks; of three, one has none.
IDS = {2: [[0, 5, 5, 100], [7]], 3: [[0, 5, 5, 100], [7], []]}


def run(function, processes):
    return launcher(config.Training(launcher="horovod")).train(function, processes)


def unsharded():
    initializer = keras.initializers.Constant(TABLE)
    return keras.layers.Embedding(ROWS, WIDTH, embeddings_initializer=initializer, name="words")


def model_of(embedding, wrap=lambda optimizer, sharded: optimizer):
    """A compiled model; clipping is in force at every step."""
    ids = keras.Input((None,), dtype="int32")
    hidden = keras.layers.Dense(5, "tanh", kernel_initializer=keras.initializers.GlorotUniform(seed=1))
    score = keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed=2))
    model = keras.Model(ids, score(hidden(10 * tf.reduce_mean(embedding(ids), axis=1))))
    optimizer = keras.optimizers.Adam(0.01, global_clipnorm=0.05)
    model.compile(wrap(optimizer, sharded_variables(model)), "mse")
    build_optimizer(model)
    return model


def train(model, first, last, index=0, size=1):
    """Train on this rank's share of each batch; the number of tokens varies, and common ids repeat."""
    signature = (tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None, 1), tf.float32))
    step = tf.function(model.train_step, input_signature=[signature])
    for number in range(first, last):
        random = np.random.default_rng(number)
        ids = random.zipf(1.3, (BATCH, random.integers(1, 7))) % ROWS
        targets = np.sin(ids.sum(-1, keepdims=True)) * 3
        step((ids[index::size].astype(np.int32), targets[index::size].astype(np.float32)))


def values_and_gradient(layer, ids):
    """Rows of the ids, and the table's gradient of a loss in which each id weighs otherwise; in a graph."""

    @tf.function
    def computed(ids):
        with tf.GradientTape() as tape:
            values = layer(ids)
            loss = tf.reduce_sum(tf.cast(ids[:, None] + 1, tf.float32) * values**2)
        return values, tf.convert_to_tensor(tape.gradient(loss, layer.trainable_variables[0]))

    return [part.numpy() for part in computed(tf.constant(ids, tf.int32))]


def trained(rank, folder):
    """What this rank found, learned and, from the ranks that trained before it, took over."""
    layer = ShardedEmbedding(ROWS, WIDTH, rank.exchange, name="words")
    merged = ShardedEmbedding(ROWS, WIDTH, rank.exchange, merge_repeats=True, name="merged")
    found = {"one table": values_and_gradient(layer, IDS[rank.size][rank.index])}
    found["merged"] = values_and_gradient(merged, IDS[rank.size][rank.index])
    model, replica = model_of(layer, rank.wrap), model_of(unsharded(), rank.wrap)
    # What is to be shared must be, what is sharded must stay.
    model.layers[-1].bias.assign([rank.index])
    for each in (model, replica):
        rank.share_state(each)
        train(each, 0, STEPS, rank.index, rank.size)
    found |= {"sharded": model.get_weights(), "replicated": replica.get_weights()}
    if folder.exists():
        found["taken over"] = resumed(rank, folder)
    else:
        save_shards(folder, model, rank.exchange)
        if rank.is_chief:
            values = replicated_variables(model)
            write_arrays(folder / "rest.npz", {f"{n:03d}": value.numpy() for n, value in enumerate(values)})
    return found


def resumed(rank, folder):
    """Go on from what another number of ranks saved, and train some more steps."""
    model = model_of(ShardedEmbedding(ROWS, WIDTH, rank.exchange, name="words", seed=9), rank.wrap)
    if rank.is_chief:
        for variable, value in zip(
            replicated_variables(model), read_weights(folder / "rest.npz"), strict=True
        ):
            variable.assign(value)
    rank.share_state(model)
    assert load_shards(folder, model, rank.exchange) == STEPS == int(model.optimizer.iterations)
    train(model, STEPS, STEPS + MORE_STEPS, rank.index, rank.size)
    return model.get_weights()


def whole(parts):
    """The table, of which rank `r` has every `N`th row from `r` on."""
    table = np.zeros((sum(len(part) for part in parts), WIDTH), np.float32)
    for rank, part in enumerate(parts):
        table[rank :: len(parts)] = part
    return table


@pytest.fixture(scope="module")
def results(spark, tmp_path_factory):
    """By number of ranks, what each rank gave; three go on with what two saved."""
    folder = tmp_path_factory.mktemp("saved") / "shards"
    return {size: run(partial(trained, folder=folder), size) for size in (2, 3)}


SIZES = pytest.mark.parametrize("size", [2, 3])


@SIZES
@pytest.mark.parametrize("kind", ["one table", "merged"])
def test_values_and_gradients_are_those_of_one_table(results, size, kind):
    values, gradient = values_and_gradient(unsharded(), [number for part in IDS[size] for number in part])
    found = [result[kind] for result in results[size]]
    np.testing.assert_allclose(np.concatenate([part for part, _ in found]), values, atol=1e-5)
    np.testing.assert_allclose(whole([part for _, part in found]), gradient, atol=1e-5)


def require_same(found, expected):
    """Shards together, and all else on each rank, are what is expected; replicas agree to the bit."""
    np.testing.assert_allclose(whole([weights[0] for weights in found]), expected[0], atol=1e-5)
    for weights in found:
        for value, other, first in zip(weights[1:], expected[1:], found[0][1:], strict=True):
            np.testing.assert_allclose(value, other, atol=1e-5)
            np.testing.assert_array_equal(value, first)


@SIZES
def test_100_steps_are_those_of_data_parallelism_and_of_one_process(results, size):
    found = [result["sharded"] for result in results[size]]
    require_same(found, results[size][0]["replicated"])
    alone = model_of(unsharded())
    train(alone, 0, STEPS)
    require_same(found, alone.get_weights())
    assert abs(alone.get_weights()[0] - TABLE).max() > 0.1


def test_three_ranks_go_on_where_two_stopped(results):
    alone = model_of(unsharded())
    train(alone, 0, STEPS + MORE_STEPS)
    require_same([result["taken over"] for result in results[3]], alone.get_weights())


LARGE_WIDTH = 64


def status(name):
    """A size of this process in bytes, as Linux counts it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def large_model(rank, rows, optimizer):
    layer = ShardedEmbedding(rows, LARGE_WIDTH, rank.exchange, name="words")
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, keras.layers.Dense(1)(tf.reduce_mean(layer(ids), axis=1)))
    model.compile(rank.wrap(optimizer, sharded_variables(model)), "mse")
    build_optimizer(model)
    rank.share_state(model)
    return model


def losses(model, rank, rows, steps):
    ids = np.random.default_rng(rank.index).integers(0, rows, (8, 4))
    return [float(model.train_on_batch(ids, np.ones((8, 1)))) for _ in range(steps)]


def warm_up(rank):
    """Have TensorFlow and Horovod take what they need at first use, which is not the table's."""
    losses(large_model(rank, 1000, keras.optimizers.Adam()), rank, 1000, 2)


def memory_used(rank, rows):
    """Bytes of table and Adam's slots on this rank, and those by which its process grew with them."""
    warm_up(rank)
    before = status("VmRSS")
    model = large_model(rank, rows, keras.optimizers.Adam())
    losses(model, rank, rows, 3)
    (shard,) = sharded_variables(model)
    held = sum(part.shape[0] * part.shape[1] * 4 for part in (shard, *optimizer_slots(model, shard).values()))
    return held, status("VmRSS") - before


def test_memory_of_a_rank_falls_with_their_number(spark):
    rows = 600_000
    alone, *_ = run(partial(memory_used, rows=rows), 1)
    assert alone[0] == 3 * rows * LARGE_WIDTH * 4
    for size in (2, 3):
        for held, grown in run(partial(memory_used, rows=rows), size):
            assert held == alone[0] / size
            assert grown == pytest.approx(alone[1] / size, rel=0.2), (alone, size, held, grown)


LIMITED_ROWS = 2_000_000
TABLE_BYTES = LIMITED_ROWS * LARGE_WIDTH * 4


def trained_within(rank, tables):
    """Losses of a few steps in a process that may not grow by more than so many times the whole table."""
    warm_up(rank)
    limit = status("VmData") + int(tables * TABLE_BYTES)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    return losses(large_model(rank, LIMITED_ROWS, keras.optimizers.Adagrad(0.1)), rank, LIMITED_ROWS, 5)


LIMITS = [
    # what has no room    tables   what is told
    ("the table", 0.8, "no room for a rank's share of the embedding words: 512 MB, 2000000 of 2000000 rows"),
    ("Adagrad's sums", 1.75, "no room for what the optimizer keeps for weights of 512 MB"),
]


@pytest.mark.parametrize(("tables", "told"), [row[1:] for row in LIMITS], ids=[row[0] for row in LIMITS])
def test_a_table_too_large_for_one_rank_is_told(spark, tables, told):
    with pytest.raises(RankFailed, match=f"rank 0 failed: JobError: {told}"):
        run(partial(trained_within, tables=tables), 1)


def test_a_table_too_large_for_one_rank_trains_on_two(spark):
    for found in run(partial(trained_within, tables=1.75), 2):
        assert found[-1] < found[0] / 2
