"""Which source systems there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import SparkSession

from invoicelake import config
from invoicelake.sources import cord, sroie
from invoicelake.sources.folders import require_folder
from invoicelake.sources.generated import landing
from invoicelake.sources.generated.payload import parse as parse_generated
from invoicelake.sources.received import Received
from invoicelake.text.document import Document


@dataclass(frozen=True)
class Source:
    """How documents of one source system are received, and read from their content and annotation."""

    receive: Callable[[SparkSession, config.Suite], Received]
    parse: Callable[[bytes, bytes | None], Document]


SOURCES: dict[config.InputFormat, Source] = {
    "generated": Source(landing.receive, parse_generated),
    "sroie": Source(lambda spark, suite: sroie.receive(spark, suite.input.path), sroie.parse),
    "cord": Source(lambda spark, suite: cord.receive(spark, suite.input.path), cord.parse),
}


def require_input(settings: config.Input) -> None:
    """See that the input is there, before Spark is started.

    Raises:
        JobError: the input's folder is missing, or was not given.
    """
    if settings.format != "generated":
        require_folder(settings.path, settings.format)
