"""The table of claims: what the paper found, and what the study must show of it (docs/method.md, section 6).

The paper's values: figures 6 (medians), 8, 9 (means), 11, table 3; `paper` is None where it only says something. Two
models count as about equal if the interval of their difference lies within `ACCURACY_MARGIN` or `REWARD_MARGIN`; that
is the rule wherever the paper's own difference is smaller than `SMALL` of each.
"""

from __future__ import annotations

import numpy as np

from ..evaluation.selection import SHORT
from ..scenes.questions import QUESTION_TYPES
from .claims import Claim, Rule, above_commonest, best_of, difference, fact_ratio, kendall_tau_a, scores_of

ACCURACY_MARGIN, REWARD_MARGIN = 0.03, 0.25
"""Differences of accuracy, and of mean reward, that count as about equal."""

SMALL = {"accuracy": 0.01, "reward": 0.1}
"""Differences of the paper below which we read its two models as about equal."""

IN, PAIRS, SOURCES = "held_in", "held_out", "held_out_source"
POOL_WORDS = {IN: "held-in accuracy", PAIRS: "accuracy on unseen pairs", SOURCES: "accuracy on held-out sources"}
REWRITES = "rewrites"
"""The pool of a rewriter's stored outputs."""

RANKED = ("base", "stage1", "stage2", "stage3", "raw")
"""Models of different styles that the judges of answers have to rank."""

UP, DOWN = Rule("above"), Rule("below")


def accuracy(
    name: str, group: str, models: tuple[str, str], pool: str, rule: Rule, paper: float | None = None
) -> Claim:
    """A difference of accuracy."""
    text = f"{_named(models[0])} against {_named(models[1])}: {POOL_WORDS[pool]}"
    keys = tuple(f"stages.{model}.{pool}_accuracy" for model in models)
    tables = scores_of(models, pool, "correct")
    return Claim(f"{name}.{pool}", group, text, rule, models, tables, difference, paper=paper, metrics=keys)


def shown(
    score: str,
    name: str,
    group: str,
    models: tuple[str, str],
    rule: Rule,
    words: str,
    paper: float | None = None,
    pool: str = IN,
) -> Claim:
    """A difference of any other score, by default on the held-in questions."""
    key = {"reward": f"{pool}_reward_mean"}.get(score, score)
    keys = () if pool == REWRITES else tuple(f"stages.{model}.{key}" for model in models)
    text = f"{_named(models[0])} against {_named(models[1])}: {words}"
    tables = scores_of(models, pool, score, part=pool == REWRITES)
    return Claim(f"{name}.{score}", group, text, rule, models, tables, difference, paper=paper, metrics=keys)


def as_the_paper(value: float, unit: str) -> Rule:
    """The rule of an ablation: the paper's sign, or about equal where its difference is small."""
    if abs(value) < SMALL[unit]:
        return Rule("within", ACCURACY_MARGIN if unit == "accuracy" else REWARD_MARGIN)
    return UP if value > 0 else DOWN


def _named(model: str) -> str:
    return NAMES.get(model, model.replace("_", " "))


NAMES = {
    "stage1": "stage 1",
    "stage2": "stage 2",
    "stage3": "stage 3",
    "raw": "stage 2 on raw annotations",
    "rewriter_text_only": "the rewriter without the image",
    "rewriter_other_image": "the rewriter with another image",
    "rewriter_second_generation": "the second rewriter",
    "text_only": "stage 2 on a text-only rewriter's output",
    "no_stage1": "stage 2 without stage 1",
    "unfrozen_lora": "stage 2 with LoRA unfrozen",
    "unfrozen_vit": "stage 2 with the vision tower unfrozen",
    "twice_epochs": "stage 2 of twice the epochs",
    "low_resolution": "stage 2 at low resolution",
    "packing_none": "stage 2 of single turns",
    "packing_random": "stage 2 of random fill",
    SHORT: "stage 2 of as many updates",
    "filter_none": "no filter",
    "filter_all": "all filters",
}


def rewriting() -> list[Claim]:
    """Rewriting raises reward (figure 6)."""
    group, models = "rewriting raises reward", ("rewriter",)

    def win(columns: np.ndarray) -> np.ndarray:
        return columns[..., 0] - 0.5

    return [
        Claim(
            "rewriting.win_rate", group, "win rate of the rewrite over the raw annotation, less one half", UP, models,
            scores_of(models, REWRITES, "beats_raw"), win,
        ),
        Claim(
            "rewriting.median_reward", group, "median reward of rewrites less that of raw annotations", UP, models,
            scores_of(models, REWRITES, "reward", "reward_raw"), difference, median=True, paper=1.92,
        ),
    ]  # fmt: skip


def understanding() -> list[Claim]:
    """The tuned model understands more than its base; Otter, of the same base, is the paper's nearest comparison."""
    group = "Clever Flamingo understands more than its base"
    base = ("base", "base_4shot")
    return [
        Claim(
            f"understands.{pool}", group, f"stage 3 against its base at the better prompt: {words}", UP,
            (*base, "stage3"), best_of(base, "stage3", pool, "correct"), difference,
            paper=0.146 if pool == SOURCES else None,
            metrics=(f"stages.stage3.{pool}_accuracy", f"base.{pool}_accuracy"),
        )
        for pool, words in POOL_WORDS.items()
    ]  # fmt: skip


def u_shape() -> list[Claim]:
    """Stage 2 buys held-in accuracy and pays for it, stage 3 brings back what it cost (figure 9)."""
    pays = "stage 2 buys held-in accuracy with politeness and held-out accuracy"
    back = "stage 3 brings both back"
    two, three = ("stage2", "stage1"), ("stage3", "stage2")
    return [
        accuracy("stage2_pays", pays, two, IN, UP, 0.032),
        shown("reward", "stage2_pays", pays, two, DOWN, "mean reward", -0.82),
        accuracy("stage2_pays", pays, two, PAIRS, DOWN),
        accuracy("stage2_pays", pays, two, SOURCES, DOWN, -0.012),
        accuracy("stage3_restores", back, three, IN, UP, 0.003),
        shown("reward", "stage3_restores", back, three, UP, "mean reward", 0.58),
        accuracy("stage3_restores", back, three, PAIRS, UP),
        accuracy("stage3_restores", back, three, SOURCES, UP, 0.014),
    ]


def tax() -> list[Claim]:
    """Raw annotations cost politeness at about equal accuracy (figure 9)."""
    group, models = "the tax: raw annotations cost politeness at about equal accuracy", ("raw", "stage2")
    equal = Rule("within", ACCURACY_MARGIN)
    return [
        shown("reward", "tax", group, models, DOWN, "mean reward", -1.01),
        shown("polite", "tax", group, models, Rule("below", -0.5), "share of polite sentences"),
        accuracy("tax", group, models, IN, equal, 0.006),
        accuracy("tax", group, models, PAIRS, equal),
        accuracy("tax", group, models, SOURCES, equal, 0.001),
    ]


ABLATIONS = {
    "no_stage1": (0.000, -0.039, -0.01),
    "unfrozen_lora": (0.014, -0.004, -0.07),
    "unfrozen_vit": (0.001, -0.006, -0.04),
    "twice_epochs": (0.004, -0.025, -0.14),
    "low_resolution": (-0.002, -0.005, 0.03),
}
"""Ablations of stage 2 in figure 9, less stage 2: held-in accuracy, held-out accuracy, mean reward."""


def ablations() -> list[Claim]:
    """Figure 9's ablations of stage 2."""
    rows = []
    for name, (inside, outside, reward) in ABLATIONS.items():
        group = "no stage 1 costs held-out accuracy" if name == "no_stage1" else "the other ablations of stage 2"
        models = (name, SHORT)
        rows += [
            accuracy(name, group, models, IN, as_the_paper(inside, "accuracy"), inside),
            accuracy(name, group, models, PAIRS, as_the_paper(outside, "accuracy")),
            accuracy(name, group, models, SOURCES, as_the_paper(outside, "accuracy"), outside),
            shown("reward", name, group, models, as_the_paper(reward, "reward"), "mean reward", reward),
        ]
    return rows


def packing() -> list[Claim]:
    """Multi-turn augmentation helps."""
    group, rows = "multi-turn augmentation helps", []
    for name, model in (("random_fill", "packing_random"), ("best_fit", SHORT)):
        models = (model, "packing_none")
        rows += [
            accuracy(f"packing.{name}", group, models, IN, UP),
            accuracy(f"packing.{name}", group, models, PAIRS, UP),
            Claim(
                f"packing.{name}.tokens", group, f"{name.replace('_', ' ')}: supervised tokens over single turns'",
                Rule("above", 1.0), models, fact_ratio(model, "packing_none", "supervised_tokens"),
            ),
        ]  # fmt: skip
    return rows


def filtering(variants: tuple[str, ...]) -> list[Claim]:
    """Filtering lowers hallucination of the tuned model, at equal data size."""
    group, rows = "filtering lowers hallucination of the tuned model (equal data size)", []
    for name in variants:
        models = (f"filter_{name}", "filter_none")
        rows += [
            shown("hallucinated", f"filter.{name}", group, models, DOWN, "answers with a false claim"),
            accuracy(f"filter.{name}", group, models, IN, UP),
        ]
    return rows


def multimodal() -> list[Claim]:
    """A multi-modal rewriter beats a text-only one (figure 5, by examples)."""
    group = "a multi-modal rewriter beats a text-only one"
    text, other = ("rewriter_text_only", "rewriter"), ("rewriter_other_image", "rewriter")
    tuned = ("text_only", SHORT)
    words = "rewrites with a false addition"
    return [
        shown("false_addition", "text_only", group, text, UP, words, pool=REWRITES),
        shown("false_addition", "other_image", group, other, UP, words, pool=REWRITES),
        shown("hallucinated", "text_only", group, tuned, UP, "answers with a false claim"),
        accuracy("text_only", group, tuned, IN, DOWN),
    ]


def second_generation() -> list[Claim]:
    """A rewriter trained from the tuned model (table 3)."""
    group, models = "second generation", ("rewriter_second_generation", "rewriter")

    def row(score: str, rule: Rule, words: str, paper: float) -> Claim:
        return shown(score, "second_generation", group, models, rule, words, paper, pool=REWRITES)

    return [
        row("reward", UP, "mean reward of rewrites", 0.51),
        row("unchanged", DOWN, "share of rewrites left unchanged", -0.1153),
        row("clipscore", DOWN, "mean CLIPScore of descriptions", -0.65),
    ]


def judges() -> list[Claim]:
    """NLI ranks answers as the truth does, Rouge-L does not; and NLI's errors depend on style (figure 11)."""
    group, count = "NLI ranks answers as people do, Rouge-L does not", len(RANKED)

    def split(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        parts = columns.reshape(*columns.shape[:-1], count, 3)
        return parts[..., 0], parts[..., 1], parts[..., 2]

    def nli(columns: np.ndarray) -> np.ndarray:
        true, entailed, _ = split(columns)
        return kendall_tau_a(entailed, true)

    def lead(columns: np.ndarray) -> np.ndarray:
        true, entailed, rouge = split(columns)
        return kendall_tau_a(entailed, true) - kendall_tau_a(rouge, true)

    tables = scores_of(RANKED, IN, "correct", "nli", "rouge_l")
    return [
        Claim("judges.nli", group, "rank agreement of NLI with the truth", UP, RANKED, tables, nli, paper=1.0),
        Claim("judges.lead", group, "rank agreement of NLI less that of Rouge-L", UP, RANKED, tables, lead, paper=0.2),
        *(
            Claim(
                f"judges.style.{model}", group, f"NLI's share of entailed less the truly right: {_named(model)}",
                Rule("within", ACCURACY_MARGIN), (model,), scores_of((model,), IN, "nli", "correct"), difference,
                paper=paper,
            )
            for model, paper in (("base", None), ("stage3", -0.033), ("raw", None))
        ),
    ]  # fmt: skip


def guess_lines() -> list[Claim]:
    """After stage 3 every question type is above its guess line."""
    group = "every question type is above its guess line after stage 3"
    return [
        Claim(
            f"guess.{kind}", group, f"stage 3 against always giving the commonest answer: {kind}", UP, ("stage3",),
            above_commonest("stage3", IN, kind), difference,
        )
        for kind in QUESTION_TYPES
    ]  # fmt: skip


def all_claims(variants: tuple[str, ...]) -> list[Claim]:
    """Every claim, in the order of the report.

    Args:
        variants: chains of filters that are compared with none, by name.
    """
    return [
        *rewriting(), *understanding(), *u_shape(), *tax(), *ablations(), *packing(), *filtering(variants),
        *multimodal(), *second_generation(), *judges(), *guess_lines(),
    ]  # fmt: skip
