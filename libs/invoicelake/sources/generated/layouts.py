"""How a supplier lays out its paper: every choice is drawn once and then holds for all its documents."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from invoicelake.sources.generated.wording import Locale, Trade, between, chance, pick

Place = Literal["inline", "beside", "below"]
CurrencyPlace = Literal["nowhere", "label", "total", "everywhere"]
ItemForm = Literal["one_row", "quantity_first", "quantity_below", "columns"]
Frame = Literal["supplier_first", "title_first", "meta_beside", "parties_beside"]

_HEADER_EXTRAS = ("registration", "telephone", "tax_number")
_COLUMNS = (
    ("description", "quantity", "unit_price", "amount"),
    ("position", "description", "quantity", "unit_price", "amount"),
    ("quantity", "description", "unit_price", "amount"),
    ("position", "description", "unit_price", "quantity", "amount"),
    ("description", "unit_price", "quantity", "amount"),
)
_FRAMES: tuple[Frame, ...] = (
    "supplier_first",
    "supplier_first",
    "title_first",
    "meta_beside",
    "parties_beside",
)
_NUMBER_FORMS = ("######", "@@-#####", "{year}-####", "{year}/###", "@########", "R#######")
_OTHER_DATES = ("due_date", "order_date", "delivery_date")
_REFERENCES = ("order_number", "customer_number")
_TIMES = ("{h:02}:{m:02}", "{h:02}:{m:02}:{s:02}")


@dataclass(frozen=True)
class Layout:
    """The habits of one supplier.

    Attributes:
        upper: everything is printed in capitals.
        words: the wording chosen for each label of the locale.
        separator: what stands after a label.
        place: where the value stands: in the label's box, in a box beside it, or under it.
        header_align: share of the width at which header lines are aligned: 0 left, 0.5 centred, 1 right.
        header: what the header says under the name, in printed order; always holds `address`.
        currency_place: where a currency is printed; `label` is in brackets behind the word for the total.
        characters: how many characters fit in a line.
    """

    upper: bool
    address_lines: int
    address_commas: bool
    date_format: str
    time_format: str
    marks: tuple[str, str]
    currency_form: tuple[str, str, str]
    currency_place: CurrencyPlace
    words: Mapping[str, str]
    separator: str
    place: Place
    header_align: float
    header: tuple[str, ...]
    brand_first: bool
    title_first: bool
    title_shown: bool
    date_labelled: bool
    date_first: bool
    date_at_end: bool
    time_in_date: bool
    item_form: ItemForm
    item_head: bool
    columns: tuple[str, ...]
    subtotal_shown: bool
    tax_shown: bool
    tax_summary: bool
    net_shown: bool
    count_shown: bool
    total_inline: bool
    total_size: float
    totals_x: float
    rule: str
    frame: Frame
    number_form: str
    other_dates: tuple[str, ...]
    references: tuple[str, ...]
    bank_shown: bool
    closing: tuple[str, ...]
    characters: int

    def case(self, text: str) -> str:
        """The text as this supplier prints it."""
        return text.upper() if self.upper else text


def drawn_layout(draw: random.Random, kind: str, trade: Trade, words: Locale) -> Layout:
    """Draw a layout; receipts are narrow and often in capitals, invoices have columns and more dates."""
    is_invoice = kind == "invoice"
    upper = chance(draw, 0.08 if is_invoice else 0.45)
    wording = {name: pick(draw, options) for name, options in words.labels.items()}
    return Layout(
        upper=upper,
        address_lines=between(draw, 1, 4),
        address_commas=chance(draw, 0.15),
        date_format=pick(draw, words.date_formats),
        time_format=pick(draw, _TIMES),
        marks=pick(draw, words.marks),
        currency_form=pick(draw, words.currency_forms),
        currency_place=pick(draw, ("nowhere", "label", "total", "total", "everywhere")),
        words=wording,
        separator=pick(draw, (":", ":", " :", "")),
        place=pick(draw, ("inline", "beside", "below") if is_invoice else ("inline", "inline", "beside")),
        header_align=pick(draw, (0.0, 0.0, 0.0, 0.5, 1.0) if is_invoice else (0.5, 0.5, 0.5, 0.0)),
        header=_header(draw),
        brand_first=chance(draw, 0.4),
        title_first=chance(draw, 0.12),
        title_shown=is_invoice or chance(draw, 0.5),
        date_labelled=is_invoice or chance(draw, 0.6),
        date_first=chance(draw, 0.4),
        date_at_end=not is_invoice and chance(draw, 0.2),
        time_in_date=not is_invoice and chance(draw, 0.5),
        item_form=pick(draw, ("one_row", "quantity_first", "quantity_below", "columns")),
        item_head=chance(draw, 0.45),
        columns=pick(draw, _COLUMNS),
        subtotal_shown=chance(draw, 0.5),
        tax_shown=is_invoice or not words.tax_included or chance(draw, 0.7),
        tax_summary=not is_invoice and chance(draw, 0.2),
        net_shown=chance(draw, 0.5),
        count_shown=chance(draw, 0.25),
        total_inline=chance(draw, 0.15),
        total_size=pick(draw, (1.0, 1.0, 1.2, 1.4)),
        totals_x=pick(draw, (0.55, 0.6, 0.68) if is_invoice else (0.0, 0.0, 0.3)),
        rule=pick(draw, ("", "", "", "-", "=", "*")),
        frame=pick(draw, _FRAMES),
        number_form=pick(draw, _NUMBER_FORMS),
        other_dates=_some(draw, _OTHER_DATES) if is_invoice else (),
        references=_some(draw, _REFERENCES) if is_invoice else (),
        bank_shown=chance(draw, 0.5),
        closing=_closing(draw, words.notes if is_invoice else words.thanks),
        characters=between(draw, 84, 104) if is_invoice else between(draw, 36, 46),
    )


def _header(draw: random.Random) -> tuple[str, ...]:
    """The address, most of the other entries, and sometimes the registration between name and address."""
    after = [entry for entry in _HEADER_EXTRAS if chance(draw, 0.6)]
    if chance(draw, 0.5):
        after.reverse()
    before = [after.pop(after.index("registration"))] if "registration" in after and chance(draw, 0.5) else []
    return (*before, "address", *after)


def _closing(draw: random.Random, sentences: tuple[str, ...]) -> tuple[str, ...]:
    shown = [sentence for sentence in sentences if chance(draw, 0.45)]
    return tuple(shown[1:] + shown[:1])


def _some(draw: random.Random, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if chance(draw, 0.45))
