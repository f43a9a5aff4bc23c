"""Seeded errors put into clean ledger lines, to be found again; nothing here knows Spark."""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

Line = dict[str, Any]
_CENT = Decimal("0.01")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Injected:
    """An error: in which line and columns, and what they held before (neither: the line ought not to be)."""

    kind: str
    what: str
    delivery_day: date
    line_number: int
    columns: tuple[str, ...]
    truth: tuple[str | None, ...]


@dataclass(frozen=True)
class Surroundings:
    """What an error needs to know about the clean lines: usual quantities, and invoices by their lines."""

    usual_quantity: Mapping[str, float]
    named_lines: Mapping[tuple[date, str], int]


Change = Callable[[random.Random, Line, Surroundings], tuple[str, ...] | None]


def corrupt(lines: Iterable[Line], share: float, seed: int) -> tuple[list[Line], list[Injected]]:
    """Put errors of each kind of `KINDS` into a share of the lines; no line has more than one.

    Args:
        lines: bronze.ledger_line's key and columns, in any order; sales of goods without any fault.
        share: of the lines, for each kind.
    """
    clean = sorted(lines, key=lambda line: (line["delivery_day"], line["line_number"]))
    around = _surroundings(clean)
    draw = random.Random(f"{seed}/corruption")
    places = list(range(len(clean)))
    draw.shuffle(places)
    last_line = {line["delivery_day"]: line["line_number"] for line in clean}
    wanted = max(1, round(share * len(clean)))
    made, injected = [dict(line) for line in clean], []
    for kind, changes in KINDS.items():
        for number in range(wanted):
            what = sorted(changes)[number % len(changes)]
            error = _one(draw, kind, what, made, places, around, last_line)
            if error is None:
                break
            injected.append(error)
    return made, injected


def _one(
    draw: random.Random,
    kind: str,
    what: str,
    made: list[Line],
    places: list[int],
    around: Surroundings,
    last_line: dict[date, int],
) -> Injected | None:
    """Change the next line that can have such an error; None: there is none left."""
    passed = []
    found = None
    while places and found is None:
        place = places.pop()
        line = dict(made[place])
        columns = KINDS[kind][what](draw, line, around)
        if columns is None:
            passed.append(place)
            continue
        truth = tuple(made[place][column] for column in columns)
        if kind == "duplicate":
            last_line[line["delivery_day"]] += 1
            line["line_number"] = last_line[line["delivery_day"]]
            made.append(line)
        else:
            made[place] = line
        found = Injected(kind, what, line["delivery_day"], line["line_number"], columns, truth)
    # Lines that could not have this error may have another.
    places[:0] = passed
    return found


def _surroundings(lines: list[Line]) -> Surroundings:
    quantities: dict[str, list[int]] = defaultdict(list)
    named: dict[tuple[date, str], int] = defaultdict(int)
    for line in lines:
        quantities[line["stock_code"]].append(int(line["quantity"]))
        named[line["delivery_day"], line["invoice_number"]] += line["customer_id"] is not None
    return Surroundings({code: statistics.median(each) for code, each in quantities.items()}, named)


def _emptied(column: str) -> Change:
    def change(draw: random.Random, line: Line, around: Surroundings) -> tuple[str, ...] | None:
        # A customer that no other line of the invoice names is not missing: many buy without an account.
        named = around.named_lines[line["delivery_day"], line["invoice_number"]]
        if line[column] is None or (column == "customer_id" and named < 2):
            return None
        line[column] = None
        return (column,)

    return change


def _shaken_price(draw: random.Random, line: Line, around: Surroundings) -> tuple[str, ...] | None:
    """A price that is 5 to 40 percent off, up or down, and at least a cent."""
    price = Decimal(line["unit_price"])
    factor = Decimal(str(1 + draw.choice((-1, 1)) * draw.uniform(0.05, 0.4)))
    shaken = (price * factor).quantize(_CENT)
    if shaken <= 0 or shaken == price:
        return None
    line["unit_price"] = str(shaken)
    return ("unit_price",)


def _far_price(draw: random.Random, line: Line, around: Surroundings) -> tuple[str, ...] | None:
    """A price 10 to 100 times what it was, or that part of it."""
    factor = Decimal(str(draw.uniform(10, 100)))
    price = Decimal(line["unit_price"])
    far = (price * factor if draw.random() < 0.5 else price / factor).quantize(_CENT)
    if far <= 0:
        return None
    line["unit_price"] = str(far)
    return ("unit_price",)


def _far_quantity(draw: random.Random, line: Line, around: Surroundings) -> tuple[str, ...] | None:
    """A quantity 1,000 to 10,000 times what is usual for the product, as when a bar code is read for it."""
    line["quantity"] = str(round(draw.uniform(1_000, 10_000) * around.usual_quantity[line["stock_code"]]))
    return ("quantity",)


def _swapped(one: str, other: str) -> Change:
    def change(draw: random.Random, line: Line, around: Surroundings) -> tuple[str, ...] | None:
        if line[one] is None or line[other] is None:
            return None
        is_number = one == "quantity"
        if is_number and Decimal(line[one]) == Decimal(line[other]):
            return None
        line[one], line[other] = line[other], line[one]
        return (one, other)

    return change


def _mistyped(column: str) -> Change:
    def change(draw: random.Random, line: Line, around: Surroundings) -> tuple[str, ...] | None:
        typed = mistyped(draw, line[column] or "")
        if typed is None:
            return None
        line[column] = typed
        return (column,)

    return change


def mistyped(draw: random.Random, text: str) -> str | None:
    """A text with one letter dropped, doubled, replaced, or exchanged with the next; None: it is too short.

    Digits stay, for a number with another digit is another number and no slip that anyone could see.
    """
    inner = [place for place in range(1, len(text) - 1) if text[place : place + 2].isalpha()]
    if len(text) < 6 or not inner:
        return None
    place = draw.choice(inner)
    before, letter, after = text[:place], text[place], text[place + 1 :]
    other = draw.choice([each for each in _LETTERS if each != letter.upper()])
    exchanged = after[0] + letter + after[1:]
    typed = before + draw.choice((after, letter + letter + after, other + after, exchanged))
    return None if typed.upper() == text.upper() else typed


def _repeated(draw: random.Random, line: Line, around: Surroundings) -> tuple[str, ...] | None:
    return ()


def _nearly_repeated(draw: random.Random, line: Line, around: Surroundings) -> tuple[str, ...] | None:
    """Booked once more a little later, with other letters."""
    line["booked_at"] = f"{line['booked_at'][:14]}59:59"
    line["description"] = mistyped(draw, line["description"] or "") or (line["description"] or "").lower()
    return ()


KINDS: Mapping[str, Mapping[str, Change]] = {
    "missing": {
        name: _emptied(name)
        for name in ("description", "customer_id", "country", "stock_code", "quantity", "unit_price")
    },
    "noise": {"unit_price": _shaken_price},
    "outlier": {"unit_price": _far_price, "quantity": _far_quantity},
    "swap": {
        "quantity and unit_price": _swapped("quantity", "unit_price"),
        "stock_code and description": _swapped("stock_code", "description"),
    },
    "typo": {name: _mistyped(name) for name in ("description", "country")},
    "duplicate": {"exact": _repeated, "near": _nearly_repeated},
}
"""Kinds of error, and what each does; a change returns the columns it changed, or None where it cannot."""
