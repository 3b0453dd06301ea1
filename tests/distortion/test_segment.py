"""Sentences, words and characters."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_lib.distortion.segment import characters, join_tokens, split_keeping, split_sentences, stem, tokens, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The bar is 3.5 m long. It is red.", ["The bar is 3.5 m long.", "It is red."]),
        ("See No. 5 and Fig. 2 here. No. There is none.", ["See No. 5 and Fig. 2 here.", "No.", "There is none."]),
        (
            "Dr. Smith met J. K. Rowling, e.g. in May. They left at 5 p.m. It rained.",
            ["Dr. Smith met J. K. Rowling, e.g. in May.", "They left at 5 p.m.", "It rained."],
        ),
        ("U.S. law applies. The answer is B. This is why.", ["U.S. law applies.", "The answer is B.", "This is why."]),
        ("1. First step\n2. Second step", ["1. First step", "2. Second step"]),
        (
            'He said "stop." Then he left (really!). Fine… Really?',
            ['He said "stop."', "Then he left (really!).", "Fine…", "Really?"],
        ),
        ("it is red. it is big.", ["it is red.", "it is big."]),
        ("一つ。二つ！三つ", ["一つ。", "二つ！", "三つ"]),
        ("  \n ", []),
        ("", []),
    ],
)
def test_sentences(text, expected):
    assert split_sentences(text) == expected


@given(st.text(alphabet=st.sampled_from('aB3.!? \n\t,")。é👩\u200d\u0301'), max_size=60))
@settings(max_examples=300, deadline=None)
def test_nothing_is_lost(text):
    assert "".join(sentence + gap for sentence, gap in split_keeping(text)) == text
    assert "".join(characters(text)) == text
    assert "".join("".join(tokens(text)).split()) == "".join(text.split())


def test_words_of_other_scripts_stay_whole():
    assert words("naïve e\u0301tude हिन्दी don't well-known 3.5 1,000") == [
        "naïve",
        "e\u0301tude",
        "हिन्दी",
        "don't",
        "well-known",
        "3.5",
        "1,000",
    ]
    assert tokens("ok 👩\u200d👩\u200d👧 🇫🇷!") == ["ok", "👩\u200d👩\u200d👧", "🇫🇷", "!"]
    assert characters("e\u0301👍🏽") == ["e\u0301", "👍🏽"]


def test_stem_joins_inflections_and_keeps_words_apart():
    for one, other in [
        ("circle", "circles"),
        ("box", "boxes"),
        ("cross", "crosses"),
        ("city", "cities"),
        ("ride", "riding"),
        ("Star", "star's"),
    ]:
        assert stem(one) == stem(other)
    distinct = "red ring star cross circle square bus glass left right top center".split()
    assert len({stem(word) for word in distinct}) == len(distinct)


def test_tokens_join_to_readable_text():
    text = "Yes, it is red (very red), isn't it? Good!"
    assert join_tokens(tokens(text)) == text
    shuffled = tokens(text)
    random.Random(0).shuffle(shuffled)
    assert " ," not in join_tokens(shuffled)
