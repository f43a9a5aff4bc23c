"""A generated export of an annotation tool: labels of the generated documents, by two annotators."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Iterator

from invoicelake import config
from invoicelake.sources.generated.documents import generate
from invoicelake.sources.generated.wording import between, chance, pick

_ANNOTATORS = ("ada", "grace")
_FIRST_MOMENT = datetime.datetime(2024, 3, 4, 8, 0, tzinfo=datetime.UTC)
_SECOND_OPINION_SHARE = 0.5
_SLIP_SHARE = 0.06
_CORRECTED_SHARE = 0.5
_MISSED_SHARE = 0.01
_BATCH = 200  # labels in a file


def annotation_files(suite: config.Suite) -> dict[str, bytes]:
    """Name and content of each file of the export: about `trade.annotations` labels in all."""
    lines: list[str] = []
    for index in range(suite.generator.documents):
        if len(lines) >= suite.trade.annotations:
            break
        lines += [json.dumps(label, ensure_ascii=False) for label in _labels(suite, index)]
    batches = range(0, len(lines), _BATCH)
    return {
        f"export-{number:03d}.jsonl": ("\n".join(lines[start : start + _BATCH]) + "\n").encode()
        for number, start in enumerate(batches, 1)
    }


def _labels(suite: config.Suite, index: int) -> Iterator[dict[str, str | None]]:
    """What one or both annotators wrote down of a document; slips are put right later, or not."""
    draw = random.Random(f"{suite.seed}/annotation/{index}")
    printed = generate(index, suite.seed, suite.generator).labels
    # Annotators are asked for the fields of the input; documents print more than these.
    truth = {field: value for field, value in printed.items() if field in suite.field_names}
    moment = _FIRST_MOMENT + datetime.timedelta(minutes=7 * index)
    annotators = _ANNOTATORS if chance(draw, _SECOND_OPINION_SHARE) else (pick(draw, _ANNOTATORS),)
    for annotator in annotators:
        for field, value in truth.items():
            moment += datetime.timedelta(seconds=between(draw, 3, 40))
            known = {"document": f"{suite.seed}-{index:07d}", "source": "generated", "field": field}
            by = {"annotator": annotator, "tool": "generated"}
            written = _written(draw, value)
            yield {**known, "value": written, **by, "annotated_at": _iso(moment)}
            if written != value and chance(draw, _CORRECTED_SHARE):
                later = moment + datetime.timedelta(days=1)
                yield {**known, "value": value, **by, "annotated_at": _iso(later)}


def _written(draw: random.Random, value: str) -> str | None:
    if chance(draw, _MISSED_SHARE):
        return None
    if not chance(draw, _SLIP_SHARE) or len(value) < 2:
        return value
    cut = between(draw, 0, len(value) - 1)
    return (value[:cut] + value[cut + 1 :]).strip() or value


def _iso(moment: datetime.datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
