"""The lmms-eval adapter on requests shaped like lmms-eval's; the harness itself where it is installed."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import LlamaConfig

from flamingo_lib.errors import ConfigError, DataError, MissingAsset
from flamingo_lib.evaluation.chat_generator import ChatGenerator
from flamingo_lib.integrations.lmms_eval import FlamingoLmms
from flamingo_lib.integrations.lmms_results import judge_of, run_lmms_eval
from flamingo_lib.loading import load_model, save_model
from flamingo_lib.model import (
    FlamingoConfig,
    FlamingoForConditionalGeneration,
    FlamingoImageProcessor,
    FlamingoProcessor,
)
from flamingo_lib.model.lora import add_lora, load_adapter, lora_state, save_adapter
from flamingo_lib.records import Turn

ROOT = Path(__file__).parents[2]
QUESTIONS = ["Which colour has the circle?", "How many blue squares are there?", "Say something.", "Is it at the top?"]


@pytest.fixture(scope="module")
def folder(tokenizer, tmp_path_factory):
    """A model of two layers with random weights."""
    torch.manual_seed(0)
    config = FlamingoConfig(
        text_config=LlamaConfig(
            vocab_size=320,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=512,
            pad_token_id=0,
            initializer_range=0.4,
        ),
        vision_config={
            "source": "open_clip",
            "embed_dim": 8,
            "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 24, "layers": 1, "head_width": 12},
        },
        num_latents=3,
        resampler_depth=1,
        cross_attention_every=1,
        gate_init=1.0,
        image_token_id=3,
        end_of_chunk_token_id=4,
    )
    processor = FlamingoProcessor(FlamingoImageProcessor(16), tokenizer)
    return save_model(FlamingoForConditionalGeneration(config), processor, tmp_path_factory.mktemp("model") / "model")


@pytest.fixture(scope="module")
def pictures():
    """One picture each for questions 0 and 3, two for 1, none for 2."""
    generator = np.random.default_rng(0)
    drawn = [Image.fromarray(generator.integers(0, 256, (20, 20, 3), np.uint8)) for _ in range(4)]
    return [[drawn[0]], [drawn[1], drawn[2]], [], [drawn[3]]]


@dataclass
class Request:
    """What the adapter reads of lmms-eval's `Instance`."""

    args: tuple


def adapter_of(folder, pictures, **settings) -> FlamingoLmms:
    """The adapter with four documents of task "t"."""
    model = FlamingoLmms(folder, **settings)
    model.task_dict = {"t": {"test": [{"pictures": row} for row in pictures]}}
    return model


def images_of(doc):
    return doc["pictures"]


def asking(settings, questions=QUESTIONS):
    return [Request((text, settings, images_of, index, "t", "test")) for index, text in enumerate(questions)]


def continuing(continuations):
    return [
        Request((question, text, images_of, index, "t", "test"))
        for index, (question, text) in enumerate(zip(QUESTIONS, continuations, strict=True))
    ]


def pairs_of(results):
    """Loss and flag, out of the wrapping that an installed lmms-eval may need."""
    return [getattr(result, "text", result) for result in results]


def test_answers_are_the_models_own_greedy_answers(folder, pictures, tmp_path):
    model = adapter_of(folder, pictures, batch_size=2)
    files = []
    for index, row in enumerate(pictures):
        files.append([str(tmp_path / f"{index}-{number}.png") for number in range(len(row))])
        for picture, file in zip(row, files[-1], strict=True):
            picture.save(file)
    expected = ChatGenerator(*load_model(folder), max_new_tokens=6).ask(QUESTIONS, files)
    assert model.generate_until(asking({"max_new_tokens": 6, "until": []})) == expected
    backwards = model.generate_until(asking({"max_new_tokens": 6})[::-1])
    assert backwards[::-1] == expected


def test_each_request_keeps_its_own_limit_and_stop_strings(folder, pictures):
    model = adapter_of(folder, pictures)
    longest = model.generate_until(asking({"max_new_tokens": 8}))
    stop = longest[0][1]
    mixed = asking({"max_new_tokens": 8, "until": stop})[:1] + asking({"max_new_tokens": 2})[1:]
    answers = model.generate_until(mixed)
    assert answers[0] == longest[0].split(stop)[0].strip()
    assert all(
        whole.startswith(part) and len(part) < len(whole) for whole, part in zip(longest[1:], answers[1:], strict=True)
    )


def test_image_tags_of_a_task_are_no_text(folder, pictures):
    model = adapter_of(folder, pictures)
    tagged = [f"{'<image>' * len(row)}\n{text}" for row, text in zip(pictures, QUESTIONS, strict=True)]
    settings = {"max_new_tokens": 6}
    assert model.generate_until(asking(settings, tagged)) == model.generate_until(asking(settings))


@pytest.mark.parametrize("batch_size", [1, 4])
def test_loss_is_the_mean_over_the_continuation(folder, pictures, batch_size):
    continuations = ["red", "There are 12 blue squares!", "yes", "It is red."]
    results = pairs_of(adapter_of(folder, pictures, batch_size=batch_size).loglikelihood(continuing(continuations)))
    model, processor = load_model(folder, optimize=False)
    for index, (loss, greedy) in enumerate(results):
        turn = Turn(QUESTIONS[index], continuations[index], len(pictures[index]))
        batch = processor(chats=[[turn]], images=[pictures[index]], generation_prompt=False, padding_side="right")
        labels = batch.pop("labels")[0]
        wanted = labels[labels != -100][:-1]  # without the end of the response
        start = int((labels != -100).nonzero()[0])
        with torch.inference_mode():
            logits = model(**batch).logits[0, start - 1 : start - 1 + len(wanted)]
        expected = -logits.log_softmax(dim=-1)[torch.arange(len(wanted)), wanted].mean()
        assert loss == pytest.approx(float(expected), rel=1e-4)
        assert greedy == bool((logits.argmax(dim=-1) == wanted).all())


def test_lora_adapter_is_part_of_the_scored_model(folder, pictures, tmp_path):
    model, _ = load_model(folder, optimize=False)
    torch.manual_seed(1)
    add_lora(model, rank=2, alpha=4)
    with torch.no_grad():
        for weight in lora_state(model).values():
            weight.normal_(std=0.3)
    save_adapter(model, tmp_path / "adapter")
    continuations = ["red", "12", "yes", "no"]
    plain = pairs_of(adapter_of(folder, pictures).loglikelihood(continuing(continuations)))
    merged = pairs_of(
        adapter_of(folder, pictures, adapter=tmp_path / "adapter").loglikelihood(continuing(continuations))
    )
    unmerged = adapter_of(folder, pictures)
    unmerged.model = load_adapter(load_model(folder, optimize=False)[0], tmp_path / "adapter").eval()
    expected = pairs_of(unmerged.loglikelihood(continuing(continuations)))
    assert [loss for loss, _ in merged] == pytest.approx([loss for loss, _ in expected], rel=1e-4)
    assert all(abs(one - other) > 1e-3 for (one, _), (other, _) in zip(plain, merged, strict=True))


def test_sampling_is_said_not_to_be_done(folder, pictures, caplog):
    model = adapter_of(folder, pictures)
    with caplog.at_level(logging.WARNING):
        model.generate_until(asking({"max_new_tokens": 2, "temperature": 0.7}))
        model.generate_until(asking({"max_new_tokens": 2, "temperature": 0, "num_beams": 1}))
    assert sum("answers are greedy" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"dtype": "int8"}, "unknown dtype"), ({"batch_size": "auto"}, "batch_size"), ({"max_new_tokens": 0}, "max_new")],
)
def test_settings_that_cannot_be_used_are_refused(folder, settings, message):
    with pytest.raises(ConfigError, match=message):
        FlamingoLmms(folder, **settings)


def test_bad_documents_are_named(folder, pictures):
    model = adapter_of(folder, [*pictures[:3], ["no-such-picture.png"]])
    with pytest.raises(DataError, match="missing.*t, document 3"):
        model.generate_until(asking({"max_new_tokens": 2}))
    with pytest.raises(DataError, match="question is empty.*t, document 0"):
        model.generate_until(asking({"max_new_tokens": 2}, ["<image>\n"]))
    with pytest.raises(DataError, match="continuation is empty.*t, document 0"):
        model.loglikelihood(continuing([" ", "a", "b", "c"]))
    with pytest.raises(ConfigError, match="acc_mutual_info"):
        model.loglikelihood([Request(("", "yes"))])
    with pytest.raises(ConfigError, match="several rounds"):
        model.generate_until_multi_round([])


def task_code(doc, results):
    return {"score": 1.0}


@pytest.mark.parametrize(
    ("metric", "config", "judge"),
    [
        ("exact_match", {"output_type": "generate_until", "metric_list": [{"metric": "exact_match"}]}, "exact"),
        ("acc", {"output_type": "multiple_choice", "metric_list": [{"metric": "acc"}]}, "none (probabilities)"),
        ("anls", {"output_type": "generate_until", "metric_list": [{"metric": "anls"}]}, "none (formula anls)"),
        ("score", {"process_results": task_code}, "none (task code test_lmms_eval.task_code)"),
    ],
)
def test_judge_of_a_metric(metric, config, judge):
    assert judge_of(metric, config) == judge


def test_language_model_behind_task_code_is_named():
    import types

    names = {"MODEL_VERSION": "some-judge-4", "get_server": types.SimpleNamespace(__module__="lmms_eval.llm_judge.x")}
    code = types.FunctionType(task_code.__code__, names | {"__name__": "utils"}, "process_results")
    assert judge_of("score", {"process_results": code}) == "some-judge-4, by task code utils.process_results"


@pytest.mark.skipif(find_spec("lmms_eval") is not None, reason="lmms-eval is installed")
def test_missing_harness_is_said(folder):
    with pytest.raises(MissingAsset, match=r"docs/lmms_eval\.md"):
        run_lmms_eval(folder, ["local_vqa"])


@pytest.mark.skipif(find_spec("lmms_eval") is None, reason="lmms-eval is not installed: docs/lmms_eval.md tells how")
def test_harness_scores_the_local_tasks(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    examples, out = ROOT / "docs" / "examples" / "lmms_eval", tmp_path / "scores.json"
    result = run_lmms_eval(
        "openflamingo-tiny", ["local_vqa", "local_vqa_choice"], include_path=examples, nli="tiny", out=out
    )
    assert json.loads(out.read_text("utf-8")) == result
    scores = {(score["task"], score["metric"]): score for score in result["scores"]}
    assert set(scores) == {
        ("local_vqa", "exact_match"),
        ("local_vqa_choice", "acc"),
        ("local_vqa", "nli_entailed"),
    }
    assert {score["judge"] for score in scores.values()} == {"exact", "none (probabilities)", "NLI tiny"}
    for score in scores.values():
        assert score["samples"] == 7 and 0 <= score["value"] <= 1
        assert score["lmms_eval"] == result["lmms_eval"] and score["model_hash"] and score["judge_version"]
        assert score["task_version"] == "1.0"
    with pytest.raises(ConfigError, match="no task 'no-such-task'"):
        run_lmms_eval("openflamingo-tiny", ["no-such-task"], include_path=examples)
