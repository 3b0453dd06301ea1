"""The inspector: which records are chosen, and how the controls turn the pages."""

from __future__ import annotations

import pytest
from PIL import Image

from flamingo_lib.pipeline.record_html import record_view
from flamingo_lib.records import Rewrite, Sample, Verdict
from flamingo_lib.widgets.inspector import Inspector, choose, verdict_of


def record(number: int, source: str = "vqa-v2", *verdicts: Verdict) -> Rewrite:
    return Rewrite(
        Sample(f"{source}/{number}", source, "vqa", ("a.png",), f"question {number}", "raw"),
        f"answer {number}",
        verdicts=verdicts,
    )


KEEP, EDIT = Verdict(True, "length"), Verdict(True, "clip", edit="less")
RECORDS = [
    record(0, "vqa-v2", KEEP),
    record(1, "vqa-v2", KEEP, Verdict(False, "nli")),
    record(2, "clevr", Verdict(False, "length")),
    record(3, "clevr", KEEP, EDIT),
    record(4, "clevr", KEEP),
]


def images(_sample):
    return [Image.new("RGB", (16, 16), "blue")]


@pytest.mark.parametrize(
    ("source", "verdict", "positions"),
    [
        ("all", "all", [0, 1, 2, 3, 4]),
        ("clevr", "all", [2, 3, 4]),
        ("all", "kept", [0, 3, 4]),
        ("all", "edited", [3]),
        ("all", "dropped", [1, 2]),
        ("all", "dropped by nli", [1]),
        ("clevr", "dropped by nli", []),
    ],
)
def test_choose(source, verdict, positions):
    assert choose(RECORDS, source, verdict) == positions


def test_verdict_of_names_the_first_filter_that_dropped():
    assert [verdict_of(item) for item in RECORDS] == ["kept", "dropped by nli", "dropped by length", "kept", "kept"]


def test_buttons_turn_the_pages():
    inspector = Inspector(RECORDS, images)
    assert inspector.current is RECORDS[0] and inspector.previous.disabled and not inspector.next.disabled
    inspector.next.click()
    assert inspector.current is RECORDS[1] and "question 1" in inspector.view.value
    inspector.previous.click()
    assert inspector.current is RECORDS[0]
    inspector.position.value = 5
    assert inspector.current is RECORDS[4] and inspector.next.disabled and inspector.count.value == "5 of 5"


def test_choices_show_the_first_that_fits():
    inspector = Inspector(RECORDS, images)
    inspector.position.value = 4
    inspector.source.value = "clevr"
    assert inspector.current is RECORDS[2] and inspector.count.value == "1 of 3"
    inspector.verdict.value = "edited"
    assert inspector.current is RECORDS[3] and inspector.next.disabled


def test_a_choice_that_nothing_fits():
    inspector = Inspector(RECORDS, images)
    inspector.source.value, inspector.verdict.value = "clevr", "dropped by nli"
    assert inspector.current is None and "No record fits this choice." in inspector.view.value
    inspector.next.click()
    assert inspector.current is None
    inspector.verdict.value = "all"
    assert inspector.current is RECORDS[2]


def test_counts_stand_in_the_choices():
    inspector = Inspector(RECORDS, images)
    assert ("clevr (3)", "clevr") in inspector.source.options
    assert ("dropped by length (1)", "dropped by length") in inspector.verdict.options


def test_no_records_at_all():
    inspector = Inspector([], images)
    assert inspector.current is None and inspector.count.value == "no such record"


def test_view_is_the_pure_html():
    assert Inspector(RECORDS[:1], images).view.value == record_view([RECORDS[0]], images)
