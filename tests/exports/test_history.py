"""Word diffs lose nothing."""

from hypothesis import given
from hypothesis import strategies as st

from flamingo_lib.exports.history import apply_diff, history, word_diff

TEXTS = st.text(st.sampled_from("ab \n.“"), max_size=40)


@given(TEXTS, TEXTS)
def test_both_texts_come_back(before, after):
    parts = word_diff(before, after)
    assert apply_diff(parts) == after and apply_diff(parts, backwards=True) == before
    assert all(part["text"] for part in parts)


def test_steps_follow_each_other():
    steps = history("red", [("rewritten", "It is red."), ("filter clip", "It is.")])
    assert [step["step"] for step in steps] == ["rewritten", "filter clip"]
    assert [apply_diff(step["diff"], backwards=True) for step in steps] == ["red", "It is red."]


def test_common_words_are_kept():
    parts = word_diff("a red ball", "a big red ball")
    assert parts == [{"op": "=", "text": "a "}, {"op": "+", "text": "big "}, {"op": "=", "text": "red ball"}]
