"""Documents as no supplier should print them."""

from __future__ import annotations

from invoicelake.text.document import Line


def stacked(*texts: str) -> list[Line]:
    return [
        Line(text, 0, 10, 20 * number, 10 + 8 * len(text), 20 * number + 15)
        for number, text in enumerate(texts)
    ]


USUAL = stacked("ACME BOOKS", "12 HIGH ROAD", "25/12/2018", "TOTAL 9.00")
BAD = {
    "no lines": [],
    "empty text": stacked("", " ", "\u200b", "\t"),
    "one line": stacked("TOTAL 9.00"),
    "one character": stacked("9"),
    "5,000 lines": stacked(*(f"ITEM {number} {number % 90}.50" for number in range(5000))),
    "one line of 20,000 characters": stacked("9.00 " * 4000),
    "right to left": stacked("فاتورة ضريبية", "التاريخ ٢٠٢٤/٠٣/٠٤", "المجموع ٣٤٥٫٠٠ ر.س", "חשבונית מס 12.50"),  # noqa: RUF001
    "Chinese": stacked("增值税发票", "日期 2024年3月4日", "合计 ¥１２３．００", "总金额: 一百二十三元整"),  # noqa: RUF001
    "controls and half characters": stacked("TO\x00TAL \x1b[0m9.00", "\ud800 25/12/2018", "🧾 9.00"),
    "boxes without a size": [line._replace(x1=line.x0, y1=line.y0) for line in USUAL],
    "boxes turned over": [line._replace(x1=-line.x1, y1=-line.y1) for line in USUAL],
    "boxes outside of the page": [line._replace(x0=-1e9, x1=1e9) for line in USUAL],
    "all boxes alike": [line._replace(x0=0.0, y0=0.0, x1=0.0, y1=0.0) for line in USUAL],
    "each line twice": [line for line in USUAL for _ in range(2)],
    "pages that are not there": [line._replace(page=7 * number) for number, line in enumerate(USUAL)],
}
