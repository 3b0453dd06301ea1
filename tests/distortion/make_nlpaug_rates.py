"""Writes `nlpaug_rates.json`: how strongly NLPAUG's random operators edit a fixed set of texts.

Run once, with `pip install nlpaug gdown`, when the texts or the rates change; the test only reads the file.
"""

from __future__ import annotations

import json
import random
import statistics
from pathlib import Path

import numpy as np

RATES = {"word_rate": 0.3, "character_rate": 0.3, "rate": 0.3}
DRAWS = 40
TEXTS = [
    "The image shows a small red circle at the top left and a large blue square in the center of the picture.",
    "Of course! There are three people in the kitchen, and one of them is cooking soup. I hope this helps!",
    "Yes, the man on the left is wearing a green jacket.",
    (
        "A bus drives along a wet street. Several cars follow it, and a cyclist waits at the traffic light. The sky "
        "is grey."
    ),
    "The capital of France is Paris, which lies on the river Seine.",
    "No, I cannot see any dogs in this photo. There is only a cat sleeping on the chair near the window.",
    (
        "In this scene, two children are playing football on a green field while their parents watch from a bench "
        "under old trees."
    ),
    "Water boils at one hundred degrees at sea level. Higher up, the pressure falls, and water boils earlier.",
]


def operators():
    """name -> function of a text, with NLPAUG's own counting (at most ten edits, words of four letters or more)."""
    import nlpaug.augmenter.char as nac
    import nlpaug.augmenter.word as naw

    found = {}
    for action in ("insert", "substitute", "swap", "delete"):
        found[f"characters:{action}"] = nac.RandomCharAug(
            action=action, aug_word_p=RATES["word_rate"], aug_char_p=RATES["character_rate"]
        )
    for action in ("delete", "swap", "crop"):
        found[f"words:{action}"] = naw.RandomWordAug(action=action, aug_p=RATES["rate"])
    return found


def main() -> None:
    from flamingo_lib.distortion.edit_rates import edit_rates

    random.seed(0)
    np.random.seed(0)
    rows = {}
    for name, operator in operators().items():
        rates = [edit_rates(text, operator.augment(text)[0]) for text in TEXTS for _ in range(DRAWS)]
        rows[name] = {
            level: {"mean": round(statistics.mean(values), 5), "sd": round(statistics.stdev(values), 5)}
            for level, values in (
                ("words", [rate.words for rate in rates]),
                ("characters", [rate.characters for rate in rates]),
            )
        }
        print(name, rows[name])
    import nlpaug

    value = {"nlpaug": nlpaug.__version__, "rates": RATES, "draws": DRAWS, "texts": TEXTS, "operators": rows}
    Path(__file__).with_name("nlpaug_rates.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
