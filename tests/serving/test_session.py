"""Conversations."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import LlamaConfig
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import DataError
from flamingo_lib.loading import load_model, save_model
from flamingo_lib.model import (
    FlamingoConfig,
    FlamingoForConditionalGeneration,
    FlamingoImageProcessor,
    FlamingoProcessor,
)
from flamingo_lib.model.generation import generate_batch
from flamingo_lib.serving.session import ChatSession


@pytest.fixture(scope="module")
def folder(tokenizer, tmp_path_factory):
    torch.manual_seed(0)
    config = FlamingoConfig(
        text_config=LlamaConfig(
            vocab_size=320,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=96,
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
    path = tmp_path_factory.mktemp("model") / "tiny"
    return save_model(
        FlamingoForConditionalGeneration(config), FlamingoProcessor(FlamingoImageProcessor(16), tokenizer), path
    )


def picture(seed):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (30, 30, 3), dtype=np.uint8))


def test_every_answer_is_the_batched_models_answer_to_the_whole_chat(folder):
    session = ChatSession(*load_model(folder, merge=True), max_new_tokens=6)
    answers = [
        session.ask("What is this?", [picture(0)]),
        session.ask("And now?"),
        session.ask("Red?", [picture(1), picture(2)]),
    ]
    for turn in range(3):
        chat = [*session.turns[:turn], session.turns[turn]]
        images = [picture(0), picture(1), picture(2)][: sum(t.images for t in chat)]
        batch = session.processor([chat], [images])  # the last response is not rendered
        ids = generate_batch(session.model, batch, 6)
        assert session.processor.responses(ids) == [answers[turn]]
    assert [t.response for t in session.turns] == answers and [t.images for t in session.turns] == [1, 0, 2]
    assert "attends to image 3" in session.html()


def test_a_follow_up_attends_to_the_image_as_training_rendered_it(folder):
    from flamingo_lib.training.stages import example_template

    session = ChatSession.from_folder(folder, max_new_tokens=4)
    template = example_template(session.processor)
    rendered = []
    generate = session._generate
    session._generate = lambda row, latents: rendered.append(row) or generate(row, latents)
    session.ask("What is this?", [picture(0)])
    session.ask("And its size?")
    trained = template.render(session.turns)
    shown = rendered[-1]
    assert {attended for attended, turn in zip(shown.attended, shown.turn, strict=True) if turn == 2} == {1}
    assert trained.ids[: len(shown)] == shown.ids and trained.attended[: len(shown)] == shown.attended


def test_images_are_looked_at_once(folder, monkeypatch):
    session = ChatSession(*load_model(folder, merge=True), max_new_tokens=3)
    seen = []
    encode = session.model.encode_images
    monkeypatch.setattr(session.model, "encode_images", lambda pixels: seen.append(len(pixels)) or encode(pixels))
    session.ask("a", [picture(0), picture(1)])
    session.ask("b")
    session.ask("c", [picture(2)])
    assert seen == [1, 1, 1]


def test_long_conversations_lose_their_oldest_turns(folder):
    session = ChatSession(*load_model(folder, merge=True), max_new_tokens=8)
    for number in range(8):
        session.ask(f"What is this? {number}", [picture(number)])
    assert len(session.turns) == 8
    rendered = []
    generate = session._generate
    session._generate = lambda row, images: rendered.append(row) or generate(row, images)
    session.ask("And now?", [picture(8)])
    assert 1 <= rendered[0].n_images < 9 and len(rendered[0]) + 8 <= 96
    session.undo()
    with pytest.raises(DataError, match="more than the window of 96"):
        session.ask("long " * 80)
    with pytest.raises(DataError, match="instruction is empty"):
        session.ask("  ")
    assert len(session.turns) == 8  # a refused turn is not remembered
    session.reset()
    assert not session.turns and session.ask("Hi", [picture(0)]) is not None


def test_a_long_conversation_keeps_the_image_that_it_is_about(folder):
    from flamingo_lib.training.stages import example_template

    session = ChatSession.from_folder(folder, max_new_tokens=8)
    example_template(session.processor)  # as a trained model's folder says
    rendered = []
    generate = session._generate
    session._generate = lambda row, latents: rendered.append((row, len(latents))) or generate(row, latents)
    session.ask("Hello")
    session.ask("What is this?", [picture(0)])
    for number in range(6):
        session.ask(f"And its size? {number}")
    assert all(row.n_images == count == 1 and row.attended[-1] == 1 for row, count in rendered[1:])
    assert rendered[-1][0].turn[-1] < 8  # others were left out


def test_sampling_is_seeded_by_turn(folder):
    def answers(seed):
        session = ChatSession(*load_model(folder, merge=True), max_new_tokens=8, temperature=1.5, seed=seed)
        return [session.ask("What?"), session.ask("What?")]

    assert answers(0) == answers(0) != answers(1)


def test_drafts_reach_the_model(folder):
    session = ChatSession(*load_model(folder, merge=True), max_new_tokens=4)
    session.ask("What is it?", draft="red")
    assert session.turns[0].draft == "red" and "Drafted Response" in session.html()


def test_command(folder, tmp_path):
    picture(0).save(tmp_path / "a.png")
    expected = ChatSession(*load_model(folder, merge=True), max_new_tokens=5).ask("What is this?", [picture(0)])
    arguments = ["chat", "--model", str(folder), "--max-new-tokens", "5"]
    result = CliRunner().invoke(
        app, [*arguments, "--image", str(tmp_path / "a.png"), "--question", "What is this?", "--json"]
    )
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "question": "What is this?",
        "images": [str(tmp_path / "a.png")],
        "answer": expected,
    }
    talk = (
        f"/image {tmp_path / 'a.png'}\nWhat is this?\n\n/image /nowhere.png\nAnd this?\nAnd "
        f"now?\n/new\nHi\n/quit\nnever asked\n"
    )
    result = CliRunner().invoke(app, [*arguments, "--json"], input=talk)
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["question"] for answer in answers] == ["What is this?", "And now?", "Hi"]
    assert answers[0]["answer"] == expected and "missing" in result.stderr and answers[1]["images"] == []
