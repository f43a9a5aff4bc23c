"""What Spark has to offer to ranks."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Mapping
from typing import Any

from invoicelake.config import SettingsError

_POLL_S = 0.1
_SETTLED_S = 30
_GIVE_MORE = "give Spark more by spark.executor.instances, spark.executor.cores or spark.cores.max"


def spark_context() -> Any:
    """The running Spark context.

    Raises:
        RuntimeError: there is none.
    """
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    if context is None:
        raise RuntimeError("ranks run as Spark tasks, and there is no Spark session")
    return context


def is_local(context: Any) -> bool:
    """Whether Spark's tasks run on this machine, in one Java process."""
    return bool(context.master.startswith("local"))


def require_slots(context: Any, processes: int) -> None:
    """Check that all ranks can run at once, as far as the settings say it.

    Raises:
        SettingsError: Spark never has as many slots as there are ranks, so that some would not start.
    """
    slots = int(context.defaultParallelism) if is_local(context) else most_slots(_conf(context))
    if slots is None or slots >= processes:
        return
    cure = f"start Spark with --master 'local[{processes}]'" if is_local(context) else _GIVE_MORE
    raise SettingsError(
        f"training.processes={processes}, but Spark runs only {slots} at once ({context.master}); "
        f"set training.processes={slots}, or {cure}"
    )


class SlotsMissing(SettingsError):
    """Executors that are there, or were to come, have too few slots."""


def await_slots(context: Any, processes: int, timeout_s: float) -> None:
    """Wait until all ranks can run at once: executors come up after the session does.

    Raises:
        SlotsMissing: they do not come up. A standalone cluster, which gives all that it has at once, is not
            waited for long after the last executor came or went; elsewhere executors may come as long as
            ranks have time to.
    """
    if is_local(context):
        return
    patience_s = min(timeout_s, _SETTLED_S) if context.master.startswith("spark://") else timeout_s
    while (slots := present_slots(context)) < processes:
        if time.time() > _last_change(context) + patience_s:
            raise SlotsMissing(
                f"training.processes={processes}, but the executors that Spark has at {context.master} run "
                f"{slots} tasks at once, and no more came within {patience_s:.0f} s; "
                f"set training.processes={slots or 1}, add workers, or {_GIVE_MORE}"
            )
        time.sleep(_POLL_S)


def refuse_dynamic_allocation(context: Any) -> None:
    """Check that Spark keeps its executors, without which it starts no tasks that must all run at once.

    Raises:
        SettingsError: it does not.
    """
    if _conf(context).get("spark.dynamicAllocation.enabled") == "true":
        raise SettingsError(
            "training.launcher=horovod needs executors that stay; set spark.dynamicAllocation.enabled=false, "
            "and spark.executor.instances to as many as there are to be"
        )


def most_slots(conf: Mapping[str, str]) -> int | None:
    """Tasks that executors will run at once at most, by Spark's properties; None if these do not say."""
    cpus = int(conf.get("spark.task.cpus", "1"))
    cores, most_cores = conf.get("spark.executor.cores"), conf.get("spark.cores.max")
    if most_cores is not None:
        of_one = int(cores) if cores is not None else int(most_cores)
        return int(most_cores) // of_one * (of_one // cpus)
    if "spark.executor.instances" in conf:
        return int(conf["spark.executor.instances"]) * (int(cores or "1") // cpus)
    return None


def present_slots(context: Any) -> int:
    """Tasks that can run at once on the executors that there are now, busy ones counted."""
    spark = context._jsc.sc()
    return int(spark.maxNumConcurrentTasks(spark.resourceProfileManager().defaultResourceProfile()))


def _last_change(context: Any) -> float:
    """When, in seconds since 1970, the last executor came or went; the driver counts as one that comes."""
    listed = context._jsc.sc().statusStore().executorList(False)
    executors = [listed.apply(number) for number in range(listed.size())]
    gone = [executor.removeTime().get() for executor in executors if executor.removeTime().isDefined()]
    times = [*(executor.addTime() for executor in executors), *gone]
    return max(float(each.getTime()) for each in times) / 1000


def _conf(context: Any) -> dict[str, str]:
    return dict(context.getConf().getAll())


def threads_per_rank(context: Any, processes: int) -> int:
    """Cores that each rank may use."""
    if is_local(context):
        return max(int(context.defaultParallelism) // processes, 1)
    return int(context.getConf().get("spark.task.cpus", "1"))


def parameter_host(context: Any, is_unencrypted_allowed: bool) -> str:
    """The address for a parameter server: loopback where tasks run here, else the driver's private one.

    Raises:
        SettingsError: workers would reach it over a network, where others may read what goes to and fro, and
            that was not allowed; or the driver has an address for all the world.
    """
    if is_local(context):
        return "127.0.0.1"
    name = context.getConf().get("spark.driver.host")
    address = ipaddress.ip_address(socket.gethostbyname(name))
    if not address.is_private or address.is_unspecified:
        raise SettingsError(
            f"the parameter server would listen on {address}, which is no private address; set "
            "SPARK_LOCAL_IP or spark.driver.host to one, or use training.launcher=elephas or horovod"
        )
    if not (address.is_loopback or is_unencrypted_allowed):
        raise SettingsError(
            f"workers would exchange weights with the driver at {address} in plain HTTP; others on that "
            "network could read them and, with the secret in it, change them; use training.launcher=elephas "
            "or horovod, or, where the network is your own, training.elephas_unencrypted=true"
        )
    return str(address)
