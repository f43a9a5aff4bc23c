"""Checks that need no model, on generated invoices: sound ones, and as many with a planted fault each.

The values are those that the generator knows, so no model is in between. An invoice is accepted when no
check fails; every fault must be found, each with a reason that fits it. What is measured beside it is how
many sound invoices are sent to a person: by what the generator knows, and by what it printed, as if a model
had read all of that without a mistake.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from invoicelake import config
from invoicelake.evaluation.invoice_faults import FAULTS, planted
from invoicelake.sources.generated.documents import generate
from invoicelake.sources.generated.values import invoice_number, invoice_values
from invoicelake.transforms import invoice_checks as read_checks
from invoicelake.trust.duplicates import invoice_key
from invoicelake.trust.invoice_checks import InvoiceValues, findings

if TYPE_CHECKING:
    from invoicelake.job import Run

# Below the logger of the package, whose lines are shown.
log = logging.getLogger("invoicelake.benchmarks.invoice_checks")

# Generated invoices are of 2015 to 2024.
AS_OF = date(2025, 12, 31)


def measure(run: Run) -> dict[str, float | str]:
    """Shares of faulty invoices accepted and of sound ones sent to a person; `ratio` is the second."""
    suite = run.suite
    settings = suite.invoice_checks.model_copy(update={"as_of": suite.invoice_checks.as_of or AS_OF})
    found = counted(suite.benchmark.invoices, suite.seed, suite.generator, settings)
    printed = printed_to_review(
        suite.benchmark.invoices, suite.seed, suite.generator, settings, suite.publish, suite.field_names
    )
    sound, faulty = found["sound"], found["faulty"]
    for kind in FAULTS:
        log.info("%s: %d planted, %d accepted", kind, found[f"planted {kind}"], found[f"accepted {kind}"])
    return {
        "sound": sound,
        "sound_to_review": found["sound sent to review"],
        "sound_as_printed_to_review": printed,
        "faulty": faulty,
        "faulty_accepted": found["faulty accepted"],
        "faulty_without_fitting_reason": found["without fitting reason"],
        "ratio": round(found["sound sent to review"] / sound, 6),
    }


def counted(
    invoices: int, seed: int, generator: config.Generator, settings: config.InvoiceChecks
) -> Counter[str]:
    """What becomes of that many sound invoices, and of as many faulty ones."""
    found: Counter[str] = Counter()
    kinds = list(FAULTS)
    for index, invoice in enumerate(_sound(invoices, seed, generator)):
        found["sound"] += 1
        found["sound sent to review"] += bool(_reasons(invoice, settings))
        draw = random.Random(f"{seed}/fault/{index}")
        # A kind for which the invoice has no room gives way to the next one.
        order = kinds[index % len(kinds) :] + kinds[: index % len(kinds)]
        kind, (faulty, fitting) = next(
            (kind, made)
            for kind in order
            if (made := planted(draw, replace(invoice, seen_before=False), kind, settings.as_of or AS_OF))
        )
        reasons = _reasons(faulty, settings)
        found["faulty"] += 1
        found[f"planted {kind}"] += 1
        found[f"accepted {kind}"] += not reasons
        found["faulty accepted"] += not reasons
        found["without fitting reason"] += not reasons & fitting
    return found


def printed_to_review(
    invoices: int,
    seed: int,
    generator: config.Generator,
    settings: config.InvoiceChecks,
    publish: config.Publish,
    fields: Sequence[str],
) -> int:
    """How many of that many documents are sent to a person, read as printed; none is a repetition."""
    stopped = 0
    for index in range(invoices):
        document = generate(index, seed, generator)
        values = {name: document.labels.get(name) for name in fields}
        items = [
            {"quantity": item.quantity, "unit_price": item.unit_price, "amount": item.amount}
            for item in document.line_items
        ]
        invoice = read_checks.invoice_values(values, False, publish, items)
        reasons = _reasons(invoice, settings)
        if reasons:
            log.debug("document %d is stopped for %s", index, ", ".join(sorted(reasons)))
        stopped += bool(reasons)
    return stopped


def _sound(invoices: int, seed: int, generator: config.Generator) -> Iterator[InvoiceValues]:
    """Invoices as they come, those that happen to repeat an earlier one marked so."""
    seen: set[str] = set()
    for index in range(invoices):
        invoice = invoice_values(index, seed, generator)
        supplier, number = invoice_number(index, seed, generator)
        key = invoice_key(supplier, number, invoice.invoice_date, invoice.total_minor, invoice.currency)
        yield replace(invoice, seen_before=key in seen)
        seen.add(key or "")


def _reasons(invoice: InvoiceValues, settings: config.InvoiceChecks) -> set[str]:
    return {found.reason for found in findings(invoice, settings) if found.reason}
