"""The sharded embedding against `keras.layers.Embedding`, alone and with ranks that are threads."""

import re
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from invoicelake.errors import JobError
from invoicelake.models.layers import WordDropout
from invoicelake.models.sharded import ShardedEmbedding, initial_rows, sharded_variables
from invoicelake.training import shards
from invoicelake.training.ranks import Rank
from invoicelake.training.sharded_optimizer import clipping_shards, optimizer_slots, replicated_variables
from invoicelake.training.shards import load_shards, save_shards
from threaded_ranks import ThreadedExchange, together

ROWS, WIDTH, SEED = 13, 3, 5
TABLE = initial_rows(np.arange(ROWS, dtype=np.uint64), WIDTH, 0.05, SEED)


def sharded(exchange=None, rows=ROWS, width=WIDTH, **changes):
    layer = ShardedEmbedding(rows, width, exchange, seed=SEED, name="words", **changes)
    layer.build((None,))
    return layer


def unsharded():
    layer = keras.layers.Embedding(ROWS, WIDTH, embeddings_initializer=keras.initializers.Constant(TABLE))
    layer.build((None,))
    return layer


def whole(parts):
    """The table, of which rank `r` has every `N`th row from `r` on."""
    table = np.zeros((sum(len(part) for part in parts), parts[0].shape[1]), np.float32)
    for rank, part in enumerate(parts):
        table[rank :: len(parts)] = part
    return table


def values_and_gradient(layer, ids):
    """Looked up rows, and the table's gradient of a loss in which each place weighs otherwise."""
    (weight,) = layer.trainable_variables
    with tf.GradientTape() as tape:
        values = layer(ids)
        places = tf.reshape(tf.range(tf.size(values), dtype=tf.float32), tf.shape(values))
        loss = tf.reduce_sum(places * values**2)
    return values.numpy(), tf.convert_to_tensor(tape.gradient(loss, weight)).numpy()


IDS = [
    # why                         ids of rank 0        of rank 1         of rank 2
    ("all different", ([0, 1, 2, 3], [4, 5, 6], [7, 8, 9, 10])),
    ("the same on all", ([4, 4, 4], [4, 4], [4])),
    ("all on one rank", ([0, 3, 6], [9, 12], [0])),
    ("a rank without ids", ([1, 2], [], [12, 1])),
    ("nobody has ids", ([], [], [])),
    ("first and last", ([0], [12], [0, 12])),
    ("two dimensions", ([[1, 2], [2, 1]], [[5, 5]], [[0, 12], [1, 1], [7, 7]])),
]


@pytest.mark.parametrize("merge_repeats", [False, True])
@pytest.mark.parametrize("ids", [row[1] for row in IDS], ids=[row[0] for row in IDS])
def test_ranks_find_what_one_table_holds(ids, merge_repeats):
    given = [tf.constant(part, tf.int32) for part in ids]

    def found(exchange):
        return values_and_gradient(sharded(exchange, merge_repeats=merge_repeats), given[exchange.index])

    results = together(3, found)
    expected = [values_and_gradient(unsharded(), part) for part in given]
    for (values, _), (expected_values, _) in zip(results, expected, strict=True):
        np.testing.assert_allclose(values, expected_values, atol=1e-7)
    gradient = whole([part for _, part in results])
    np.testing.assert_allclose(gradient, sum(part for _, part in expected), atol=1e-5)


@pytest.mark.parametrize("ids", [[1, 2, 2], [[3], [12]], 4, np.zeros((0, 5)), np.zeros((5, 0))], ids=str)
@pytest.mark.parametrize("compiled", [False, True])
def test_shape_is_that_of_the_ids_and_the_width(ids, compiled):
    layer = sharded()
    ids = tf.constant(ids, tf.int64)
    values = tf.function(layer)(ids) if compiled else layer(ids)
    assert values.shape == (*ids.shape, WIDTH)
    np.testing.assert_array_equal(values, unsharded()(ids))


def test_ragged_ids_give_ragged_rows():
    ids = tf.ragged.constant([[1, 2], [], [3]])
    assert tf.function(sharded())(ids).to_list() == unsharded()(ids).to_list()


@pytest.mark.parametrize("wrong", [-1, ROWS, 2**40])
@pytest.mark.parametrize("compiled", [False, True])
def test_an_id_without_a_row_is_told(wrong, compiled):
    layer = sharded()
    call = tf.function(layer) if compiled else layer
    with pytest.raises(tf.errors.InvalidArgumentError, match="embedding words has rows 0 to 12") as told:
        call(tf.constant([1, wrong], tf.int64))
    assert str(wrong) in str(told.value)


@pytest.mark.parametrize("size", [1, 2, 5, 20])
def test_table_is_the_same_at_any_number_of_ranks(size):
    parts = together(size, lambda exchange: sharded(exchange).shard.numpy())
    np.testing.assert_array_equal(whole(parts), TABLE)
    assert {len(part) for part in parts} <= {ROWS // size, ROWS // size + 1}


def test_rows_are_drawn_evenly_and_by_seed():
    rows = np.arange(20_000, dtype=np.uint64)
    drawn = initial_rows(rows, 8, 0.5, seed=1)
    assert (abs(drawn).max(), drawn.mean(), drawn.std()) == pytest.approx((0.5, 0, 0.5 / 3**0.5), abs=3e-3)
    assert abs(np.corrcoef(drawn.T) - np.eye(8)).max() < 0.03
    assert abs(np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]) < 0.03
    assert (initial_rows(rows, 8, 0.5, seed=2) == drawn).mean() < 1e-3


def model_of(embedding):
    ids = keras.Input((None,), dtype="int32")
    words = embedding(WordDropout(0.0, unknown=1)(ids))
    # With a seed of its own, since ranks that are threads share Keras' global one.
    score = keras.layers.Dense(1, name="score", kernel_initializer=keras.initializers.GlorotUniform(seed=1))
    return keras.Model(ids, score(tf.reduce_mean(tf.tanh(words), axis=1)))


def batches(steps, ranks=1, size=6, seed=3):
    """Ids and targets `(steps, ranks, …)`, with many repeats."""
    random = np.random.default_rng(seed)
    ids = random.zipf(1.3, (steps, ranks, size, 4)) % ROWS
    return ids, np.sin(ids.sum(-1, keepdims=True)).astype(np.float32) * 3


# what                              optimizer
OPTIMIZERS = [
    ("Adam", lambda: keras.optimizers.Adam(0.01)),
    ("Adam, clipped over all", lambda: keras.optimizers.Adam(0.01, global_clipnorm=0.05)),
    ("SGD, clipped each", lambda: keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=0.02)),
    ("SGD, values clipped", lambda: keras.optimizers.SGD(1.0, clipvalue=0.003)),
    ("AdamW", lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1)),
    ("Adagrad", lambda: keras.optimizers.Adagrad(0.1)),
]
NAMED = pytest.mark.parametrize(
    "optimizer", [row[1] for row in OPTIMIZERS], ids=[row[0] for row in OPTIMIZERS]
)


def trained(embedding, optimizer, steps=100):
    model = model_of(embedding)
    model.compile(optimizer, "mse")
    model.optimizer.build(model.trainable_variables)
    for ids, targets in zip(*(part[:, 0] for part in batches(steps)), strict=True):
        model.train_on_batch(ids, targets)
    return model.get_weights()


@NAMED
def test_100_steps_alone_are_those_of_an_embedding(optimizer):
    layer = sharded()
    found = trained(layer, Rank().wrap(optimizer(), [layer.shard]))
    expected = trained(unsharded(), optimizer())
    for value, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, other, atol=1e-5)
    assert abs(found[0] - TABLE).max() > 0.02


def rank_trained(exchange, optimizer, given, total):
    """Weights after steps of data parallelism, averaged by hand as Horovod does."""
    model = model_of(sharded(exchange))
    model.compile(clipping_shards(optimizer()), "mse")
    (shard,) = sharded_variables(model)
    model.optimizer.clip_over_ranks([shard], total)
    model.optimizer.build(model.trainable_variables)
    for ids, targets in zip(*(part[:, exchange.index] for part in given), strict=True):
        with tf.GradientTape() as tape:
            loss = keras.losses.mean_squared_error(targets, model(ids))
            loss = tf.reduce_mean(loss)
        weights = model.trainable_variables
        gradients = tape.gradient(loss, weights)
        averaged = [
            tf.IndexedSlices(gradient.values / exchange.size, gradient.indices, gradient.dense_shape)
            if weight is shard
            else total(gradient) / exchange.size
            for gradient, weight in zip(gradients, weights, strict=True)
        ]
        model.optimizer.apply_gradients(zip(averaged, weights, strict=True))
    return model.get_weights()


def summing(exchange):
    """A sum over ranks, made of what the exchange can do."""

    def total(values):
        repeated = tf.repeat(values[None], exchange.size, axis=0)
        return tf.reduce_sum(exchange.alltoall(repeated, tf.ones(exchange.size, tf.int32))[0], axis=0)

    return total


@NAMED
def test_steps_of_three_ranks_are_those_of_an_embedding(optimizer):
    given = batches(25, ranks=3)
    found = together(3, lambda exchange: rank_trained(exchange, optimizer, given, summing(exchange)))
    model = model_of(unsharded())
    model.compile(optimizer(), "mse")
    for ids, targets in zip(*given, strict=True):
        model.train_on_batch(ids.reshape(-1, 4), targets.reshape(-1, 1))
    np.testing.assert_allclose(whole([weights[0] for weights in found]), model.get_weights()[0], atol=1e-5)
    for weights in found:
        for value, other, first in zip(weights[1:], model.get_weights()[1:], found[0][1:], strict=True):
            np.testing.assert_allclose(value, other, atol=1e-5)
            # Replicas must not drift apart, however little.
            np.testing.assert_array_equal(value, first)


def compiled(exchange, optimizer=None, rows=ROWS, slots=None):
    model = model_of(sharded(exchange, rows=rows))
    model.compile(optimizer or keras.optimizers.Adam(0.01), "mse")
    model.optimizer.build(model.trainable_variables)
    for part in model.optimizer.variables[1:] if slots else ():
        part.assign(tf.random.stateless_normal(part.shape, (slots, exchange.index)))
    return model


def parts_of(model):
    (shard,) = sharded_variables(model)
    return {"table": shard.numpy()} | {
        name: part.numpy() for name, part in optimizer_slots(model, shard).items()
    }


def saved(folder, size, rows=ROWS, step=100, **changes):
    """Save a model on so many ranks; return table and slots, put together."""

    def save(exchange):
        model = compiled(exchange, rows=rows, slots=7, **changes)
        model.optimizer.iterations.assign(step)
        save_shards(folder, model, exchange)
        return parts_of(model)

    found = together(size, save)
    return {name: whole([parts[name] for parts in found]) for name in found[0]}


@pytest.mark.parametrize(
    ("before", "after"), [(1, 1), (1, 2), (2, 1), (2, 3), (3, 2), (4, 2), (2, 2), (20, 3)]
)
def test_what_some_ranks_saved_others_load(tmp_path, monkeypatch, before, after):
    # Blocks of two rows, so that a file has several.
    monkeypatch.setattr(shards, "_BLOCK", 2 * WIDTH)
    expected = saved(tmp_path, before)

    def load(exchange):
        model = compiled(exchange)
        assert load_shards(tmp_path, model, exchange) == 100
        return parts_of(model)

    found = together(after, load)
    assert set(expected) == {"table", "m", "v"}
    for name, value in expected.items():
        np.testing.assert_array_equal(whole([parts[name] for parts in found]), value)


def test_ranks_read_only_files_that_hold_their_rows(tmp_path):
    saved(tmp_path, 4)
    for rank in (1, 3):
        file = tmp_path / f"step-0000000100-rank-{rank}-of-4.npz"
        file.write_bytes(bytes(file.stat().st_size))
    exchange = ThreadedExchange(0, threading.Barrier(2), [])
    assert load_shards(tmp_path, compiled(exchange), exchange) == 100


def test_no_rank_reads_the_table_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "_BLOCK", 4 * WIDTH)
    saved(tmp_path, 1)
    with np.load(tmp_path / "step-0000000100-rank-0-of-1.npz") as stored:
        assert {stored[name].shape[0] for name in stored.files} == {4, 1}


DAMAGE = [
    # why              what is done to the files of rank 1
    ("bytes lost", lambda arrays, facts: arrays.write_bytes(arrays.read_bytes()[:-7])),
    ("arrays lost", lambda arrays, facts: arrays.unlink()),
    ("facts lost", lambda arrays, facts: facts.unlink()),
    ("facts cut off", lambda arrays, facts: facts.write_text(facts.read_text()[:20])),
    (
        "of another save",
        lambda arrays, facts: facts.write_text(re.sub('"save": ', '"save": 1', facts.read_text())),
    ),
]


@pytest.mark.parametrize("damage", [row[1] for row in DAMAGE], ids=[row[0] for row in DAMAGE])
def test_a_save_that_is_not_whole_does_not_count(tmp_path, damage):
    saved(tmp_path, 2, step=99)
    saved(tmp_path, 2, step=100)
    stem = tmp_path / "step-0000000100-rank-1-of-2"
    damage(stem.with_suffix(".npz"), stem.with_suffix(".json"))
    assert load_shards(tmp_path, compiled(Rank().exchange), Rank().exchange) == 99


def test_rows_that_changed_since_are_told(tmp_path):
    saved(tmp_path, 2)
    file = tmp_path / "step-0000000100-rank-1-of-2.npz"
    file.write_bytes(file.read_bytes().replace(b"words", b"wards"))
    with pytest.raises(JobError, match=r"rank-1-of-2\.npz are damaged: their SHA-256 is not"):
        load_shards(tmp_path, compiled(Rank().exchange), Rank().exchange)


MISFITS = [
    # why               what is other at loading                                 what is told
    ("more rows", {"rows": ROWS + 1}, "words should have rows=14, saved was 13"),
    ("more slots", {"optimizer": keras.optimizers.Adam(amsgrad=True)}, "lack words/vhat/000000"),
]


@pytest.mark.parametrize(("changes", "told"), [row[1:] for row in MISFITS], ids=[row[0] for row in MISFITS])
def test_a_model_of_other_settings_is_told(tmp_path, changes, told):
    saved(tmp_path, 2)
    with pytest.raises(JobError, match=told):
        load_shards(tmp_path, compiled(Rank().exchange, **changes), Rank().exchange)


def test_the_last_two_saves_stay(tmp_path):
    for step in (1, 2, 10):
        saved(tmp_path, 2, step=step)
    assert sorted({int(file.name.split("-")[1]) for file in tmp_path.iterdir()}) == [2, 10]
    exchange = Rank().exchange
    assert load_shards(tmp_path, compiled(exchange), exchange) == 10
    assert load_shards(tmp_path, compiled(exchange), exchange, step=2) == 2
    assert load_shards(tmp_path, compiled(exchange), exchange, step=1) is None


def test_what_is_sharded_is_told_from_what_all_ranks_share():
    inner = keras.Sequential([ShardedEmbedding(5, 2, name="inner")])
    ids = keras.Input((None,), dtype="int32")
    joined = keras.layers.Concatenate()([inner(ids), ShardedEmbedding(5, 2, name="a")(ids)])
    model = keras.Model(ids, keras.layers.Dense(1, name="score")(joined))
    model.compile(keras.optimizers.Adam(), "mse")
    model.optimizer.build(model.trainable_variables)
    assert [part.name for part in sharded_variables(model)] == ["a/a_shard:0", "inner/inner_shard:0"]
    assert {part.name for part in replicated_variables(model)} == {
        f"{slot}score/{part}:0" for part in ("kernel", "bias") for slot in ("", "m/", "v/")
    } | {"iteration:0"}


def test_two_tables_of_one_name_are_told():
    ids = keras.Input((None,), dtype="int32")
    twins = [keras.Sequential([ShardedEmbedding(5, 2, name="words")]) for _ in range(2)]
    model = keras.Model(ids, keras.layers.Concatenate()([twin(ids) for twin in twins]))
    with pytest.raises(JobError, match="need names of their own, these are called words, words"):
        sharded_variables(model)


def test_layer_comes_back_from_its_config():
    layer = sharded(merge_repeats=True)
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    np.testing.assert_array_equal(again(tf.range(ROWS)), TABLE)
    assert again.get_config() == layer.get_config()
