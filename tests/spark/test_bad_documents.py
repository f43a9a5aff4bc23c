"""Bad input of every kind in one folder: each document is taken in or kept with its reason, none is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from invoicelake.errors import JobError
from invoicelake.sources import cord, sroie
from invoicelake.sources.catalogue import require_input
from invoicelake.transforms.documents import (
    accepted_documents,
    document_labels,
    document_line_items,
    parse_documents,
    rejected_documents,
)

MAX_LINES = 100
BOX = "1,2,30,2,30,9,1,9,"
SOUND_BOX = f"{BOX}ACME SDN BHD\n{BOX}TOTAL: 9.00, CASH\n".encode()
SOUND_KEY = json.dumps({"company": "ACME SDN BHD", "total": "9.00"}).encode()
PIXEL = (  # the smallest PNG: one grey pixel
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU"
    b"\x00\x00\x00\nIDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82"
)

# name, files by folder and ending, reason (None: accepted)
FILES = [
    ("sound", {"box/.csv": SOUND_BOX, "key/.json": SOUND_KEY, "img/.png": PIXEL}, None),
    ("no key, no scan", {"box/.csv": SOUND_BOX}, None),
    ("text file endings", {"box/.txt": SOUND_BOX, "key/.txt": SOUND_KEY}, None),
    ("byte order mark", {"box/.csv": b"\xef\xbb\xbf" + SOUND_BOX}, None),
    ("windows line ends", {"box/.csv": SOUND_BOX.replace(b"\n", b"\r\n")}, None),
    ("empty values", {"box/.csv": SOUND_BOX, "key/.json": b'{"company": "", "total": null, "x": {}}'}, None),
    ("100%, 'quoted' [a]", {"box/.csv": SOUND_BOX}, None),
    ("empty box", {"box/.csv": b""}, "no_lines"),
    ("blank lines", {"box/.csv": b"\n \n\n"}, "no_lines"),
    ("empty texts", {"box/.csv": BOX.encode() + b"\n" + BOX.encode()}, "no_text"),
    ("too few numbers", {"box/.csv": b"1,2,3,hello\n"}, "box_unreadable"),
    ("no numbers", {"box/.csv": b"a,b,c,d,e,f,g,h,text\n"}, "box_unreadable"),
    ("not finite", {"box/.csv": b"nan,2,30,2,30,9,1,inf,text\n"}, "box_unreadable"),
    ("invalid utf-8", {"box/.csv": BOX.encode() + b"caf\xe9\n"}, "invalid_utf8"),
    ("key of invalid utf-8", {"box/.csv": SOUND_BOX, "key/.json": b'{"company": "caf\xe9"}'}, "invalid_utf8"),
    ("key no json", {"box/.csv": SOUND_BOX, "key/.json": b"company: ACME"}, "key_unreadable"),
    ("key a list", {"box/.csv": SOUND_BOX, "key/.json": b'["ACME"]'}, "key_unreadable"),
    ("key empty", {"box/.csv": SOUND_BOX, "key/.json": b""}, "key_unreadable"),
    ("image no image", {"box/.csv": SOUND_BOX, "img/.jpg": b"GIF89a no"}, "image_unreadable"),
    ("image empty", {"box/.csv": SOUND_BOX, "img/.jpg": b""}, "image_unreadable"),
    ("too many lines", {"box/.csv": SOUND_BOX * 51}, "too_many_lines"),
    ("a hundred thousand lines", {"box/.csv": SOUND_BOX * 50_000}, "too_many_lines"),
    ("just enough lines", {"box/.csv": SOUND_BOX * 50}, None),
    ("key alone", {"key/.json": SOUND_KEY}, "no_box_file"),
    ("twice", {"box/.csv": SOUND_BOX, "box/.txt": SOUND_BOX}, "duplicate_name"),
    ("leaked", {"box/.csv": SOUND_BOX}, "leaked_into_test"),
    ("duplicate", {"box/.csv": SOUND_BOX}, "exact_duplicate"),
]
ALSO_ACCEPTED = {"twice"}  # the first of the two


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """All of them in one folder whose name holds what Hadoop takes for wildcards."""
    root = tmp_path_factory.mktemp("receipts") / "from {here} [a*]"
    for name, files, _ in FILES:
        for place, content in files.items():
            kind, ending = place.split("/")
            (root / kind).mkdir(parents=True, exist_ok=True)
            (root / kind / f"{name}{ending}").write_bytes(content)
    (root / "train_images_leaked_into_test.csv").write_text("index,original_id,test_id\nleaked,X1,X2\n")
    (root / "train_exact_duplicates.csv").write_text(
        "index,original_id,duplicate_of_index\nduplicate,X3,sound\n"
    )
    (root / "sizes.csv").write_text("index,orig_w,orig_h,pack_w,pack_h\nsound,640,480,320,240\n")
    return root


@pytest.fixture(scope="module")
def outcome(spark, folder, specs):
    """Names accepted, rejects by name, and the frames."""
    received = sroie.receive(spark, str(folder))
    parsed = parse_documents(received.documents, MAX_LINES, "MYR").persist()
    accepted = accepted_documents(parsed)
    rejected = received.rejected.unionByName(rejected_documents(parsed)).collect()
    yield {
        "accepted": {row["name"]: row for row in accepted.collect()},
        "rejected": {row["name"]: row for row in rejected},
        "rejected_rows": len(rejected),
        "labels": {
            (row["document_id"], row["field"]): row["value"] for row in document_labels(parsed).collect()
        },
    }
    parsed.unpersist()


@pytest.mark.parametrize(("name", "files", "reason"), FILES, ids=[case[0] for case in FILES])
def test_each_document_is_accepted_or_kept_with_its_reason(outcome, name, files, reason):
    if reason is None:
        assert name in outcome["accepted"]
        assert name not in outcome["rejected"]
        return
    row = outcome["rejected"][name]
    assert row["reason"] == reason
    assert row["detail"]
    assert (name in outcome["accepted"]) == (name in ALSO_ACCEPTED)
    if "box/.csv" in files:
        assert bytes(row["content"]) == files["box/.csv" if name not in ALSO_ACCEPTED else "box/.txt"]


def test_nothing_is_lost_or_doubled(outcome):
    accepted = {name for name, _, reason in FILES if reason is None} | ALSO_ACCEPTED
    assert set(outcome["accepted"]) == accepted
    assert outcome["rejected_rows"] == sum(reason is not None for _, _, reason in FILES)


def test_what_an_accepted_document_holds(outcome):
    document = outcome["accepted"]["sound"]
    assert [line["text"] for line in document["lines"]] == ["ACME SDN BHD", "TOTAL: 9.00, CASH"]
    first = document["lines"][0].asDict()
    assert first == {"text": "ACME SDN BHD", "page": 0, "x0": 1.0, "y0": 2.0, "x1": 30.0, "y1": 9.0}
    assert (document["page_width"], document["page_height"]) == (640.0, 480.0)
    assert document["supplier"] == "ACMESDNBHD"
    labels = {
        field: value for (key, field), value in outcome["labels"].items() if key == document["document_id"]
    }
    assert labels == {"company": "ACME SDN BHD", "total": "9.00"}


def test_identity_is_that_of_the_content(spark, folder, tmp_path, outcome):
    """The same receipt elsewhere, without its scan and key, is the same document."""
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "sound.csv").write_bytes(SOUND_BOX)
    moved = sroie.receive(spark, str(tmp_path)).documents.first()
    assert moved["document_id"] == outcome["accepted"]["sound"]["document_id"]


# why, what to make, input.format, message
FOLDERS = [
    ("not there", lambda root: root / "none", "sroie", "found nothing there"),
    ("a file", lambda root: _written(root / "file"), "sroie", "found a file there"),
    ("empty", lambda root: _made(root / "empty"), "sroie", r"no receipts in .*expected box/\*\.csv"),
    ("only scans", lambda root: _written(root / "scans/img/a.jpg").parents[1], "sroie", "no receipts in"),
    ("no CSV", lambda root: _made(root / "none.cord"), "cord", "no receipts in"),
    ("other columns", lambda root: _written(root / "other/a.csv").parent, "cord", "columns filename"),
    ("not given", lambda root: None, "cord", "add input.path=DIR"),
]


@pytest.mark.parametrize(
    ("make", "source", "message"), [case[1:] for case in FOLDERS], ids=[c[0] for c in FOLDERS]
)
def test_folders_that_hold_no_documents(spark, tmp_path, make, source, message):
    path = make(tmp_path)
    receive = {"sroie": sroie.receive, "cord": cord.receive}[source]
    with pytest.raises(JobError, match=message):
        receive(spark, None if path is None else str(path))


def test_a_missing_folder_is_found_before_spark_starts(tmp_path):
    from invoicelake.config import Input

    with pytest.raises(JobError, match="found nothing there"):
        require_input(Input(format="sroie", path=str(tmp_path / "none")))


def test_cord_lines_items_and_total(spark, shared_data, specs):
    received = cord.receive(spark, str(shared_data / "cord_validation"))
    parsed = parse_documents(received.documents, MAX_LINES * 10, "IDR").persist()
    first = accepted_documents(parsed).where("name = 'validation_0000'").first()
    items = (
        document_line_items(parsed).where(f"document_id = '{first['document_id']}'").orderBy("item_number")
    )
    found = [
        (row["description"], row["quantity"], row["amount_minor"], row["currency"]) for row in items.collect()
    ]
    assert found == [
        ("REAL GANACHE", "1", 1_650_000, "IDR"),
        ("EGG TART", "1", 1_300_000, "IDR"),
        ("PIZZA TOAST", "1", 1_600_000, "IDR"),
    ]
    assert [parsed.count(), rejected_documents(parsed).count()] == [100, 0]
    assert document_labels(parsed).where("field = 'total'").count() == 98
    parsed.unpersist()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _written(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("a,b\n1,2\n")
    return file
