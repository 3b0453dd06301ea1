"""Checks of notebook 05: Rouge-L, a threshold, a filter of one's own for the failure zoo, Cohen's kappa."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import numpy as np

from ..judges.rouge import rouge_l, rouge_tokens
from ..scenes.graph import draw_scene
from ..scenes.language import polite
from ..scenes.questions import ask
from ..sources.boxes import BOX_PREAMBLE
from .outcome import call, exercise, number, require, shown

ZOO = {
    "unchanged": "red",
    "repetition": "The ring is red. The ring is red. The ring is red. The ring is red. The ring is red.",
    "preamble": f"The ring is red. {BOX_PREAMBLE}",
    "changed answer": "The ring is blue. It is at the top left.",
    "made up": "The ring is red.\n\nThe photograph was taken in a park, where people enjoy a sunny afternoon.",
}
"""A bad rewrite of the annotation ``"red"`` of each kind that the paper names (docs/method.md, section 3)."""

GOOD = 20


@exercise("05.1")
def ex_05_1(rouge: Callable[[str, str], float]) -> str:
    """Rouge-L F of two texts by dynamic programming.

    Args:
        rouge: from two texts to a score, 0 to 1.
    """
    cases = [
        ("the ring is red", "the ring is red"),
        ("the red ring", "the ring is red"),
        ("red ring", "a blue star"),
        ("The ring is RED.", "the ring, it is red"),
        ("", "red"),
    ]
    random, words = Random(0), "the a ring star red blue is at left".split()
    cases += [tuple(" ".join(random.choices(words, k=random.randint(1, 12))) for _ in "ab") for _ in range(40)]
    for first, second in cases:
        given, expected = number(call(rouge, first, second)), rouge_l(first, second)
        if abs(given - expected) < 1e-6:
            continue
        a, b = rouge_tokens(first), rouge_tokens(second)
        common = expected * (len(a) + len(b)) / 2
        slips = {
            "that divides by one text's words; F is 2 · LCS / (words of a + words of b)": common / max(len(b), 1),
            "that divides by one text's words: F is 2 · LCS / (words of a + words of b)": common / max(len(a), 1),
            "return F, not the length of the subsequence": common,
            "a subsequence keeps the order of the words; you count common ones": (
                2 * sum(min(a.count(word), b.count(word)) for word in set(a)) / max(len(a) + len(b), 1)
            ),
        }
        for hint, wrong in slips.items():
            require(abs(given - wrong) > 1e-6, f"{first!r} and {second!r} give {expected:.3f}, not {given:.3f}: {hint}")
        require(
            False,
            f"{first!r} and {second!r} give {expected:.3f}, not {given:.3f} (lower case, letters and digits only)",
        )
    return f"equal to the library's on {len(cases)} pairs; the library finds the subsequence by bits of integers."


@exercise("05.2")
def ex_05_2(threshold: float, margins: Sequence[float], faulty: Sequence[bool], before: float = 0.0) -> str:
    """NLI threshold with a higher recall, at a loss of at most 2 % of the faithful records.

    Args:
        threshold: records with a larger margin are dropped.
        margins: contradiction less the larger of the other two logits, of each record.
        faulty: whether a rewrite really changed the answer.
        before: the threshold to beat.
    """
    scores, bad = np.asarray(margins, float), np.asarray(faulty, bool)
    require(len(scores) == len(bad) and bad.any() and not bad.all(), "there must be faulty and faithful records")
    recall, loss = _rates(scores, bad, number(threshold))
    old_recall, old_loss = _rates(scores, bad, before)
    told = f"recall {recall:.3f} (before {old_recall:.3f}), loss {loss:.3f} (before {old_loss:.3f})"
    require(loss <= 0.02, f"{told}: more than 2 % of the faithful records go; raise the threshold")
    require(recall > old_recall, f"{told}: recall must rise; lower the threshold, since larger margins are dropped")
    return f"{told}. Say which records you chose it on: on the same ones it looks better than it is."


def _rates(scores: np.ndarray, bad: np.ndarray, threshold: float) -> tuple[float, float]:
    """Recall of the faulty and loss of the faithful where margins over `threshold` are dropped."""
    dropped = scores > threshold
    return float(dropped[bad].mean()), float(dropped[~bad].mean())


@exercise("05.3")
def ex_05_3(keep: Callable[[str, str], bool], kind: str) -> str:
    """A filter for one kind of failure: it catches the bad rewrite and keeps 20 good ones.

    Args:
        keep: from the raw annotation and the rewrite to whether the record stays.
        kind: one of `ZOO`.
    """
    require(kind in ZOO, f"kinds are {', '.join(ZOO)}; this is {shown(kind)}")
    caught = call(keep, "red", ZOO[kind])
    require(isinstance(caught, (bool, np.bool_)), f"return True to keep or False to drop, not {shown(caught)}")
    require(not caught, f"it keeps {shown(ZOO[kind])}, a rewrite of 'red'")
    lost = []
    for index in range(GOOD):
        random = Random(100 + index)
        scene = draw_scene(5, f"exercise/{index}", count=3)
        question = ask(scene, random)
        good = polite(random, scene, question)
        if not call(keep, question.answer, good):
            lost.append(f"{question.answer!r} → {good!r}")
    require(not lost, f"it drops {len(lost)} of {GOOD} good rewrites; one of them is {lost[0] if lost else ''}")
    return f"the {kind} is caught, and all {GOOD} good rewrites stay."


@exercise("05.4")
def ex_05_4(kappa: Callable[[list[bool], list[bool]], float]) -> str:
    """Cohen's kappa: agreement of two raters beyond chance.

    Args:
        kappa: from two lists of verdicts to the coefficient.
    """
    random = Random(3)
    cases = [([True] * 8 + [False] * 12, [True] * 6 + [False] * 14)]
    cases += [
        ([random.random() < 0.7 for _ in range(20)], [random.random() < 0.6 for _ in range(20)]) for _ in range(9)
    ]
    for first, second in cases:
        given = number(call(kappa, list(first), list(second)))
        agreed = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
        one, two = sum(first) / len(first), sum(second) / len(second)
        chance = one * two + (1 - one) * (1 - two)
        expected = (agreed - chance) / (1 - chance)
        require(
            abs(given - agreed) > 1e-6 or abs(given - expected) < 1e-6,
            f"{given:.3f} is plain agreement; kappa takes away what two raters agree on by chance, here {chance:.3f}",
        )
        require(
            abs(given - (agreed - chance)) > 1e-6 or abs(given - expected) < 1e-6,
            "divide by what was left to agree on beyond chance, 1 less the chance agreement",
        )
        require(
            abs(given - expected) < 1e-6,
            f"agreement {agreed:.3f}, chance {chance:.3f}: kappa {expected:.3f}, not {given:.3f}",
        )
    return "1 is full agreement, 0 no more than chance; with ten verdicts its interval is wide."
