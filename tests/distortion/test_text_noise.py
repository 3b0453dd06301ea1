"""Random text augmentation."""

import json
import math
import random
import statistics
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_lib.distortion.edit_rates import common_subsequence, edit_rates
from flamingo_lib.distortion.segment import characters, split_sentences, words
from flamingo_lib.distortion.text_noise import (
    CHARACTER_ACTIONS,
    WORD_ACTIONS,
    drop_tail,
    edit_count,
    noise,
    noise_characters,
    noise_steps,
    noise_words,
    shuffle_sentences,
)
from flamingo_lib.seeding import generator

REFERENCE = json.loads(Path(__file__).with_name("nlpaug_rates.json").read_text(encoding="utf-8"))
TEXT = "Dr. Smith paid 3.5 euros, e.g. for tea. It was No. 7. The end! Or not?"


def ours(name, text, seed):
    level, action = name.split(":")
    rates = REFERENCE["rates"]
    if level == "words":
        return noise_words(text, random.Random(seed), action=action, rate=rates["rate"])
    return noise_characters(
        text, random.Random(seed), action=action, word_rate=rates["word_rate"], character_rate=rates["character_rate"]
    )


@pytest.mark.parametrize("name", sorted(REFERENCE["operators"]))
def test_edit_rates_are_nlpaugs(name):
    """At the same rates, mean and spread of the edited share agree within sampling error and a tenth."""
    draws = 40
    rates = [
        edit_rates(text, ours(name, text, f"{name}/{index}/{draw}"))
        for index, text in enumerate(REFERENCE["texts"])
        for draw in range(draws)
    ]
    reference_n = REFERENCE["draws"] * len(REFERENCE["texts"])
    for level in ("words", "characters"):
        values = [getattr(rate, level) for rate in rates]
        theirs = REFERENCE["operators"][name][level]
        mean, sd = statistics.mean(values), statistics.stdev(values)
        error = math.sqrt(sd**2 / len(values) + theirs["sd"] ** 2 / reference_n)
        assert abs(mean - theirs["mean"]) <= 3 * error + 0.1 * theirs["mean"], (level, mean, theirs)
        assert sd <= 2 * theirs["sd"] + 0.02 and theirs["sd"] <= 2 * sd + 0.02, (level, sd, theirs)


def test_levels_have_the_papers_probabilities():
    """Each level one time in two, shuffling again one in two, actions evenly."""
    counts: dict[str, int] = {}
    rounds = 4000
    for seed in range(rounds):
        for step in noise_steps(TEXT, random.Random(seed))[1]:
            counts[step] = counts.get(step, 0) + 1
    dropped = counts["sentences:drop"] / rounds
    assert abs(dropped - 0.5 * 3 / 4) < 0.03  # one of four tails is no tail
    for action in CHARACTER_ACTIONS:
        assert abs(counts[f"characters:{action}"] / rounds - 0.5 / 4) < 0.03
    for action in WORD_ACTIONS:
        assert abs(counts[f"words:{action}"] / rounds - 0.5 / 3) < 0.03
    unchanged = sum(noise(TEXT, random.Random(seed)) == TEXT for seed in range(rounds)) / rounds
    assert unchanged + 0.02 >= 0.125 and unchanged < 0.25


def test_sentence_operations_keep_numbers_and_abbreviations_whole():
    sentences = split_sentences(TEXT)
    assert sentences == ["Dr. Smith paid 3.5 euros, e.g. for tea.", "It was No. 7.", "The end!", "Or not?"]
    seen = set()
    for seed in range(200):
        kept = drop_tail(TEXT, random.Random(seed))
        assert TEXT.startswith(kept)
        assert kept in {" ".join(sentences[:count]) for count in range(1, 5)}
        shuffled = shuffle_sentences(TEXT, random.Random(seed))
        joint = "\n" if "\n" in shuffled else ""
        rest = shuffled
        for sentence in sentences:
            assert sentence in rest
            rest = rest.replace(sentence, "", 1)
        assert set(rest) <= {"\n"} and len(rest) == (3 if joint else 0)
        seen.add((kept, joint))
    assert len({kept for kept, _ in seen}) == 4 and {joint for _, joint in seen} == {"", "\n"}
    assert shuffle_sentences("One only.", random.Random(0)) == "One only."


def test_character_edits_stay_inside_long_words():
    text = "An elephant is big, isn't it? 12345 ok"
    for action in CHARACTER_ACTIONS:
        for seed in range(50):
            after = noise_characters(text, random.Random(seed), action=action, word_rate=0.3, character_rate=0.3)
            for word in ("An ", " is big, ", " it? ", " ok"):
                assert word in after
            sizes = {"insert": 1, "delete": -1}.get(action, 0)
            assert (len(after) - len(text)) * sizes >= 0 and (sizes or len(after) == len(text))
    assert (
        noise_characters("a bc def", random.Random(0), action="delete", word_rate=0.3, character_rate=0.3) == "a bc def"
    )


def test_swapped_letters_keep_the_capitals_place():
    found = {
        noise_characters("Elephant", random.Random(seed), action="swap", word_rate=0.1, character_rate=0.1)
        for seed in range(80)
    }
    assert "Leephant" in found and all(text[0].isupper() and text[1:].islower() for text in found)


def test_words_are_deleted_swapped_cropped():
    text = "One two, three four five six."
    for seed in range(60):
        deleted = noise_words(text, random.Random(seed), action="delete", rate=0.3)
        assert len(words(deleted)) == 6 - edit_count(8, 0.3) and "," in deleted and not deleted[0].islower()
        assert sorted(words(noise_words(text, random.Random(seed), action="swap", rate=0.3).lower())) == sorted(
            words(text.lower())
        )
        cropped = noise_words("a b c d e f g h i j", random.Random(seed), action="crop", rate=0.3)
        left = cropped.split()
        assert len(left) == 7 and "".join(left) in {
            "abcdefghij".replace("abcdefghij"[start : start + 3], "") for start in range(8)
        }
    assert noise_words("word", random.Random(0), action="delete", rate=0.3) == "word"


def test_counting():
    assert [edit_count(size, rate) for size, rate in ((10, 0.3), (10, 0.0), (2, 0.9), (100, 0.3), (1, 1.0))] == [
        3,
        1,
        2,
        10,
        1,
    ]


PIECES = st.sampled_from(["naïve", "e\u0301tude", "हिन्दी", "👩\u200d👩\u200d👧", "🇫🇷", "no.", "ok! "])


@given(st.text(max_size=80) | st.lists(PIECES).map(" ".join), st.integers(0, 1000))
@settings(max_examples=400, deadline=None)
def test_any_text_survives(text, seed):
    after, steps = noise_steps(text, random.Random(seed))
    assert after == noise(text, random.Random(seed))
    assert (after == text) or steps
    assert not text.strip() or after.strip()
    after.encode("utf-8")


def test_characters_of_any_script_stay_whole():
    text = "हिन्दी👩\u200d👩\u200d👧 e\u0301e\u0301e\u0301e\u0301e\u0301 क्षत्रिय"
    whole = set(characters(text))
    for action in CHARACTER_ACTIONS:
        for seed in range(60):
            after = noise_characters(
                text, random.Random(seed), action=action, word_rate=1.0, character_rate=0.3, alphabet="x"
            )
            assert set(characters(after)) <= whole | {"x"}


def test_a_record_is_always_distorted_the_same_way():
    texts = {f"source/{index}": f"{TEXT} {index}" for index in range(20)}
    alone = {key: noise(text, generator(7, 0, key)) for key, text in texts.items()}
    together = {key: noise(texts[key], generator(7, 0, key)) for key in reversed(texts)}
    assert alone == together
    assert any(noise(text, generator(8, 0, key)) != alone[key] for key, text in texts.items())


def test_edit_rates_against_plain_dynamic_programming():
    def slow(one, two):
        table = [[0] * (len(two) + 1) for _ in range(len(one) + 1)]
        for i, a in enumerate(one):
            for j, b in enumerate(two):
                table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
        return table[-1][-1]

    for seed in range(100):
        draw = random.Random(seed)
        one, two = ("".join(draw.choices("abc", k=draw.randint(0, 12))) for _ in range(2))
        assert common_subsequence(one, two) == slow(one, two)
    assert edit_rates("one two three", "one two three") == (0, 0)
    assert edit_rates("one two three", "one three").words == pytest.approx(1 / 3)
    assert edit_rates("", "x") == (1, 1)
