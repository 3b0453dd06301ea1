"""Every widget over the shipped base model or small made-up records: the same in the kernel and in the test."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image

from flamingo_lib import widgets
from flamingo_lib.config import FiltersConfig
from flamingo_lib.judges.panel import Judges
from flamingo_lib.presets import load_preset
from flamingo_lib.records import Box, Rewrite, Sample, Verdict
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.scenes.render import render
from flamingo_lib.serving.flamingo_backend import FlamingoBackend
from flamingo_lib.training.resource_plan import known_config
from flamingo_lib.widgets.answers import answers_by_model
from flamingo_lib.widgets.scene_editor import build_scene
from flamingo_lib.widgets.threshold_explorer import Scored
from tests.serving.fakes import EchoBackend
from tests.widgets.test_answers import prediction
from tests.widgets.test_generations import example
from tests.widgets.test_windows import Tokenizer, samples

BASE = "openflamingo-tiny"
SCENE = build_scene({0: ("ring", "red", "small"), 5: ("star", "blue", "large")})
COLOURS = {"a.png": "tan", "b.png": "steelblue"}


@cache
def base() -> FlamingoBackend:
    """The shipped base model, read once."""
    return FlamingoBackend.load(BASE)


def ask_the_scene() -> widgets.AskTheScene:
    model = widgets.SceneModel(BASE, prompt="openflamingo")
    return widgets.AskTheScene({"base": model, "curt": lambda scene, question: "red"}, lengths)


def lengths(instructions, responses):
    return np.array([float(len(text)) for text in responses])


def colours(sample):
    return [Image.new("RGB", (120, 120), COLOURS[path]) for path in sample.images]


def scene_editor() -> widgets.SceneEditor:
    return widgets.SceneEditor(SCENE, "There is a red ring. There is a green star.")


def distortion_bench() -> widgets.DistortionBench:
    exchanges = [
        ("What color is the ring?", "The ring is red. It is at the top left."),
        ("And the star?", "It is blue."),
    ]
    return widgets.DistortionBench(exchanges, lambda drafts: [min(1.0, len(text) / 50) for text in drafts])


def attention_viewer() -> widgets.AttentionViewer:
    weights = np.random.default_rng(0).dirichlet(np.ones(36), (3, 2, 4))
    tokens = ["<image>", "What", " color", "?"]
    return widgets.AttentionViewer(render(SCENE), tokens, [1, 1, 1, 0], weights, token=2)


def rewrite_bench() -> widgets.RewriteBench:
    drafts = [
        Sample("vqa-v2/1", "vqa-v2", "vqa", ("a.png",), "What color is the ring?", "red"),
        Sample("vqa-v2/2", "vqa-v2", "vqa", ("b.png",), "What color is the star?", "blue"),
    ]
    judges = Judges(nli=lambda questions, originals, rewrites: np.array([[0.0, 1.0, -5.0]]), reward=lengths)
    return widgets.RewriteBench(write, drafts, colours, judges)


def write(sample, images, temperature, seed):
    seen = ", ".join(str(image.getpixel((0, 0))) for image in images)
    time.sleep(0.2)
    return f"The answer is {sample.raw}; seen: {seen or 'nothing'}; temperature {temperature}, draw {seed}."


def inspector() -> widgets.Inspector:
    def record(number: int, keep: bool) -> Rewrite:
        boxes = (Box("ring", 0.2, 0.2, 0.6, 0.6),)
        sample = Sample(f"vqa-v2/{number}", "vqa-v2", "vqa", ("a.png",), f"question {number}?", "red", boxes=boxes)
        verdicts = (Verdict(keep, "nli", 0.5, 0.0, "because"),)
        return Rewrite(sample, f"The ring number {number} is red.", verdicts=verdicts)

    return widgets.Inspector([record(1, True), record(2, False), record(3, True)], colours)


def threshold_explorer() -> widgets.ThresholdExplorer:
    records = [Scored(f"raw {n}", f"answer {n}", {"nli": n - 5.0}, {"nli": n >= 7}) for n in range(10)]
    records.append(Scored("caption", "A ring.", {"sts": 0.5, "clip": 20.0}, {"sts": False, "clip": True}))
    return widgets.ThresholdExplorer(records, FiltersConfig())


def window_viewer() -> widgets.WindowViewer:
    return widgets.WindowViewer(samples(), Tokenizer(), context_lengths=(12, 16, 20), max_images=2)


def answers(models: tuple[str, str], count: int = 9):
    said = (("The ring is red.", "blue"), ("It is blue.", "red"))
    stored = [
        prediction(number, model, said[which][number % 2], number % 2 == which, kind=("color", "shape")[number % 2])
        for which, model in enumerate(models)
        for number in range(count)
    ]
    return answers_by_model(stored), lambda _: [Image.new("RGB", (48, 48), "tan")]


def stage_diff() -> widgets.StageDiff:
    return widgets.StageDiff(*answers(("stage1", "stage2")))


def answer_browser() -> widgets.AnswerBrowser:
    return widgets.AnswerBrowser(*answers(("stage3", "raw"), 18))


def generation_viewer() -> widgets.GenerationViewer:
    return widgets.GenerationViewer([example(number, gain) for number, gain in enumerate((0.1, 0.9, -0.8))])


def cost_viewer() -> widgets.CostViewer:
    paper = load_preset("paper")
    stages = {name: paper.stages[name] for name in ("stage2", "stage1")}
    return widgets.CostViewer(stages, paper.model, config=known_config("openflamingo-9b"))


def chat_bench() -> widgets.ChatBench:
    shelf = {name: render(draw_scene(0, f"chat/{name}", count=2)) for name in ("first", "second")}
    models = {"base": base(), "echo": EchoBackend(0.02)}
    return widgets.ChatBench(models, shelf, [("What color is the ring?", ["first"])], max_new_tokens=12)


def verdict_recorder() -> widgets.VerdictRecorder:
    samples = [
        Sample(f"vqa-v2/{n}", "vqa-v2", "vqa", ("a.png",), f"What color is ring {n}?", "red") for n in range(1, 4)
    ]
    said = ("It is red.", "It is blue.", "It is red, I think.")
    return widgets.VerdictRecorder(
        [(Rewrite(sample, text), "red" in text) for sample, text in zip(samples, said, strict=True)], colours
    )


BENCHES: dict[str, Callable] = {
    "AskTheScene": ask_the_scene,
    "SceneEditor": scene_editor,
    "DistortionBench": distortion_bench,
    "AttentionViewer": attention_viewer,
    "RewriteBench": rewrite_bench,
    "Inspector": inspector,
    "ThresholdExplorer": threshold_explorer,
    "WindowViewer": window_viewer,
    "StageDiff": stage_diff,
    "AnswerBrowser": answer_browser,
    "GenerationViewer": generation_viewer,
    "CostViewer": cost_viewer,
    "ChatBench": chat_bench,
    "VerdictRecorder": verdict_recorder,
}
"""What makes each widget, by its class."""
