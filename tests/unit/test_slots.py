"""How many ranks a cluster can run at once, and what is told where it is too few."""

import time
from types import SimpleNamespace

import pytest

from invoicelake import config
from invoicelake.config import SettingsError
from invoicelake.errors import JobError
from invoicelake.training.launchers import horovod_elastic, slots
from invoicelake.training.launchers.restarting import LastCheckpoint

# why                                   Spark's properties                                       slots
CASES = [
    ("nothing says", {}, None),
    ("cores say nothing of executors", {"spark.executor.cores": "4"}, None),
    ("executors of one core", {"spark.executor.instances": "3"}, 3),
    ("executors of several", {"spark.executor.instances": "3", "spark.executor.cores": "4"}, 12),
    (
        "tasks of several cores",
        {"spark.executor.instances": "3", "spark.executor.cores": "4", "spark.task.cpus": "3"},
        3,
    ),
    ("a limit on a standalone cluster", {"spark.cores.max": "5"}, 5),
    ("which only whole executors fill", {"spark.cores.max": "5", "spark.executor.cores": "2"}, 4),
    (
        "and whole tasks",
        {"spark.cores.max": "7", "spark.executor.cores": "3", "spark.task.cpus": "2"},
        2,
    ),
]


@pytest.mark.parametrize(("conf", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_properties_say_how_many_ranks_run_at_once(conf, expected):
    assert slots.most_slots(conf) == expected


class Cluster:
    """A Spark context of a standalone cluster whose executors come one by one, up to some."""

    master = "spark://here:7077"
    defaultParallelism = 2

    def __init__(self, most, **conf):
        self.slots, self._most, self.asked = 0, most, 0
        self._conf = {name.replace("_", "."): value for name, value in conf.items()}
        profiles = SimpleNamespace(defaultResourceProfile=lambda: None)
        self._came = time.time()
        came = SimpleNamespace(getTime=lambda: self._came * 1000)
        going = SimpleNamespace(isDefined=lambda: False)
        executor = SimpleNamespace(addTime=lambda: came, removeTime=lambda: going)
        listed = SimpleNamespace(size=lambda: 1, apply=lambda _: executor)
        spark = SimpleNamespace(
            maxNumConcurrentTasks=self._more,
            resourceProfileManager=lambda: profiles,
            statusStore=lambda: SimpleNamespace(executorList=lambda _: listed),
        )
        self._jsc = SimpleNamespace(sc=lambda: spark)

    def getConf(self):
        return SimpleNamespace(getAll=self._conf.items)

    def _more(self, profile):
        self.asked += 1
        if self.slots < self._most:
            self.slots, self._came = self.slots + 1, time.time()
        return self.slots


def test_too_few_slots_are_told_without_waiting():
    with pytest.raises(SettingsError, match=r"training.processes=3, but Spark runs only 2 at once"):
        slots.require_slots(Cluster(9, spark_cores_max="2"), 3)


def test_executors_that_come_and_go_are_refused():
    slots.refuse_dynamic_allocation(Cluster(2, spark_dynamicAllocation_enabled="false"))
    with pytest.raises(SettingsError, match=r"set spark.dynamicAllocation.enabled=false"):
        slots.refuse_dynamic_allocation(Cluster(2, spark_dynamicAllocation_enabled="true"))


def test_executors_that_come_up_are_waited_for_and_no_others(monkeypatch):
    monkeypatch.setattr(slots, "_SETTLED_S", 0.3)
    cluster = Cluster(2)
    slots.require_slots(cluster, 2)
    slots.await_slots(cluster, 2, 600)
    for is_waited in (True, False):
        cluster.asked = 0
        with pytest.raises(SettingsError, match=r"processes=3, but the executors that Spark has at .* 2"):
            slots.await_slots(cluster, 3, 600)
        # None has come for so long by then that none is waited for the second time.
        assert (cluster.asked > 1) == is_waited


def test_room_for_fewer_ranks_than_will_do_is_told(monkeypatch):
    monkeypatch.setattr(horovod_elastic, "spark_context", lambda: Cluster(1))
    settings = config.Training(launcher="horovod_elastic", min_processes=2, start_timeout_s=1)
    launcher = horovod_elastic.ElasticLauncher(settings, LastCheckpoint(None))
    told = r"Spark has room for 1 ranks, training.min_processes=2 are needed, and no more came within 1 s"
    with pytest.raises(JobError, match=told):
        launcher.train(print, 2)
