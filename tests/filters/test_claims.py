"""The claims filter with a judge that compares words, so that every verdict can be worked out by hand."""

import numpy as np
import pytest

from flamingo_lib.config import FiltersConfig
from flamingo_lib.filters.chain import Chain
from flamingo_lib.filters.claims import ClaimsFilter, content_words, draft_statements, is_courtesy, repeated
from flamingo_lib.judges.panel import Judges
from flamingo_lib.records import Box, Sample
from flamingo_lib.sources.boxes import captions_and_boxes

from .helpers import rewrite

RING, STAR = Box("red ring", 0.02, 0.03, 0.3, 0.3), Box("black star", 0.7, 0.7, 0.85, 0.85)
FINE = "There are two objects in the image. At the top left, there is a large red ring."


class WordsJudge:
    """Entailment if all words of the hypothesis stand in the premise, contradiction if just one does not."""

    def __init__(self):
        self.pairs = []

    def statements(self, premises, hypotheses):
        self.pairs += zip(premises, hypotheses, strict=True)
        missing = [len(content_words(b) - content_words(a)) for a, b in zip(premises, hypotheses, strict=True)]
        return np.array([[0, 9, 0] if not n else [9, 0, 0] if n == 1 else [0, 0, 9] for n in missing]).reshape(-1, 3)


def described(text, raw="a red ring", boxes=(RING, STAR), task="caption"):
    sample = Sample("s/1", "s", task, ("a.png",), "Describe it.", raw, tuple(boxes))
    return rewrite(text).__class__(sample, text)


def verdict(text, unstated=0.0, **options):
    return ClaimsFilter(WordsJudge().statements, unstated=unstated)([described(text, **options)])[0].verdict


def test_a_description_that_the_boxes_state_is_kept():
    found = verdict(f"Sure! {FINE} I hope this helps! Would you like to know more?")
    assert found.keep and found.filter == "claims" and found.score > 0.99 and found.threshold == 0.5


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("There are three objects in the image.", "speaks against 'There are three"),
        ("At the top left, there is a large blue ring.", "speaks against 'At the top left"),
        (f"{FINE} A small cyan square is at the middle right.", "1 of 3 sentences are not in the draft"),
        (f"{FINE} The top left shows a large red ring.", "says twice: 'The top left shows"),
        (f"{FINE} There is a red ring at the bottom.", "says twice: 'red ring'"),
        ("I hope this helps!", "claims nothing"),
    ],
)
def test_faults_are_dropped_with_their_sentence(text, why):
    found = verdict(text)
    assert not found.keep and why in found.reason


def test_a_share_of_sentences_may_be_unstated():
    text = f"{FINE} A small cyan square is at the middle right."
    assert verdict(text, unstated=0.4).keep and not verdict(text, unstated=0.3).keep
    filter = ClaimsFilter(WordsJudge().statements, unstated=0.0, by_task={"caption": 0.4})
    assert filter([described(text)])[0].verdict.keep


def test_a_change_must_be_told():
    options = {"raw": "red ring gone", "boxes": (), "task": "change"}
    assert verdict("The red ring gone.", **options).keep
    assert verdict("The small red ring that stood here is gone.", **options).keep, "it may say more than the draft"
    found = verdict("The red ring.", **options)
    assert not found.keep and "does not tell the change" in found.reason


def test_boxes_are_read_from_the_draft_where_the_sample_has_none():
    sample = described("", raw=captions_and_boxes(["a red ring", "a ring"], [RING, STAR]), boxes=()).sample
    statements = draft_statements(sample)
    assert statements[:2] == ["a red ring", "a ring"]
    assert "There is a large red ring at the top left." in statements
    assert "There are two objects in the image." in statements
    region = described("", raw="the ring", boxes=(RING,), task="region").sample
    assert draft_statements(region) == ["the ring", "There is a large red ring at the top left."]


def test_batches_ask_once_and_agree_with_single_records():
    texts = [FINE, "There are three objects in the image.", FINE]
    judge = WordsJudge()
    together = ClaimsFilter(judge.statements)([described(text) for text in texts])
    assert len(judge.pairs) == len(set(judge.pairs))
    assert [outcome.verdict for outcome in together] == [verdict(text, unstated=0.25) for text in texts]
    assert ClaimsFilter(judge.statements)([]) == []


def test_a_judge_without_numbers_fails_on_its_record_alone():
    def sick(premises, hypotheses):
        return np.array([[np.nan] * 3 if "blue" in text else [0.0, 9.0, 0.0] for text in hypotheses])

    good, bad = ClaimsFilter(sick)([described(FINE), described("A blue ring.")])
    assert good.verdict.keep and not bad.verdict.keep and "not finite" in bad.verdict.reason


def test_the_chain_keeps_the_scores_and_leaves_answers_alone():
    chain = Chain(FiltersConfig(chain=("claims",)), Judges(nli=WordsJudge()))
    told, answer = chain([described(FINE), rewrite("The ring is blue.")])
    assert [row[2] for row in told.scores["claims"]] == FINE.replace(". ", ".|").split("|")
    assert answer.verdicts == () and answer.kept


def test_courtesies_and_repeats():
    assert is_courtesy("Sure!") and is_courtesy("What else?") and is_courtesy("Let me know if you need more help.")
    assert not is_courtesy("There is a dog.") and not is_courtesy("Of course, there is a red ring on the left.")
    assert repeated("A dog runs. A dog runs!", ()) == "A dog runs!"
    assert repeated("A red ring at the top left. A red star at the top right.", ()) == ""
    assert repeated("A red ring here. Another red ring there.", (RING, RING)) == ""
