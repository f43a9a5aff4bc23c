from __future__ import annotations

import base64
import io
import itertools
import math
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from invoicelake.evaluation.charts import bar_chart, line_chart, nice_ticks, reliability_chart
from invoicelake.evaluation.drawing import (
    FieldRead,
    ReadDocument,
    differences,
    drawn_pages,
    jpeg_url,
    opened,
    verdict,
)
from invoicelake.evaluation.metrics import Group, Scored, score
from invoicelake.evaluation.report import Report, choose_examples, render, write
from invoicelake.text.document import Line
from invoicelake.trust.reliability import reliability

FIELDS = ("company", "total")
LINES = (
    Line("ACME LTD", 0, 40, 20, 160, 40),
    Line("TOTAL", 0, 20, 300, 80, 320),
    Line("9.00", 0, 150, 300, 190, 320),
    Line("second page", 1, 20, 30, 90, 50),
)


def picture(width=200, height=400, mode="L", form="PNG"):
    buffer = io.BytesIO()
    Image.new(mode, (width, height), "white").save(buffer, form)
    return buffer.getvalue()


def document(document_id="d1", group=Group.UNSEEN, **changes):
    values = {
        "lines": LINES,
        "truths": {"company": "ACME LTD", "total": "9.00"},
        "predictions": {
            "company": FieldRead("ACME LTD", 0.9, (0,)),
            "total": FieldRead("9.08", 0.5, (2,)),
        },
        "image": None,
    }
    return ReadDocument(document_id, group, **(values | changes))


def report(*documents, **changes):
    return Report(
        title="extractor_test, version 1",
        facts={"Git commit": "0123abc"},
        scores=score([one.scored() for one in documents], FIELDS),
        documents=documents,
        **changes,
    )


class Outline(HTMLParser):
    """What a page asks for from elsewhere, and whether its elements are closed."""

    VOID = frozenset({"meta", "br"})

    def __init__(self):
        super().__init__()
        self.links: list[str] = []
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def outline(html):
    parser = Outline()
    parser.feed(html)
    parser.close()
    return parser


HISTORY = {"loss": [2.0, 1.0], "val_loss": [2.1, 1.2], "val_f1_exact": [0.5, 0.7], "lr": [0.1, 0.1]}


def test_report_is_whole_and_asks_for_nothing_from_elsewhere():
    html = render(report(document(image=picture()), history=HISTORY, best_epoch=2, rejected={"no_lines": 3}))
    page = outline(html)
    assert page.open == []
    assert "script" not in page.tags
    assert page.links
    assert all(link.startswith("data:image/jpeg;base64,") for link in page.links)
    assert not re.search(r"url\(|@import", html)


@pytest.mark.parametrize(
    "expected",
    [
        "extractor_test, version 1",
        "0123abc",
        "no_lines",
        "Loss per epoch",
        "Validation scores per epoch",
        "The weights of epoch 2 were kept",
        "0.500</strong> F1, exact, on 1 document\n",
        "0.400 to\n    0.600",
        "✗ wrong",
        "✓ right",
        "With mistakes",
    ],
)
def test_report_says(expected):
    html = render(
        report(document(), history=HISTORY, best_epoch=2, rejected={"no_lines": 3}, interval=(0.4, 0.6))
    )
    assert expected in html


def test_only_losses_and_validation_scores_are_drawn():
    html = render(report(document(), history=HISTORY))
    assert html.count("<polyline") == 3
    assert " lr " not in html


def test_report_of_nothing():
    html = render(report())
    assert "no score to trust" in html
    assert "No document was rejected" in html
    assert "holds no values per epoch" in html
    assert outline(html).open == []


HOSTILE = "<script>alert('x')</script>\"'&"


def test_everything_from_documents_and_settings_is_escaped():
    hostile = document(
        document_id=HOSTILE,
        lines=(Line(HOSTILE, 0, 0, 0, 10, 10),),
        truths={"company": HOSTILE, "total": "1"},
        predictions={"company": FieldRead(HOSTILE[::-1], 1.0, (0,)), "total": FieldRead(HOSTILE, 1.0, (0,))},
    )
    hostile_report = Report(
        title=HOSTILE,
        facts={HOSTILE: HOSTILE},
        scores=score([hostile.scored()], FIELDS),
        history={"loss": [1], f"val_{HOSTILE}": [1]},
        rejected={HOSTILE: 1},
        documents=[hostile],
    )
    html = render(hostile_report)
    assert "script" not in outline(html).tags
    assert "<script" not in html


def test_write_replaces_the_whole_file(tmp_path):
    file = write(report(document()), tmp_path / "new folder" / "report.html")
    write(report(document(document_id="another")), file)
    assert "another" in file.read_text(encoding="utf-8")
    assert [found.name for found in file.parent.iterdir()] == ["report.html"]


VERDICTS = [
    ("9.00", "9.00", "right"),
    ("9.00", "9. 00", "right but for spaces"),
    ("9.00", "9,00", "right but for punctuation"),
    ("9.00", "8.00", "wrong"),
    ("9.00", "", "missed"),
    ("", "9.00", "has no label"),
    ("", "", "nothing to read"),
]


@pytest.mark.parametrize(("truth", "predicted", "expected"), VERDICTS)
def test_verdict(truth, predicted, expected):
    found = verdict(Scored("d", Group.SEEN, {"total": truth}, {"total": predicted}), "total")
    assert found.text == expected
    assert found.mark


def test_differences_keep_the_predicted_text_and_mark_what_differs():
    pieces = differences("12 JALAN TAMPOI", "12, JALAN TEMPOI")
    assert "".join(text for text, _ in pieces) == "12, JALAN TEMPOI"
    assert [text for text, differs in pieces if differs] == [",", "E"]


def test_very_long_values_are_cut():
    long = "ab" * 50_000
    html = render(
        report(document(truths={"total": long}, predictions={"total": FieldRead(long[::-1], 1.0, (2,))}))
    )
    assert len(html) < 50_000


def test_pages_with_read_fields_are_drawn_and_the_others_are_not():
    second_only = document(predictions={"company": FieldRead("second page", 1.0, (3,))})
    assert [page.number for page in drawn_pages(document(), FIELDS)] == [0]
    assert [page.number for page in drawn_pages(second_only, FIELDS)] == [1]


def test_frames_stand_where_the_lines_stand():
    page = drawn_pages(document(), FIELDS)[0]
    found = [(frame.x, frame.y, frame.width, frame.height, frame.label) for frame in page.frames]
    assert found == [(40, 20, 120, 20, "company"), (150, 300, 40, 20, "total")]
    assert [frame.verdict.kind for frame in page.frames] == ["right", "wrong"]


def test_line_numbers_that_the_document_lacks_are_left_out():
    odd = document(predictions={"total": FieldRead("9.00", 1.0, (-1, 2, 99))})
    assert [len(page.frames) for page in drawn_pages(odd, FIELDS)] == [1]


def test_only_the_first_line_of_a_field_is_tagged():
    two_lines = document(predictions={"total": FieldRead("TOTAL 9.00", 1.0, (1, 2))})
    assert [frame.label for frame in drawn_pages(two_lines, FIELDS)[0].frames] == ["total", ""]


@pytest.mark.parametrize("lines", [(), LINES])
def test_a_document_without_predictions_is_drawn(lines):
    page = drawn_pages(document(lines=lines, predictions={}), FIELDS)[0]
    assert (page.number, page.frames) == (0, ())
    assert page.view.width > 0


IMAGES = [
    # why                 image                                       drawn as an image
    ("none", None, False),
    ("empty", b"", False),
    ("no image", b"this is no image", False),
    ("cut off", picture(form="JPEG")[:200], False),
    ("grey", picture(), True),
    ("colour with alpha", picture(mode="RGBA"), True),
    ("black and white", picture(mode="1"), True),
    ("palette", picture(mode="P", form="GIF"), True),
    ("tiff", picture(form="TIFF"), True),
]


@pytest.mark.parametrize(("why", "image", "is_drawn"), IMAGES)
def test_text_is_drawn_where_there_is_no_image(why, image, is_drawn):
    page = drawn_pages(document(image=image), FIELDS)[0]
    assert (page.image is not None, page.lines == ()) == (is_drawn, is_drawn), why


def decoded(url):
    return Image.open(io.BytesIO(base64.b64decode(url.split(",")[1])))


def test_images_are_scaled_down():
    with decoded(jpeg_url(Image.new("L", (1000, 4000)))) as image:
        assert image.format == "JPEG"
        assert image.size == (225, 900)


@pytest.mark.parametrize("scan", [{}, {"scan_width": 200, "scan_height": 400}])
def test_the_image_is_cut_to_where_the_text_stands(scan):
    page = drawn_pages(document(image=picture(200, 400), **scan), FIELDS)[0]
    assert page.view == (8, 8, 200, 332)  # a margin of 12 on all sides, but 10 where the page ends
    with decoded(page.image) as image:
        assert image.size == (192, 324)


def test_boxes_in_pixels_of_a_larger_scan_are_cut_from_a_smaller_image():
    larger = tuple(Line(line.text, line.page, *(3 * value for value in line[2:])) for line in LINES)
    scan = {"scan_width": 600, "scan_height": 1200}
    page = drawn_pages(document(lines=larger, image=picture(200, 400), **scan), FIELDS)[0]
    with decoded(page.image) as image:
        assert image.size == (192, 324)


def test_the_whole_image_is_drawn_when_the_text_stands_elsewhere():
    page = drawn_pages(document(image=picture(5, 7)), FIELDS)[0]
    assert page.view == (0, 0, 5, 7)


def test_an_image_that_is_too_large_is_not_decoded(monkeypatch):
    monkeypatch.setattr("invoicelake.evaluation.drawing.MAX_PIXELS", 200 * 400 - 1)
    assert opened(picture()) is None


def test_examples_are_half_right_and_half_wrong_and_held_out_first():
    def example(name, predicted, group):
        return Scored(name, group, {"total": "1"}, {"total": predicted})

    documents = [example(f"right{n}", "1", Group.UNSEEN) for n in range(5)]
    documents += [example(f"wrong{n}", "2", Group.SEEN) for n in range(5)]
    documents += [example(f"learnt{n}", "1", Group.TRAINED) for n in range(50)]
    chosen = choose_examples(documents, ["total"], 6)
    assert sum(name.startswith("right") for name in chosen) == 3
    assert sum(name.startswith("wrong") for name in chosen) == 3
    assert chosen == choose_examples(documents[::-1], ["total"], 6)
    assert len(choose_examples(documents, ["total"], 40)) == 40
    assert len(choose_examples(documents[:5], ["total"], 6)) == 5
    assert choose_examples(documents, ["total"], 0) == []


def test_a_field_that_nobody_labelled_or_read_is_no_mistake():
    html = render(report(document(truths={"company": "A"}, predictions={"company": FieldRead("A", 1.0)})))
    assert "Every field right" in html
    assert "With mistakes" not in html


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 1), (0.2, 0.95), (0, 0), (3, 3), (-5, 12), (1e-6, 2e-6), (0, 12345), (0.913, 0.9131)],
)
def test_nice_ticks_enclose_the_values(low, high):
    ticks = nice_ticks(low, high)
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 2 <= len(ticks) <= 8
    steps = [later - earlier for earlier, later in itertools.pairwise(ticks)]
    assert min(steps) > 0
    assert max(steps) == pytest.approx(min(steps))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan, 0.5], [math.nan], [math.inf, 1.0], [2.0, 2.0]])
def test_line_chart_leaves_out_what_is_not_finite(values):
    chart = line_chart("Loss", {"loss": values})
    points = [point.split(",") for point in chart.curves[0].points.split()]
    assert len(points) == sum(math.isfinite(value) for value in values)
    assert all(math.isfinite(float(y)) for _, y in points)


def test_line_chart_of_falling_values_falls():
    heights = [
        float(point.split(",")[1]) for point in line_chart("", {"a": [3, 2, 1]}).curves[0].points.split()
    ]
    assert heights == sorted(heights)
    assert heights[0] < heights[-1]


def test_bars_are_as_long_as_their_values():
    chart = bar_chart({"company": [1.0, 0.5], "total": [0.25, 0.0]})
    longest = chart.bars[0].length
    assert [bar.length for bar in chart.bars] == pytest.approx(
        [longest, longest / 2, longest / 4, 0], abs=0.1
    )
    assert [bar.text for bar in chart.bars] == ["1.000", "0.500", "0.250", "0.000"]


def test_reliability_is_drawn_and_tabled():
    bins = {"total": reliability([0.3] * 10 + [0.9] * 90, [True] * 3 + [False] * 7 + [True] * 90)}
    page = render(report(document(), reliability=bins, calibration_error=0.0123))
    assert "0.012" in page
    assert page.count("<circle") == 2
    assert "90 readings at 0.900: 1.000 right" in page
    chart = reliability_chart("total", bins["total"])
    low, high = chart.points
    assert low.x < high.x
    assert low.y > high.y
    assert all(point.top <= point.y <= point.bottom for point in chart.points)
    assert "Reliability" not in render(report(document()))
