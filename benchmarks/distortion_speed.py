"""How many pairs one core distorts in a second: by rules, and by random text augmentation.

Run `python benchmarks/distortion_speed.py [--quick] [--json FILE]`; `benchmarks/sources.py` includes these rows.
"""

from __future__ import annotations

import random
import time

from harness import Row, main

from flamingo_lib.config import DistortionConfig
from flamingo_lib.distortion import distort_sources
from flamingo_lib.records import Sample, Turn
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.scenes.language import conversation, paragraph, text_dialogue
from flamingo_lib.scenes.questions import ask

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


def pairs_per_second(count: int, **shares: float) -> float:
    """Pairs by second of processor time; reading, drawing of commands and gating included."""
    samples = polite_samples(count)
    config = DistortionConfig(pairs=count, **NO_SHARES | shares)
    start = time.process_time()
    made = sum(1 for _ in distort_sources(samples, {}, config, seed=0))
    return made / (time.process_time() - start)


def rules(quick: bool) -> float:
    """The first way, with the offline backend."""
    return pairs_per_second(3000 if quick else 10_000, llm_visual=113, llm_text=76)


def noise(quick: bool) -> float:
    """The second way."""
    return pairs_per_second(3000 if quick else 10_000, noise=1)


ROWS = [
    Row("distort_rule_pairs_per_s", "pairs distorted by rules in a second of one core", rules, at_least=3000, runs=5),
    Row(
        "distort_noise_pairs_per_s",
        "pairs distorted by random noise in a second of one core",
        noise,
        at_least=3000,
        runs=5,
    ),
]

if __name__ == "__main__":
    main(ROWS)
