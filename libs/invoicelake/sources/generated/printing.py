"""How one supplier prints amounts, dates and labelled values."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from invoicelake.sources.generated.paper import Cell, Row
from invoicelake.sources.generated.suppliers import Supplier


@dataclass(frozen=True)
class Printer:
    """Writes values the way its supplier does."""

    issuer: Supplier

    def amount(self, value: int) -> str:
        """An amount of minor units without currency."""
        return self.issuer.locale.amount(value, self.issuer.layout.marks)

    def money(self, value: int, is_total: bool = False) -> str:
        """An amount of minor units, with a currency where the layout puts one."""
        layout = self.issuer.layout
        shown = layout.currency_place == "everywhere" or (is_total and layout.currency_place == "total")
        if not shown:
            return self.amount(value)
        before, after, space = layout.currency_form
        printed = f"{before}{space}{self.amount(value)}" if before else f"{self.amount(value)}{space}{after}"
        return layout.case(printed)

    def currency(self) -> str | None:
        """The currency as printed beside the total; None where none is printed."""
        before, after, _ = self.issuer.layout.currency_form
        shown = self.issuer.layout.currency_place != "nowhere"
        return self.issuer.layout.case(before or after) if shown else None

    def date(self, day: datetime.date) -> str:
        """A date in the supplier's one format."""
        return self.issuer.layout.case(self.issuer.locale.date(day, self.issuer.layout.date_format))

    def time(self, time: datetime.time) -> str:
        """A time of day."""
        return self.issuer.layout.time_format.format(h=time.hour, m=time.minute, s=time.second)

    def word(self, name: str, **values: object) -> str:
        """The supplier's wording of a label, without separator."""
        wording = self.issuer.layout.words[name]
        return self.issuer.layout.case(wording.format(**values) if values else wording)

    def rate(self, rate: int) -> str:
        """A tax rate (hundredths of a per cent): `1900` -> `19`, `825` -> `8.25`."""
        mark = self.issuer.layout.marks[1]
        whole, rest = divmod(rate, 100)
        return f"{whole}{mark}{rest:02}".rstrip("0").rstrip(mark) if rest else str(whole)

    def inline(self, name: str, value: str) -> str:
        """Label and value in one text."""
        return f"{self.word(name)}{self.issuer.layout.separator} {value}"

    def labelled(self, name: str, value: str, x: float = 0.0, value_x: float = 0.35) -> list[Row]:
        """Label and value in one box, in two boxes side by side, or one under the other."""
        layout = self.issuer.layout
        if layout.place == "inline":
            return [Row((Cell(self.inline(name, value), x),))]
        label = Cell(f"{self.word(name)}{layout.separator}", x)
        if layout.place == "beside":
            return [Row((label, Cell(value, value_x)))]
        return [Row((label,)), Row((Cell(value, x),))]

    def summed(self, field: str, label: str, value: str, size: float = 1.0, gap: float = 0.0) -> Row:
        """A label and the amount of a field at the right edge."""
        layout = self.issuer.layout
        name = Cell(f"{label}{layout.separator}", layout.totals_x, size=size)
        return Row((name, Cell(value, 1.0, 1.0, size, (field,))), gap)

    def total(self, name: str, value: int) -> Row:
        """The row that holds the total, in one box or in two."""
        layout = self.issuer.layout
        label, currency = self.word(name), self.currency()
        if layout.currency_place == "label" and currency and currency not in label:
            label = f"{label} ({currency})"
        money = self.money(value, is_total=True)
        if layout.total_inline:
            text = f"{label}{layout.separator} {money}"
            return Row((Cell(text, layout.totals_x, size=layout.total_size, parts=("total",)),), gap=0.3)
        return self.summed("total", label, money, layout.total_size, gap=0.3)
