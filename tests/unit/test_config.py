"""Settings: what wins over what, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoicelake import config

CONF = Path(__file__).resolve().parents[2] / "conf"

# why, overrides, dotted key, expected
VALUES = [
    ("default of the code", [], "training.processes", 2),
    ("base.yaml", [], "tracking.model_name", "extractor_generated"),
    ("file of the input", ["input.format=sroie"], "publish.currency", "MYR"),
    ("name follows the input", ["input.format=cord"], "tracking.model_name", "extractor_cord"),
    (
        "override over the input's file",
        ["input.format=sroie", "publish.currency=USD"],
        "publish.currency",
        "USD",
    ),
    ("the later override", ["seed=1", "seed=2"], "seed", 2),
    ("a path with a space and =", ["lake.path=/data/a lake=1"], "lake.path", "/data/a lake=1"),
    ("null", ["input.path=null"], "input.path", None),
]


@pytest.mark.parametrize(
    ("overrides", "key", "expected"), [c[1:] for c in VALUES], ids=[c[0] for c in VALUES]
)
def test_values(overrides, key, expected):
    value = config.load(CONF, overrides=overrides)
    for part in key.split("."):
        value = getattr(value, part)
    assert value == expected


# why, overrides, message
REFUSED = [
    ("misspelt section", ["trainig.epochs=3"], "unknown setting 'trainig'"),
    ("misspelt key", ["training.epoch=3"], "unknown setting 'training.epoch'"),
    ("no number", ["training.epochs=many"], r"training\.epochs: .*integer.*got 'many'"),
    ("too small", ["training.processes=0"], r"training\.processes: .*greater than or equal to 1.*got 0"),
    ("no such source", ["input.format=pdf"], r"input\.format: .*'generated', 'sroie' or 'cord'.*got 'pdf'"),
    ("no equals sign", ["seed"], "expected key=value, got 'seed'"),
    ("a share over 1", ["split.test_share=1.5"], r"split\.test_share: .*less than 1"),
    ("no room for training", ["split.test_share=0.6", "split.validation_share=0.5"], "nothing to train on"),
    ("two ranks in one process", ["training.launcher=inprocess"], r"set training\.processes=1"),
    ("an unresolved reference", ["seed=${nothing}"], "nothing"),
    ("a section as a value", ["training=fast"], "training"),
    ("broken YAML", ["seed=[1"], "seed"),
    (
        "two books of one name",
        ["ledger.path=a", "receivables.path=b", "ledger.source=erp", "receivables.source=erp"],
        r"^Value error, ledger\.source and receivables\.source are both 'erp'.*give them two names$",
    ),
]


@pytest.mark.parametrize(("overrides", "message"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_refused(overrides, message):
    with pytest.raises(config.SettingsError, match=message):
        config.load(CONF, overrides=overrides)


def test_files_come_between_base_and_overrides(tmp_path):
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("training: {epochs: 3, patience: 2}\ninput: {format: sroie}")
    second.write_text("training: {epochs: 4}")
    suite = config.load(CONF, files=[first, second], overrides=["training.patience=1"])
    assert (suite.training.epochs, suite.training.patience, suite.publish.currency) == (4, 1, "MYR")


@pytest.mark.parametrize("content", ["- a list", "a: [1", "\t- {"])
def test_a_file_that_is_no_settings_file_is_refused(tmp_path, content):
    (tmp_path / "bad.yaml").write_text(content)
    with pytest.raises(config.SettingsError, match=r"bad\.yaml"):
        config.load(CONF, files=[tmp_path / "bad.yaml"])


def test_missing_file_and_environment_are_named():
    with pytest.raises(config.SettingsError, match=r"no settings file .*none\.yaml"):
        config.load(CONF, files=[Path("none.yaml")])
    with pytest.raises(config.SettingsError, match=r"no settings file .*mars\.yaml"):
        config.load(CONF, env="mars")


def test_settings_cannot_be_changed():
    suite = config.load(CONF)
    with pytest.raises(ValueError, match="frozen"):
        suite.seed = 3
