"""Mixed precision and XLA on a small extractor: the same values, and steps that are learnt from."""

import numpy as np
import pytest

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.models.encoding import tensor_specs
from tiny_extractor import ENCODING, FIELDS, MODEL

ROWS = 4


def settings(**changes):
    return config.Training(launcher="inprocess", processes=1, **changes)


def compiled(changes):
    import keras

    from invoicelake.models.extractor import build, compile_extractor
    from invoicelake.training.acceleration import accelerate, accelerated

    keras.utils.set_random_seed(0)
    with accelerated(settings(**changes)):
        model = build(MODEL.model_copy(update={"dropout": 0.0}), ENCODING, 50, FIELDS)
        compile_extractor(model, keras.optimizers.Adam(0.01))
    accelerate(model, settings(**changes))
    return model


def batch(length):
    random = np.random.default_rng(length)
    inputs = {
        spec.name: random.integers(1, 6, (ROWS, length, *spec.shape[1:])).astype(spec.dtype)
        for spec in tensor_specs(ENCODING)
    }
    inputs["words"][0, length // 2 :] = 0
    return inputs, (inputs.pop("labels") % 3).astype(np.uint8)


@pytest.mark.parametrize(("changes", "within"), [({"mixed_precision": True}, 2e-2), ({"xla": True}, 1e-4)])
def test_values_and_learning_are_those_of_the_plain_model(changes, within):
    plain, other = compiled({}), compiled(changes)
    other.set_weights(plain.get_weights())
    # XLA compiles for each length.
    for length in (8, 16):
        inputs, _ = batch(length)
        expected, found = plain(inputs), other(inputs)
        assert found.dtype == "float32"
        np.testing.assert_allclose(found, expected, atol=within)
        assert not np.array_equal(found, expected)
    inputs, targets = batch(16)
    losses = [other.train_on_batch(inputs, targets)[0] for _ in range(30)]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.8 * losses[0]
    assert {weight.dtype.name for weight in other.trainable_variables} == {"float32"}


def test_mixed_precision_computes_in_half_and_scales_the_loss():
    import keras

    model = compiled({"mixed_precision": True})
    assert model.get_layer("joined").compute_dtype == "float16"
    assert isinstance(model.optimizer, keras.mixed_precision.LossScaleOptimizer)
    assert keras.mixed_precision.global_policy().name == "float32"


@pytest.mark.parametrize("changes", [{"mixed_precision": True}, {"xla": True}])
def test_sharded_embeddings_are_refused(changes):
    import keras

    from invoicelake.models.sharded import Alone, ShardedEmbedding
    from invoicelake.training.acceleration import accelerate

    class Two(Alone):
        size = 2

    ids = keras.Input((3,), dtype="int32")
    model = keras.Model(ids, ShardedEmbedding(10, 4, Two())(ids))
    with pytest.raises(JobError, match=r"go with neither training.xla nor training.mixed_precision"):
        accelerate(model, settings(**changes))


def test_elephas_does_not_pin_ranks_to_gpus():
    with pytest.raises(ValueError, match=r"elephas cannot pin ranks to GPUs; set training.launcher=horovod"):
        config.Training(launcher="elephas", device="gpu")
