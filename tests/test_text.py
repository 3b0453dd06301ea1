"""The one check of whether a text shows anything."""

import pytest

from flamingo_lib.text import is_blank, single_spaced

BLANK = [
    "",
    " \n\t",
    "\u200b",  # zero width space
    "\ufeff\u200c\u200d\u2060",  # byte order mark, joiners, word joiner
    "\u00a0\u3000\u2028",  # no-break space, ideographic space, line separator
    "\u00ad",  # soft hyphen
    "\u200e\u202a\u2066",  # direction marks
    "\x00\x08\x7f",
    "\u3164\u115f\uffa0",  # Hangul fillers
    "\ufe0f\U000e0100",  # variation selectors
    "\u2800\u034f\u180e\ufffc",
    "\U000e0041",  # a tag
]


@pytest.mark.parametrize("text", BLANK)
def test_invisible_characters_are_no_text(text):
    assert is_blank(text) and is_blank(f" {text}\n") and single_spaced(text) == ""


@pytest.mark.parametrize(
    "text", ["a", "\u200bno", "0", "…", "好", "❤\ufe0f", "👩\u200d🚀", "\u0301", "-", "\ufffd", "نعم"]
)
def test_all_that_shows_is_text(text):
    assert not is_blank(text) and single_spaced(f"{text} ") == text
