"""Which device a rank computes on, and what it says where there is none."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import pytest

from invoicelake.errors import JobError
from invoicelake.training import devices
from invoicelake.training.launchers import rank_task

# why, training.device, Spark's addresses, CUDA_VISIBLE_DEVICES, rank of its machine, address or message
CASES = [
    ("Spark's is taken", "auto", ["3"], None, 0, "3"),
    ("and not that of the rank's number", "gpu", ["3"], "0,1", 1, "3"),
    ("a part of a GPU", "auto", ["MIG-c6d4"], None, 0, "MIG-c6d4"),
    ("without Spark's, CUDA's", "auto", [], "2", 0, "2"),
    ("one for each rank", "gpu", [], "4, 5", 1, "5"),
    ("too few", "auto", [], "4,5", 2, "holds 2 GPUs, and this is rank 3 of its machine: give each rank one"),
    ("nobody gave one", "auto", [], None, 0, None),
    ("they are hidden", "auto", [], "-1", 0, None),
    ("none is wanted", "cpu", ["3"], "0", 0, None),
    ("one is needed", "gpu", [], None, 0, "must have a GPU, and neither Spark nor CUDA_VISIBLE_DEVICES gave"),
    ("one is needed and hidden", "gpu", [], "", 0, "must have a GPU"),
]


@pytest.mark.parametrize(
    ("wanted", "addresses", "visible", "local_index", "expected"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_a_rank_takes_the_device_that_it_was_given(wanted, addresses, visible, local_index, expected):
    if expected and " " in expected:
        with pytest.raises(JobError, match=expected):
            devices.chosen(wanted, addresses, visible, local_index)
    else:
        assert devices.chosen(wanted, addresses, visible, local_index).address == expected


class FakeTensorFlow:
    """Notes what is set; sees so many GPUs."""

    def __init__(self, gpus):
        self.done = []
        details = SimpleNamespace(
            get_device_details=lambda gpu: {"device_name": "H100"},
            set_memory_growth=lambda gpu, on: self.done.append(("growth", gpu, on)),
        )
        self.config = SimpleNamespace(
            list_physical_devices=lambda kind: gpus,
            set_visible_devices=lambda seen, kind: self.done.append(("visible", seen, kind)),
            experimental=details,
        )
        self.test = SimpleNamespace(is_built_with_cuda=lambda: True)


@pytest.fixture
def given(monkeypatch):
    """Makes Spark give an address, CUDA show one, and TensorFlow see so many."""

    def make(addresses, gpus, visible=""):
        fake = FakeTensorFlow(gpus)
        monkeypatch.setitem(sys.modules, "tensorflow", fake)
        monkeypatch.setattr(devices, "_given_by_spark", lambda: addresses)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        monkeypatch.setenv("CUDA_DEVICE_ORDER", "")
        return fake

    return make


def test_tensorflow_sees_the_rank_s_gpu_alone_and_takes_memory_as_it_needs_it(given):
    fake = given(["3"], ["first", "second"])
    assert str(devices.settle("gpu")) == "GPU 3 (H100), given by Spark"
    assert (os.environ["CUDA_VISIBLE_DEVICES"], os.environ["CUDA_DEVICE_ORDER"]) == ("3", "PCI_BUS_ID")
    assert fake.done == [("visible", ["first"], "GPU"), ("growth", "first", True)]


def test_a_gpu_that_tensorflow_does_not_see_is_an_error(given):
    given(["3"], [])
    with pytest.raises(
        JobError,
        match=r"GPU 3, given by Spark cannot be used: TensorFlow sees no GPU; install tensorflow\[and",
    ):
        devices.settle("auto")


def test_gpus_that_nobody_gave_are_left_to_others(given, caplog):
    fake = given([], ["first", "second"])
    assert str(devices.settle("auto")) == "processor, no GPU was given by Spark or CUDA_VISIBLE_DEVICES"
    assert fake.done == [("visible", [], "GPU")]
    assert "2 GPUs of this machine are not used" in caplog.text


@pytest.mark.parametrize("addresses", [[], ["5"], ["MIG-c6d4", "7"]])
def test_a_rank_finds_what_spark_gave_its_task(monkeypatch, addresses):
    monkeypatch.setattr(rank_task, "given_to_task", lambda: addresses)
    order = rank_task.Order("127.0.0.1", 1, 2, "token", b"", {})
    monkeypatch.setattr(os, "environ", rank_task._environment(order, 0, ["127.0.0.1"]))
    assert devices._given_by_spark() == addresses
