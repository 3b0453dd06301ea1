"""How many pairs one core distorts in a second: by rules, and by random text augmentation.

Timed in seconds of processor time, so that other programs on the machine do not count.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time

from flamingo_lib.config import DistortionConfig
from flamingo_lib.distortion import distort_sources
from flamingo_lib.records import Sample, Turn
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.scenes.language import conversation, paragraph, text_dialogue
from flamingo_lib.scenes.questions import ask

AT_LEAST = 3000
NO_SHARES = {"llm_visual": 0, "llm_text": 0, "noise": 0, "retrieval": 0}


def polite_samples(count: int) -> list[Sample]:
    """Conversations, detailed descriptions and text-only dialogues, one third each."""
    samples = []
    for index in range(count):
        generator = random.Random(index)
        kind = ("conversation", "detail", "text")[index % 3]
        if kind == "text":
            turns = [text_dialogue(generator)[:2]]
        else:
            scene = draw_scene(0, f"scene-{index}")
            if kind == "detail":
                turns = [("Describe the image in detail.", paragraph(generator, scene))]
            else:
                turns = conversation(generator, scene, [ask(scene, generator), ask(scene, generator)])
        exchanges = tuple(Turn(*turn) for turn in turns)
        images = () if kind == "text" else (f"{index:012d}.jpg",)
        first = exchanges[0]
        samples.append(
            Sample(
                f"polite/{kind}/{index}",
                "polite",
                "instruction",
                images,
                first.instruction,
                first.response,
                turns=exchanges if len(exchanges) > 1 else (),
            )
        )
    return samples


def pairs_per_second(samples: list[Sample], pairs: int, runs: int, **shares: float) -> float:
    """The median over `runs` of pairs by processor second, reading, drawing and gating included."""
    config = DistortionConfig(pairs=pairs, **NO_SHARES | shares)
    rates = []
    for run in range(runs):
        start = time.process_time()
        made = sum(1 for _ in distort_sources(samples, {}, config, seed=run))
        rates.append(made / (time.process_time() - start))
    return statistics.median(rates)


def rows(quick: bool = False) -> dict[str, dict[str, float]]:
    """The benchmark's rows."""
    runs, pairs = (3, 3000) if quick else (7, 10_000)
    samples = polite_samples(pairs)
    found = {
        "distort_rule_pairs_per_s": pairs_per_second(samples, pairs, runs, llm_visual=113, llm_text=76),
        "distort_noise_pairs_per_s": pairs_per_second(samples, pairs, runs, noise=1),
    }
    return {name: {"value": round(value, 1), "at_least": AT_LEAST, "runs": runs} for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller and fewer runs")
    parser.add_argument("--json", help="write the rows here")
    arguments = parser.parse_args()
    found = rows(arguments.quick)
    for name, row in found.items():
        print(f"{name:30} {row['value']:>10,.0f}   at least {row['at_least']:,}   ({row['runs']} runs)")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=2)


if __name__ == "__main__":
    main()
