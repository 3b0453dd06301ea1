"""Training other models as rewriters: labels are the response and its end, the loss reads the image, runs resume."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image

from flamingo_lib.config import DistortionConfig, ModelConfig, RewritingConfig, StageConfig
from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.media import IGNORE_INDEX
from flamingo_lib.records import Conversation, Sample, Turn, to_json
from flamingo_lib.rewriting.backends.chat_format import ChatFormat
from flamingo_lib.rewriting.backends.prompt import REWRITE_PROMPT
from flamingo_lib.rewriting.backends.settings import BackendConfig
from flamingo_lib.rewriting.backends.transformers import TransformersRewriter
from flamingo_lib.rewriting.job import run_job
from flamingo_lib.rewriting.pictures import Pictures
from flamingo_lib.rewriting.shards import read_shards
from flamingo_lib.training.vlm.examples import VlmDataset, make_example, read_pairs
from flamingo_lib.training.vlm.labels import VlmCollator, check_lengths
from flamingo_lib.training.vlm.run import train_vlm
from tests.tiny_vlms import ARCHITECTURES, make_vlm, save_vlm
from tests.vlm_fixtures import COLORS

STAGE = StageConfig(max_steps=3, batch_size=4, micro_batch_size=2, learning_rate=0.01, warmup_steps=0)
LORA = ModelConfig(lora_rank=4, lora_alpha=8)
ENDS = {"idefics3": "<end_of_utterance>", "qwen2.5-vl": "<|im_end|>", "llava-onevision": "<|im_end|>",
        "gemma3": "<end_of_turn>"}  # fmt: skip


@pytest.fixture(scope="module", params=ARCHITECTURES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def parts(name):
    model, processor = make_vlm(name)
    return model, ChatFormat(processor)


def collated(chat, conversations, indices):
    examples = [make_example(chat, REWRITE_PROMPT, conversations[index]) for index in indices]
    return VlmCollator(chat, 1024)(examples)


def test_labels_decode_to_the_response_and_its_end(name, parts, conversations):
    _, chat = parts
    for indices in ((0, 1, 4), (2, 6), (3, 7)):
        batch = collated(chat, conversations, indices)
        for row, index in enumerate(indices):
            labels = batch["labels"][row]
            text = chat.tokenizer.decode(labels[labels != IGNORE_INDEX])
            assert text.removeprefix(" ") == conversations[index].turns[0].response + ENDS[name]
            assert (batch["input_ids"][row] == labels)[labels != IGNORE_INDEX].all()
            images = torch.isin(batch["input_ids"][row], torch.tensor(sorted(chat.image_token_ids)))
            assert images.any() == bool(conversations[index].images) and (labels[images] == IGNORE_INDEX).all()


def test_what_is_trained_on_is_what_rewriting_reads(parts, conversations):
    _, chat = parts
    batch = collated(chat, conversations, [0])
    example = make_example(chat, REWRITE_PROMPT, conversations[0])
    images = [[Image.open(file) for file in example.images]]
    prompt = chat.encode([example.prompt], images, "left")["input_ids"][0]
    first = int((batch["labels"][0] != IGNORE_INDEX).nonzero()[0])
    assert batch["input_ids"][0, :first].tolist() == prompt.tolist()


def test_masking_the_image_changes_the_loss(parts, conversations):
    model, chat = parts
    batch = collated(chat, conversations, [0, 1])
    with torch.no_grad():
        loss = model(**batch).loss
        blind = model(**batch | {"pixel_values": torch.full_like(batch["pixel_values"], 0.5)}).loss
    assert loss.isfinite() and abs(float(loss - blind)) > 1e-4


def test_three_steps_then_a_job_with_what_was_saved(name, root, conversations, tmp_path):
    base = save_vlm(name, tmp_path / "base")
    result = train_vlm(str(base), STAGE, conversations, tmp_path / "out", seed=1, model_config=LORA, cpu=True)
    assert result.steps == 3 and result.examples == 10 and result.trained_parameters > 0
    assert result.curve[-1][1] < result.curve[0][1]
    assert json.loads((tmp_path / "out" / "training.json").read_text())["steps"] == 3
    assert not (tmp_path / "out.work").exists()
    samples = [
        Sample(f"vqa/{i}", "vqa", "vqa", (f"{i % 4}.png",), "What color is it?", COLORS[i % 4]) for i in range(24)
    ]
    config = RewritingConfig(batch_size=8, max_new_tokens=6)
    texts = {}
    for folder in ("base", "out"):
        rewriter = TransformersRewriter.load(tmp_path / folder, Pictures(root), config)
        out = tmp_path / f"job-{folder}"
        run_job(lambda: samples, lambda work=rewriter: lambda given, tick: work.rewrite(given, tick), out, identity={})
        texts[folder] = [rewrite.output for rewrite in read_shards(out)]
    assert len(texts["out"]) == 24 and all(texts["out"]) and texts["out"] != texts["base"]


def test_an_interrupted_training_ends_with_the_same_weights(smolvlm, conversations, tmp_path, monkeypatch):
    from safetensors.torch import load_file

    from flamingo_lib.training.trainer import StageProgress

    def train(out):
        train_vlm(str(smolvlm), STAGE, conversations, out, seed=1, model_config=LORA, cpu=True, save_every=1)

    train(tmp_path / "whole")
    step_end = StageProgress.on_step_end

    def stop(self, args, state, control, **more):
        step_end(self, args, state, control, **more)
        if state.global_step == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(StageProgress, "on_step_end", stop)
        train(tmp_path / "out")
    assert not (tmp_path / "out").exists() and (tmp_path / "out.work").exists()
    with pytest.raises(ConfigError, match="seed"):
        train_vlm(str(smolvlm), STAGE, conversations, tmp_path / "out", seed=2, model_config=LORA, cpu=True)
    train(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "training.json").read_text())["resumed_from"] == 2
    one, other = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("whole", "out"))
    assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_merged_model_writes_as_the_adapter_does(smolvlm, root, conversations, tmp_path):
    texts = []
    for merge in (False, True):
        out = tmp_path / f"merge-{merge}"
        train_vlm(str(smolvlm), STAGE, conversations, out, seed=1, model_config=LORA, cpu=True, merge=merge)
        rewriter = TransformersRewriter.load(out, Pictures(root), RewritingConfig(max_new_tokens=6))
        samples = [Sample("vqa/1", "vqa", "vqa", ("1.png",), "What color is it?", "red")]
        texts.append([rewrite.output for rewrite in rewriter.rewrite(samples)])
        assert (out / "model.safetensors").exists() == merge
    assert texts[0] == texts[1]


def test_micro_batches_hold_equally_many_images(conversations, parts):
    _, chat = parts
    examples = [make_example(chat, REWRITE_PROMPT, conversation) for conversation in conversations]
    dataset = VlmDataset(examples, StageConfig(epochs=2, batch_size=4, micro_batch_size=2), seed=3)
    rows = [dataset[index] for index in range(len(dataset))]
    for start in range(0, len(rows), 2):
        assert len({len(row.images) for row in rows[start : start + 2]}) == 1
    first = rows[: dataset.batches * 2]
    assert {row.id for row in first} == {example.id for example in examples}
    again = VlmDataset(examples, StageConfig(epochs=2, batch_size=4, micro_batch_size=2), seed=3)
    assert [again[index].id for index in (5, 0, 17)] == [rows[index].id for index in (5, 0, 17)]


def test_pairs_of_a_file_are_read(root, tmp_path):
    from flamingo_lib.records import Pair

    pair = Pair("vqa/1", "vqa", ("1.png",), "What color is it?", "red", "It is red.", "noise")
    (tmp_path / "pairs.jsonl").write_text(json.dumps(to_json(pair)) + "\n")
    config = DistortionConfig(image_dropped=0, image_mismatched=0)
    (conversation,) = read_pairs(tmp_path / "pairs.jsonl", root, config, 0)
    assert conversation.turns == (Turn("What color is it?", "It is red.", images=1, draft="red"),)


def test_what_cannot_be_trained_on_is_refused(smolvlm, root, conversations, tmp_path):
    def train(turn, images=(), **options):
        given = [Conversation("bad", (turn,), images)]
        train_vlm(
            str(smolvlm), STAGE, given, tmp_path / "out", **{"seed": 1, "model_config": LORA, "cpu": True} | options
        )

    with pytest.raises(DataError, match="no pair for a rewriter.*bad"):
        train(Turn("What?", "It is red."))
    with pytest.raises(DataError, match="control token <image>"):
        train(Turn("What?", "It is <image>.", draft="red"))
    with pytest.raises(DataError, match="image is missing"):
        train(Turn("What?", "It is red.", images=1, draft="red"), (str(root / "none.png"),))
    with pytest.raises(DataError, match="1 of 1 examples are longer than the model's context of 1024.*bad"):
        train(Turn("What?" * 500, "It is red.", draft="red"))
    with pytest.raises(ConfigError, match="format prompt"):
        train(Turn("What?", "It is red.", draft="red"), settings=BackendConfig(style_prompt="Be polite."))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="other things"):
        train_vlm(str(smolvlm), STAGE, conversations, tmp_path / "other", seed=1, model_config=LORA)
    assert not (tmp_path / "out").exists()


def test_lengths_are_known_before_training(parts, conversations):
    _, chat = parts
    examples = [make_example(chat, REWRITE_PROMPT, conversation) for conversation in conversations]
    lengths = [int(VlmCollator(chat, 1024)([example])["attention_mask"].sum()) for example in examples]
    check_lengths(chat, examples, max(lengths))
    with pytest.raises(DataError, match="of 10 examples are longer"):
        check_lengths(chat, examples, max(lengths) - 1)
    with pytest.raises(DataError, match="more than the model's context"):
        VlmCollator(chat, max(lengths) - 1)([examples[lengths.index(max(lengths))]])
