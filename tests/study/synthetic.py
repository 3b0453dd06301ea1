"""Synthetic predictions: models of known accuracy, politeness and reward, on the same questions."""

from __future__ import annotations

import numpy as np

from flamingo_lib.evaluation.predictions import Prediction
from flamingo_lib.scenes.questions import QUESTION_TYPES
from flamingo_lib.study.claims import StudyData

POOLS = ("held_in", "held_out", "held_out_source")


def predictions(model, seed, *, questions=160, right=0.8, reward=0.0, polite=1.0, false=0.1, nli=None, rouge=0.5):
    """Answers whose scores have the given means; the same question is easy or hard for every model."""
    hard = np.random.default_rng(seed)
    own = np.random.default_rng([seed, *model.encode()])
    found = []
    for pool in POOLS:
        for number in range(questions):
            difficulty, noise = hard.random(), own.normal(0, 0.3)
            correct = float(difficulty < right)
            scores = {
                "correct": correct,
                "hallucinated": float(hard.random() < false),
                "polite": float(hard.random() < polite),
                "reward": reward + noise,
                "nli": correct if nli is None else float(hard.random() < nli),
                "rouge_l": rouge,
            }
            answer = ("yes", "no", "red", "blue")[number // 8 % 4]
            found.append(
                Prediction(
                    f"{pool}/{number}", model, seed, pool, "scenes", QUESTION_TYPES[number % len(QUESTION_TYPES)],
                    "What is it?", (answer,), "It is red.", scores=scores,
                )
            )  # fmt: skip
    return found


def rewrites(model, seed, *, count=160, reward=1.0, raw=-1.0, unchanged=0.0, false=0.1, clip=25.0, ids=None):
    """Outputs of a rewriter, as stored predictions."""
    hard = np.random.default_rng(seed)
    found = []
    for number in range(count):
        noise = hard.normal(0, 0.5)
        scores = {
            "reward": reward + noise,
            "reward_raw": raw + noise,
            "beats_raw": float(reward > raw),
            "unchanged": float(hard.random() < unchanged),
            "false_addition": float(hard.random() < false),
            "clipscore": clip + noise,
        }
        if ids is None or number < ids:
            found.append(
                Prediction(
                    f"raw/{number}", model, seed, "rewrites", "vqa-v2", "vqa", "What?", ("2",), "Two.", scores=scores
                )
            )
    return found


# means in a world where everything that the paper claims is so
AS_THE_PAPER = {
    "base": {"right": 0.3, "polite": 0.0, "reward": -3.0, "rouge": 0.9},
    "base_4shot": {"right": 0.4, "polite": 0.0, "reward": -3.0, "rouge": 0.9},
    "stage1": {"right": 0.70, "reward": 1.0, "rouge": 0.3},
    "stage2": {"right": 0.80, "reward": 0.2, "rouge": 0.2},
    "stage2_short": {"right": 0.80, "reward": 0.2},
    "stage3": {"right": 0.88, "reward": 0.8, "rouge": 0.1},
    "raw": {"right": 0.81, "reward": -2.0, "polite": 0.0, "rouge": 0.95},
    "unfrozen_lora": {"right": 0.95, "reward": 0.15},
    "unfrozen_vit": {"right": 0.8, "reward": 0.15},
    "low_resolution": {"right": 0.8, "reward": 0.2},
    "filter_none": {"right": 0.7, "false": 0.3},
    "filter_all": {"right": 0.8, "false": 0.1},
    "text_only": {"right": 0.6, "false": 0.4},
    "packing_none": {"right": 0.5},
    "packing_random": {"right": 0.75},
    "no_stage1": {"right": 0.7, "reward": 0.2},
    "twice_epochs": {"right": 0.8, "reward": -0.1},
}


def paper_world():
    """A study of three seeds in that world."""
    stored = {
        (seed, model): predictions(model, seed, **means) for seed in range(3) for model, means in AS_THE_PAPER.items()
    }
    for seed in range(3):
        stored[seed, "rewriter"] = rewrites("rewriter", seed, unchanged=0.12)
        stored[seed, "rewriter_text_only"] = rewrites("rewriter_text_only", seed, false=0.5)
        stored[seed, "rewriter_other_image"] = rewrites("rewriter_other_image", seed, false=0.8, ids=60)
        stored[seed, "rewriter_second_generation"] = rewrites("rewriter_second_generation", seed, reward=1.5, clip=24.4)
    tokens = {"packing_none": 1000.0, "packing_random": 2500.0, "stage2_short": 3000.0}
    facts = {(seed, name): {"supervised_tokens": value} for seed in range(3) for name, value in tokens.items()}
    return StudyData(stored, facts)
