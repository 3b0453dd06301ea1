"""A whole set of stored predictions from made-up models, for the report as it looks."""

import numpy as np

from tests.evaluation.synthetic import predicted

MODELS = {  # accuracy held-in, held-out, mean reward, words
    "base": (0.35, 0.30, -2.5, 1),
    "base_4shot": (0.45, 0.38, -2.4, 1),
    "stage1": (0.72, 0.60, 1.6, 22),
    "stage2": (0.88, 0.55, 0.4, 9),
    "stage3": (0.89, 0.63, 1.2, 18),
    "raw": (0.86, 0.56, -2.4, 1),
    "no_stage1": (0.85, 0.45, 0.3, 9),
    "unfrozen_lora": (0.90, 0.52, 0.2, 9),
}
SOURCES = ("vsr", "grid-3d", "ok-vqa")


def made_up(questions=120):
    """Predictions of every pool; the judge is strict with curt answers."""
    found = []
    for number, (model, (inside, outside, reward, words)) in enumerate(MODELS.items()):
        generator = np.random.default_rng(number)
        response = " ".join(["word"] * words) + ("." if words > 3 else "")
        for pool, share in (("held_in", inside), ("held_out", outside), ("held_out_source", outside - 0.1)):
            for index in range(questions):
                correct = generator.random() < share
                sensitivity = 0.6 if words == 1 else 0.95
                entailed = generator.random() < (sensitivity if correct else 0.1)
                scores = {
                    "correct": correct,
                    "nli": entailed,
                    "polite": words > 3,
                    "reward": generator.normal(reward, 0.5 + 0.02 * words),
                    "rouge_l": float(correct) / words * generator.uniform(0.5, 1),
                }
                source = SOURCES[index % 3] if pool == "held_out_source" else "scenes"
                found.append(predicted(model, index, pool=pool, response=response, source=source, **scores))
        for index in range(40):
            source = ("mscoco-captions", "textcaps", "spot-the-diff", "nlvr2")[index % 4]
            scores = {"rouge_l": generator.uniform(0.1, 0.5), "sts": generator.uniform(0.2, 0.9)}
            found.append(predicted(model, index, pool="captions", source=source, response=response, **scores))
    generator = np.random.default_rng(99)
    for name, mean, spread in (("rewriter", -0.2, 0.7), ("rewriter_second_generation", 0.3, 0.5)):
        for index in range(150):
            scores = {
                "reward": generator.normal(mean, spread),
                "reward_raw": generator.normal(-2.4, 0.3),
                "clipscore": generator.normal(24, 2),
                "unchanged": index < (15 if name == "rewriter" else 0),
            }
            found.append(predicted(name, index, pool="rewrites", **scores))
    for name, mean in (("dialogues", 1.4), ("text_dialogues", 1.9)):
        found += [predicted(name, index, pool="data", reward=generator.normal(mean, 0.5)) for index in range(150)]
    return found


CLAIMS = [
    {
        "claim": "stage 2 against stage 1: held-in accuracy",
        "group": "stage 2 buys held-in accuracy with politeness and held-out accuracy",
        "paper": 0.032,
        "ours": 0.16,
        "low": 0.11,
        "high": 0.21,
        "seed_low": 0.05,
        "seed_high": 0.27,
        "holds": True,
        "rule": "the interval lies above 0",
        "seeds": [0, 1, 2, 3, 4],
        "metrics": ["stages.stage2.held_in_accuracy", "stages.stage1.held_in_accuracy"],
    },
    {
        "claim": "stage 2 against stage 1: accuracy on unseen pairs",
        "group": "stage 2 buys held-in accuracy with politeness and held-out accuracy",
        "paper": -0.012,
        "ours": 0.012,
        "low": -0.02,
        "high": 0.045,
        "seed_low": -0.05,
        "seed_high": 0.08,
        "holds": False,
        "reason": "the interval includes 0",
        "seeds": [0, 1, 2, 3, 4],
        "metrics": ["stages.stage2.held_out_accuracy", "stages.stage1.held_out_accuracy"],
    },
    {
        "claim": "mean reward of rewrites",
        "group": "second generation",
        "paper": 0.51,
        "ours": None,
        "low": None,
        "high": None,
        "holds": None,
        "reason": "not run: rewriter_second_generation",
        "seeds": [],
        "metrics": [],
    },
]
RUN = {
    "stages.stage1.held_in_accuracy": 0.70,
    "stages.stage2.held_in_accuracy": 0.88,
    "stages.stage1.held_out_accuracy": 0.60,
    "stages.stage2.held_out_accuracy": 0.50,
}
