"""The smallest run that goes through every part: minutes on one core, its figures mean nothing.

The test of the whole pipeline and the notebooks under nbval share its folder, so that every step is done once.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
RUN = ROOT / ".cache" / "miniature"
PRESET, SEED = "tiny", 0

SETTINGS = (
    "scenes.polite_scenes=60",
    "scenes.raw_scenes=40",
    "scenes.calibration_scenes=8",
    "scenes.evaluation_scenes=24",
    "scenes.held_out_scenes=12",
    "scenes.held_out_source_questions=8",
    "scenes.text_dialogues=60",
    "distortion.pairs=160",
    "rewriter.max_steps=6",
    "rewriting.limit_per_source=16",
    "rewriting.max_new_tokens=60",
    "stages.stage1.max_steps=3",
    "stages.stage2.max_steps=3",
    "stages.stage3.max_steps=2",
    "stages.raw.max_steps=3",
    "evaluation.questions=24",
    "evaluation.held_out_questions=16",
    "evaluation.held_out_source_questions=8",
    "evaluation.texts=6",
    "evaluation.max_new_tokens=24",
)
