"""Launchers: one interface, `train(function, processes)`; the function does not know who launched it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invoicelake import config
    from invoicelake.training.ranks import Launcher, Listener


def launcher(settings: config.Training, listener: Listener | None = None) -> Launcher:
    """The launcher that `training.launcher` names.

    Args:
        settings: names it, and how long ranks may take to start.
        listener: takes the events that the chief reports, in this process.
    """
    if settings.launcher == "inprocess":
        from invoicelake.training.launchers.inprocess import InProcessLauncher

        return InProcessLauncher(listener)
    if settings.launcher.startswith("elephas"):
        from invoicelake.training.launchers.elephas_spark import ElephasLauncher

        return ElephasLauncher(settings, listener)
    from invoicelake.training.launchers.restarting import LastCheckpoint, RestartingLauncher

    if settings.launcher == "horovod_elastic":
        from invoicelake.training.launchers.horovod_elastic import ElasticLauncher

        return ElasticLauncher(settings, LastCheckpoint(listener))
    from invoicelake.training.launchers.horovod_spark import HorovodLauncher

    last = LastCheckpoint(listener)
    return RestartingLauncher(HorovodLauncher(settings, last), last, settings.max_restarts)
