"""The device of a rank: chosen from what it was given, and settled before TensorFlow computes."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from invoicelake.errors import JobError

if TYPE_CHECKING:
    from invoicelake.config import DeviceName

log = logging.getLogger(__name__)

GIVEN = "INVOICELAKE_GPUS"
"""What names, in the environment of a task's child, the GPUs that Spark gave the task."""

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_CURE = "see docs/gpus.md, or set training.device=cpu"


@dataclass(frozen=True)
class Device:
    """What a rank computes on.

    Attributes:
        address: of a GPU as CUDA names it, a number or the identifier of a part; None for the processor.
        given_by: who gave it, for messages.
        name: what it calls itself, once it is settled.
    """

    address: str | None
    given_by: str
    name: str = ""

    def __str__(self) -> str:
        what = "processor" if self.address is None else f"GPU {self.address}"
        return f"{what}{self.name and f' ({self.name})'}, {self.given_by}"


def chosen(
    wanted: DeviceName, addresses: Sequence[str], visible: str | None = None, local_index: int = 0
) -> Device:
    """The device of a rank.

    Args:
        wanted: `training.device`.
        addresses: of the GPUs that Spark gave the rank's task.
        visible: `CUDA_VISIBLE_DEVICES`, which counts where Spark gave none; each rank of a machine takes one.
        local_index: number of the rank among those of its machine.

    Raises:
        JobError: there is no GPU for a rank that must have one, or for each to which some were promised.
    """
    if wanted == "cpu":
        return Device(None, "by training.device=cpu")
    if addresses:
        # A second one would lie idle: a rank has one process, and Horovod one device for each.
        return Device(addresses[0], "given by Spark")
    shown = [part.strip() for part in (visible or "").split(",") if part.strip() not in ("", "-1")]
    if local_index < len(shown):
        return Device(shown[local_index], f"given by {_VISIBLE}")
    if shown:
        raise JobError(
            f"{_VISIBLE} holds {len(shown)} GPUs, and this is rank {local_index + 1} of its machine: "
            f"give each rank one, or set training.processes lower; {_CURE}"
        )
    if wanted == "gpu":
        raise JobError(f"this rank must have a GPU, and neither Spark nor {_VISIBLE} gave it one; {_CURE}")
    return Device(None, f"no GPU was given by Spark or {_VISIBLE}")


def settle(wanted: DeviceName) -> Device:
    """Choose this process's device and have TensorFlow use it alone; before TensorFlow computes anything.

    Memory of a GPU is taken as it is needed, so that what else runs there has room.

    Raises:
        JobError: there is no GPU for this rank, or TensorFlow cannot use it.
    """
    device = chosen(
        wanted, _given_by_spark(), os.environ.get(_VISIBLE), int(os.environ.get("HOROVOD_LOCAL_RANK", "0"))
    )
    if device.address is not None:
        # For CUDA numbers GPUs by speed unless it is told to number them as nvidia-smi, and so Spark, does.
        os.environ |= {_VISIBLE: device.address, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    import tensorflow as tf

    seen = tf.config.list_physical_devices("GPU")
    if device.address is None:
        tf.config.set_visible_devices([], "GPU")
        return _told(device, seen, "")
    if not seen:
        raise JobError(
            f"{device} cannot be used: TensorFlow sees no GPU; {_missing(tf)} in the environment of "
            f"{os.uname().nodename}; {_CURE}"
        )
    tf.config.set_visible_devices(seen[:1], "GPU")
    tf.config.experimental.set_memory_growth(seen[0], True)
    return _told(device, [], tf.config.experimental.get_device_details(seen[0]).get("device_name", ""))


def _told(device: Device, idle: Sequence[Any], name: str) -> Device:
    told = Device(device.address, device.given_by, name)
    if idle:
        log.warning("%d GPUs of this machine are not used: %s", len(idle), _CURE)
    return told


def _given_by_spark() -> Sequence[str]:
    """Addresses of the GPUs of the Spark task that started this process, or that it is."""
    if GIVEN in os.environ:
        return os.environ[GIVEN].split()
    return given_to_task()


def given_to_task() -> Sequence[str]:
    """Addresses of the GPUs of the Spark task that this process is; none if it is none."""
    from pyspark import TaskContext

    context = TaskContext.get()
    resources = context.resources() if context is not None else {}
    return resources["gpu"].addresses if "gpu" in resources else []


def _missing(tf: Any) -> str:
    """What most often keeps TensorFlow from a GPU that is there."""
    if not tf.test.is_built_with_cuda():
        return "it was built without CUDA"
    return "install tensorflow[and-cuda] and a driver that knows CUDA 12"
