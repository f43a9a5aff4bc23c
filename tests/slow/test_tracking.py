"""A model's way through MLflow: logged, registered, found again, promoted, loaded, applied."""

import json
import socket
import time

import pytest

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.evaluation.metrics import Group, Scored, score
from invoicelake.models.bundle import load_bundle
from invoicelake.promotion.contest import Entry, decide
from invoicelake.tables import PinnedTable
from invoicelake.text.document import Line
from invoicelake.tracking import CHALLENGER, CHAMPION, open_tracking
from invoicelake.tracking_models import EXTRACTOR
from invoicelake.tracking_run import RegisteredModel
from invoicelake.trust.record import TrustRecord
from tiny_extractor import FIELDS, saved

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning")]

SETTINGS = config.Tracking(model_name="extractor_test", timeout_s=2)
SUITE = config.Suite(fields=FIELDS, tracking=SETTINGS)
LINES = [Line("ACME LTD", 0, 10.0, 10.0, 90.0, 20.0), Line("TOTAL 12.50", 0, 10.0, 40.0, 90.0, 50.0)]
TABLE = PinnedTable("gold.extractor_example", "/lake/gold/extractor_example", 7, ("/lake/a.parquet",), (5,))
HISTORY = [{"loss": 2.0, "val_token_f1": 0.5}, {"loss": 1.0, "val_token_f1": 0.75}]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return tmp_path_factory.mktemp("a lake")


@pytest.fixture(scope="module")
def registered(bundle, lake):
    tracking = open_tracking(SETTINGS, str(lake))
    assert tracking.find_model("f" * 64) is None
    with tracking.run("train_extractor", SUITE, {"job": "train_extractor"}) as run:
        run.log_input(TABLE, "training")
        run.log_epochs(HISTORY)
        return run.log_model(EXTRACTOR, bundle, "f" * 64)


@pytest.fixture
def tracking(lake, registered):
    return open_tracking(SETTINGS, str(lake))


@pytest.fixture
def logged(tracking, registered):
    from mlflow import MlflowClient

    return MlflowClient().get_run(registered.run_id)


def test_run_records_what_made_it(logged):
    assert logged.info.status == "FINISHED"
    assert logged.data.params["model.width"] == str(SUITE.model.width)
    assert logged.data.params["tracking.model_name"] == "extractor_test"
    assert logged.data.tags["job"] == "train_extractor"
    assert logged.data.tags["mlflow.source.git.commit"]


def test_run_records_metrics_of_each_epoch(registered, logged):
    from mlflow import MlflowClient

    curve = MlflowClient().get_metric_history(registered.run_id, "loss")
    assert [(point.step, point.value) for point in curve] == [(1, 2.0), (2, 1.0)]


def test_run_records_table_and_version(logged):
    (given,) = logged.inputs.dataset_inputs
    assert given.dataset.name == "gold.extractor_example"
    assert json.loads(given.dataset.source)["delta_table_version"] == 7
    assert {tag.key: tag.value for tag in given.tags}["mlflow.data.context"] == "training"


def test_training_of_same_fingerprint_is_found(tracking, registered):
    assert tracking.find_model("f" * 64) == registered
    assert tracking.find_model("e" * 64) is None


def test_promotion_moves_the_alias(tracking, registered):
    assert tracking.with_alias(CHALLENGER) is None
    tracking.challenge(registered)
    assert tracking.with_alias(CHALLENGER) == registered
    tracking.promote(registered)
    assert tracking.with_alias(CHALLENGER) is None
    assert tracking.with_alias(CHAMPION) == registered
    assert tracking.champion() == registered


def read_by(model: RegisteredModel, right: range) -> Entry:
    """What a version read in 100 documents, of which those in `right` are read as labelled."""
    scored = [
        Scored(str(k), Group.UNSEEN, {"total": "1"}, {"total": "1" if k in right else "2"})
        for k in range(100)
    ]
    return Entry(model, (), scored, score(scored, ["total"]))


def test_a_challenger_becomes_champion_when_it_is_better_beyond_noise(tracking, registered, bundle):
    with tracking.run("train_extractor", SUITE, {}) as run:
        newer = run.log_model(EXTRACTOR, bundle, "a" * 64)
    tracking.promote(registered)
    for right, gained in ((range(60), False), (range(61), False), (range(70), True)):
        tracking.challenge(newer)
        outcome = decide([read_by(registered, range(60)), read_by(newer, right)], tracking, seed=0)
        chosen = newer if gained else registered
        assert outcome.chosen.model == tracking.champion() == chosen
        assert tracking.with_alias(CHALLENGER) is None
    tracking.promote(registered)


def test_bundle_comes_back_as_it_was(tracking, registered, bundle):
    with tracking.bundle(registered) as folder:
        again = load_bundle(folder).predict([LINES])
    assert again == load_bundle(bundle).predict([LINES])


def test_record_of_trust_comes_with_the_bundle(tracking, registered, tmp_path):
    record = TrustRecord(registered.name, registered.version, {}, (0.1, 0.2))
    with tracking.bundle(registered) as folder:
        assert TrustRecord.load(folder, registered.name, registered.version) is None
    tracking.log_file(registered.run_id, record.save(tmp_path))
    with tracking.bundle(registered) as folder:
        assert TrustRecord.load(folder, registered.name, registered.version) == record
        assert load_bundle(folder)


def test_pyfunc_predicts_what_the_bundle_predicts(tracking, registered, bundle):
    import mlflow
    import pandas as pd

    model = mlflow.pyfunc.load_model(f"models:/{registered.name}/{registered.version}")
    lines = [line._asdict() for line in LINES]
    found = model.predict(pd.DataFrame({"document_id": ["d1"], "lines": [lines]}))
    expected = load_bundle(bundle).predict([LINES])[0]
    assert [(each["field"], each["value"]) for each in found] == [
        (each.field, each.value) for each in expected
    ]
    assert expected


def test_nothing_logged_is_a_pickle(lake, registered):
    files = [file for file in (lake / "mlflow_artifacts").rglob("*") if file.is_file()]
    assert any(file.name == "weights.npz" for file in files)
    assert not [file for file in files if file.suffix in (".pkl", ".pickle")]


def test_interrupted_run_is_marked(tracking):
    from mlflow import MlflowClient

    with pytest.raises(KeyboardInterrupt), tracking.run("train_extractor", SUITE, {}) as run:
        raise KeyboardInterrupt
    assert MlflowClient().get_run(run.run_id).info.status == "KILLED"


def test_champion_missing_says_what_to_run(lake, registered):
    settings = SETTINGS.model_copy(update={"model_name": "extractor_other"})
    with pytest.raises(JobError, match="run train_extractor"):
        open_tracking(settings, str(lake)).champion()


def test_unreachable_server_is_told_at_once(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{closed.getsockname()[1]}"
    began = time.monotonic()
    with pytest.raises(JobError, match=r"tracking store .*tracking\.uri"):
        open_tracking(SETTINGS.model_copy(update={"uri": uri}), str(tmp_path))
    assert time.monotonic() - began < 3


def test_silent_server_is_given_up(tmp_path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(JobError, match="tracking store"):
            open_tracking(SETTINGS.model_copy(update={"uri": uri}), str(tmp_path))
    assert time.monotonic() - began < 2 * SETTINGS.timeout_s + 1


def test_damaged_store_is_told(tmp_path):
    (tmp_path / "mlflow.db").write_text("this is no database, and it is long enough to be looked at" * 20)
    with pytest.raises(JobError, match="cannot be used"):
        open_tracking(SETTINGS, str(tmp_path))
