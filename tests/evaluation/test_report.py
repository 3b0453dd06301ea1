"""The report's sections from stored predictions: all tables and figures, the claims first, errors where they belong."""

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.report import CLAIMS, EXHIBITS, report_sections, write_page
from tests.evaluation.synthetic import answers
from tests.evaluation.synthetic_study import CLAIMS as STORED
from tests.evaluation.synthetic_study import RUN, made_up


def test_everything_is_shown_with_the_claims_first(tmp_path):
    sections = report_sections(made_up(12), STORED, RUN)
    assert list(sections) == [CLAIMS, *EXHIBITS]
    assert "does not hold" in sections[CLAIMS] and "outside" in sections[CLAIMS]
    assert all("data:image/png" in sections[title] and "<table" in sections[title] for title in EXHIBITS)
    page = write_page(tmp_path / "page.html", sections).read_text()
    assert page.index("Claims") < page.index("Figure 9")


def test_without_predictions_each_section_says_so():
    sections = report_sections([])
    assert CLAIMS not in sections and list(sections) == list(EXHIBITS)
    assert all("Nothing to show" in part and "<img" not in part for part in sections.values())


def test_what_does_not_fit_together_is_said_and_the_rest_is_shown():
    sections = report_sections(answers("base", [1, 2]) + answers("stage1", [1, 2, 3]))
    assert "different questions" in sections["Figure 8, win rates"]
    assert "<img" in sections["Figure 9, the U and the ablations"]


def test_claims_that_cannot_be_read_are_an_error():
    with pytest.raises(DataError, match="lacks"):
        report_sections([], [{"claim": "x"}])
