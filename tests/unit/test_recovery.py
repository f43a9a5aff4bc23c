"""When ranks meet to keep checkpoints, when they are taken for hung, and when they are started again."""

import resource
import threading
import time
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.training.checkpoints import Part, write_arrays, write_json
from invoicelake.training.epoch_plan import Done
from invoicelake.training.keeper import Keeper
from invoicelake.training.launchers import horovod_elastic, horovod_spark
from invoicelake.training.launchers.heartbeat import Heartbeat, threads_now
from invoicelake.training.launchers.restarting import LastCheckpoint, RestartingLauncher
from invoicelake.training.launchers.slots import SlotsMissing
from invoicelake.training.launchers.watch import Watch
from invoicelake.training.ranks import Rank, RankFailed, RanksLate


class Clock:
    """Seconds that go by when they are told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def kept(step_s, steps, every_s, save_s=0.0):
    """Steps of the epoch, and seconds, at which a checkpoint was kept."""
    clock, found = Clock(), []

    def save(part):
        found.append((part.steps, clock.now))
        clock.now += save_s

    keeper = Keeper(Rank(), every_s, save, clock)
    keeper.begin(Part())
    for _ in range(steps):
        clock.now += step_s
        keeper.after_step(lambda: np.zeros(3))
    return found


# why                              step_s steps every_s save_s  checkpoints' times
PACES = [
    ("about every so often", 0.1, 1000, 30, 0.0, [30, 60, 90]),
    ("an epoch shorter than that", 0.1, 100, 30, 0.0, []),
    ("slow steps", 20, 5, 30, 0.0, [40, 80]),
    (
        "no more than 5% of the time",
        0.1,
        1000,
        1,
        0.5,
        [1, 11.5, 22, 32.5, 43, 53.5, 64, 74.5, 85, 95.5, 106],
    ),
]


@pytest.mark.parametrize(("step_s", "steps", "every_s", "save_s", "times"), [row[1:] for row in PACES])
def test_checkpoints_are_kept_now_and_then(step_s, steps, every_s, save_s, times):
    found = [at for _, at in kept(step_s, steps, every_s, save_s)]
    assert found == pytest.approx(times[: len(found)], rel=0.15)
    assert abs(len(found) - len(times)) <= 1


def test_position_adds_to_what_was_done_before():
    found = []
    keeper = Keeper(Rank(), 1e-9, found.append)
    keeper.begin(Part((Done(2, 5), Done(1, 3)), seconds=7.0))
    keeper.after_step(lambda: np.array([2.5]))
    (part,) = found
    assert part.done == (Done(2, 5), Done(1, 4))
    assert part.sums.tolist() == [[2.5]]
    assert part.seconds >= 7


def beat(rank, moves, place="loop.py:7 work", is_busy=False):
    facts = {"rank": rank, "host": "h", "pid": 40 + rank, "moves": moves, "place": place, "trace": ""}
    return facts | {"is_busy": is_busy}


WAITS = "execute.py:53 quick_execute"
GETS_ON, STANDS, IS_BUSY, SILENT = "gets on", "stands", "is busy", "silent"
# what ranks 0 and 1 do, where, what Horovod says                      what is told
WATCHED = [
    ((GETS_ON, GETS_ON), ("", ""), [], None),
    ((IS_BUSY, STANDS), ("", ""), [], None),
    ((GETS_ON, SILENT), ("", ""), [], "rank 1 (process 41 on h), silent for 42 s, as if stopped; it was at "),
    (
        (STANDS, STANDS),
        (WAITS, "feed.py:9 batches"),
        [],
        "rank 1 (process 41 on h), it is at feed.py:9 batches",
    ),
    (
        (STANDS, STANDS),
        (WAITS, WAITS),
        ["[0]<stderr>:0: [grads_1, grads_2]"],
        "rank 0 (process 40 on h), it is at",
    ),
    ((STANDS, STANDS), (WAITS, WAITS), [], "rank 0 (process 40 on h), it is at"),
]


@pytest.mark.parametrize(("doing", "places", "lines", "told"), WATCHED)
def test_a_stall_is_told_by_rank_and_place(doing, places, lines, told):
    clock = Clock()
    watch = Watch(2, limit_s=40, clock=clock)
    for second in range(0, 46, 2):
        clock.now = float(second)
        for rank, (does, place) in enumerate(zip(doing, places, strict=True)):
            if does != SILENT or second == 2:
                moves = second if does == GETS_ON else 3
                watch.take(beat(rank, moves, place, is_busy=does == IS_BUSY))
        if second == 20:
            for line in lines:
                watch.read(line)
        if second <= 40:
            assert watch.stall() is None
    found = watch.stall()
    assert (found is None) == (told is None)
    assert told is None or told in found[0]


HUNG = "training hung for 600 s: rank 0 (process 40 on h), busy, yet without a step; it is at a.py:1 read"
# what ranks 0 and 1 do    what is told after 15 limits
BUSY = [((IS_BUSY, STANDS), HUNG), ((IS_BUSY, IS_BUSY), HUNG), ((IS_BUSY, GETS_ON), None)]


@pytest.mark.parametrize(("doing", "told"), BUSY)
def test_who_is_busy_for_ever_hangs(doing, told):
    clock = Clock()
    watch = Watch(2, limit_s=40, clock=clock)
    for second in range(0, 604, 2):
        clock.now = float(second)
        for rank, does in enumerate(doing):
            moves, place = second if does == GETS_ON else 3, WAITS if does == STANDS else "a.py:1 read"
            watch.take(beat(rank, moves, place, is_busy=does == IS_BUSY))
        if second <= 600:
            assert watch.stall() is None
    found = watch.stall()
    assert (found is None) == (told is None)
    assert told is None or found[0].startswith(told)


# training.stall_timeout_s   seconds after which Horovod ends ranks by itself
BY_ITSELF = [(5, 300), (40, 640), (600, 9600)]


@pytest.mark.parametrize(("limit_s", "seconds"), BY_ITSELF)
def test_horovod_ends_no_ranks_before_the_driver_does(limit_s, seconds):
    given = horovod_spark._environment(1, config.Training(stall_timeout_s=limit_s))
    assert given["HOROVOD_STALL_SHUTDOWN_TIME_SECONDS"] == str(seconds)


def test_ranks_that_are_not_all_up_are_no_stall():
    clock = Clock()
    watch = Watch(2, limit_s=40, clock=clock)
    watch.take(beat(0, 0))
    clock.now = 300
    assert watch.stall() is None


def test_ranks_that_do_not_step_together_are_judged_each_by_itself():
    clock = Clock()
    watch = Watch(3, limit_s=40, clock=clock, is_together=False)
    for second in range(0, 46, 2):
        clock.now = float(second)
        watch.take(beat(0, moves=second))
        watch.take(beat(1, moves=3))
        if second == 2:
            watch.take(beat(2, moves=9))
        elif second == 4:
            watch.forget(2)
        assert (watch.stall() is None) == (second <= 40)
    assert "s: rank 1 (process" in watch.stall()[0]


def busy_beats(work):
    """Whether a thread that does some work, and prepares something, is taken for busy, beat by beat."""
    thread = threading.Thread(target=work, daemon=True)
    heartbeat = Heartbeat(0, print, thread)
    thread.start()
    time.sleep(0.2)
    heartbeat.beat()
    found = []
    for _ in range(3):
        time.sleep(0.5)
        found.append(heartbeat.beat())
    return found


def wake_often():
    for _ in range(200):
        time.sleep(0.01)


def compute():
    until = time.monotonic() + 3
    while time.monotonic() < until:
        pass


@pytest.mark.parametrize("is_left_out", [False, True])
def test_a_thread_that_never_rests_is_no_work_once_it_is_left_out(is_left_out):
    waits, over = threading.Thread(target=time.sleep, args=(1,), daemon=True), threading.Event()
    heartbeat, before = Heartbeat(0, print, waits), threads_now()
    restless = threading.Thread(target=lambda: [None for _ in iter(over.is_set, True)])
    restless.start()
    heartbeat.leave_out(threads_now() - before if is_left_out else set())
    waits.start()
    time.sleep(0.2)
    heartbeat.beat()
    time.sleep(0.5)
    assert heartbeat.beat()["is_busy"] is not is_left_out
    over.set()
    restless.join()


# what the thread does         is taken for busy
# The last goes on working for a while, in this process.
WORKS = [(lambda: time.sleep(3), False), (wake_often, True), (compute, True)]


@pytest.mark.parametrize(("work", "is_busy"), WORKS)
def test_what_works_is_told_from_what_hangs(work, is_busy):
    beats = busy_beats(work)
    assert [beat["is_busy"] for beat in beats] == [is_busy] * 3
    assert beats[0]["place"].startswith("test_recovery.py:")


class Launcher:
    """Fails, or tells of an event, as often as it is told to."""

    def __init__(self, last, *outcomes):
        self.last, self.outcomes = last, list(outcomes)

    def train(self, function, processes):
        while self.outcomes:
            if isinstance(outcome := self.outcomes.pop(0), Exception):
                raise outcome
            self.last(outcome)
        return [function(Rank())]


EPOCH = {"event": "epoch", "epoch": 1}
LOST = RankFailed("rank 1 was killed", is_passing=True)
WRONG = RankFailed("rank 0 failed: ValueError: row 17 is no row")
LATE = RanksLate("1 of 2 ranks came up within 600 s")
UP = {"event": "device", "device": "cpu"}
# failures                 what is told at the end
TRIES = [
    ([], None),
    ([LOST, LOST], None),
    ([LOST, LOST, LOST], "rank 1 was killed; training.max_restarts=2 is used up"),
    ([LOST, LOST, EPOCH, LOST, LOST], None),
    ([EPOCH, LOST, LOST, LOST], "is used up"),
    ([WRONG], "row 17"),
    ([LOST, WRONG], "row 17"),
    ([LATE], "1 of 2 ranks came up"),
    ([LOST, LATE], "1 of 2 ranks came up"),
    ([UP, LOST, LATE], None),
    ([UP, LOST, LATE, LATE], "1 of 2 ranks came up within 600 s; training.max_restarts=2 is used up"),
]


@pytest.mark.parametrize(("outcomes", "told"), TRIES)
def test_lost_ranks_are_started_again(outcomes, told):
    last = LastCheckpoint(None)
    launcher = RestartingLauncher(Launcher(last, *outcomes), last, max_restarts=2)
    if told is None:
        assert launcher.train(lambda rank: rank.index, 1) == [0]
    else:
        with pytest.raises(RankFailed, match=told):
            launcher.train(lambda rank: rank.index, 1)


# slots at the end of the wait   it need not come again
LATENESS = [(2, False), (1, True)]


@pytest.mark.parametrize(("slots", "is_passing"), LATENESS)
def test_ranks_that_come_too_late_need_not_do_so_again_where_a_slot_was_lost(monkeypatch, slots, is_passing):
    monkeypatch.setattr(horovod_spark, "spark_context", lambda: None)
    monkeypatch.setattr(horovod_spark, "present_slots", lambda _: slots)
    launcher = horovod_spark.HorovodLauncher(config.Training(start_timeout_s=1))
    tasks, output = SimpleNamespace(ended=threading.Event()), SimpleNamespace(up={0: {}}, failed_at=None)
    with pytest.raises(RankFailed, match="1 of 2 ranks came up within 1 s; see that Spark has 2") as late:
        launcher._wait(tasks, output, Watch(2, 40), 2)
    assert late.value.is_passing is is_passing


FEW = SlotsMissing("training.processes=2, but the executors that Spark has run 1 tasks at once")
LATE_FOR_WANT = RanksLate("1 of 2 ranks came up within 600 s", is_passing=True)
# failures                   slots at each start   ranks started    what is told at the end
ELASTIC = [
    ([FEW], [2, 1], [2, 1], None),
    ([LATE_FOR_WANT], [2, 1], [2, 1], None),
    ([LOST, FEW], [2, 2, 1], [2, 2, 1], None),
    ([FEW, FEW, FEW], [2, 2, 2], [2, 2, 2], "run 1 tasks at once; training.max_restarts=2 is used up"),
    ([FEW], [2, 0], [2], "Spark has room for 0 ranks, training.min_processes=1 are needed"),
    ([LATE], [2], [2], "1 of 2 ranks came up"),
    ([WRONG], [2], [2], "row 17"),
]


@pytest.mark.parametrize(("failures", "slots", "sizes", "told"), ELASTIC)
def test_fewer_ranks_go_on_whatever_became_of_the_others(monkeypatch, failures, slots, sizes, told):
    last, started = LastCheckpoint(None), []
    ranks, there = Launcher(last, *failures), list(slots)

    class Started:
        def __init__(self, *_):
            pass

        def train(self, function, size):
            started.append(size)
            return ranks.train(function, size)

    for name, stand_in in {
        "HorovodLauncher": Started,
        "spark_context": lambda: None,
        "present_slots": lambda _: there.pop(0) if len(there) > 1 else there[0],
        "_SETTLE_S": 0,
    }.items():
        monkeypatch.setattr(horovod_elastic, name, stand_in)
    settings = config.Training(launcher="horovod_elastic", max_restarts=2, start_timeout_s=1)
    elastic = horovod_elastic.ElasticLauncher(settings, last)
    with pytest.raises(JobError, match=told) if told else nullcontext():
        assert elastic.train(lambda rank: rank.index, 2) == [0]
    assert started == sizes


def test_it_is_told_why_ranks_are_started_again_and_from_where(caplog):
    last = LastCheckpoint(None)
    last({"event": "checkpoint", "epoch": 1, "step": 40})
    RestartingLauncher(Launcher(last, LOST, LOST), last, max_restarts=2).train(print, 1)
    assert [record.getMessage() for record in caplog.records] == [
        f"rank 1 was killed; starting the ranks again ({number} of 2 times), from step 40 of epoch 2"
        for number in (1, 2)
    ]


WRITES = [(write_arrays, {"x": np.zeros(9000)}), (write_json, {"x": [0] * 9000})]


@pytest.mark.parametrize(("write", "much"), WRITES)
def test_no_room_is_told_and_leaves_what_was_there(tmp_path, write, much):
    write(tmp_path / "a", {"x": [0, 0]})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(
            JobError, match=r"no room to write .*\(File too large\).*MB free; make room there"
        ):
            write(tmp_path / "b", much)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
