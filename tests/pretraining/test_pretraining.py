"""Pretraining of the tiny base: its rows tell the truth, its losses sit where they should, a stopped run goes on."""

from __future__ import annotations

import json
import math
import re
from functools import partial

import pytest
import torch
from safetensors import SafetensorError

from flamingo_lib.chat.template import HUMAN, IMAGE
from flamingo_lib.chat.tokenizer import train_tiny_tokenizer
from flamingo_lib.errors import DataError, FlamingoError, StorageError
from flamingo_lib.media import IGNORE_INDEX
from flamingo_lib.presets import load_preset
from flamingo_lib.pretraining import run as pretrain_run
from flamingo_lib.pretraining.batch import RowEncoder
from flamingo_lib.pretraining.clip import batch_statements, contradict, contrastive_loss, state
from flamingo_lib.pretraining.data import IMAGE_TAG, Row
from flamingo_lib.pretraining.language import attention_loss, examination, pretraining_scenes
from flamingo_lib.pretraining.phases import Phases
from flamingo_lib.pretraining.text_rows import text_row
from flamingo_lib.pretraining.vision import cell_labels
from flamingo_lib.pretraining.web_rows import question_page, statement, web_row
from flamingo_lib.rewriting.lock import only_job
from flamingo_lib.scenes.graph import HELD_OUT_PAIRS
from flamingo_lib.scenes.ground_truth import hallucinated
from flamingo_lib.scenes.questions import answer_question, parse_question
from flamingo_lib.seeding import generator


@pytest.fixture(scope="module")
def scenes():
    return pretraining_scenes(60, seed=3)


@pytest.fixture(scope="module")
def tokenizer(scenes):
    return train_tiny_tokenizer(pretrain_run.tokenizer_texts(scenes, 3, rows=150), 700)


def text_of(row):
    return "".join(text or "" for text, _ in row.pieces)


def test_no_web_row_asks_a_question_of_the_exam(scenes):
    for number in range(600):
        row = web_row(scenes, generator(0, number), progress=(number % 10) / 10)
        for text, _ in row.pieces:
            for part in re.split(r"\n|(?<=[.:!]) ", text or ""):
                if part.endswith("?"):
                    with pytest.raises(DataError):
                        parse_question(part)


def test_statements_are_true_and_never_begin_with_yes_or_no(scenes):
    for number in range(1500):
        chance = generator(5, number)
        scene = chance.choice(scenes)
        text, _ = statement(chance, scene)
        assert not text.startswith(("Yes", "No,"))
        assert not hallucinated(scene, text), text


def test_quiz_pages_tell_true_from_false(scenes):
    answers = []
    for number in range(1500):
        row = web_row(scenes, generator(6, number), progress=0.9)
        texts, image = [text for text, _ in row.pieces], -1
        for index, text in enumerate(texts):
            image += text == IMAGE_TAG
            if text and text.startswith("\nTrue or false? "):
                claim = text.removeprefix("\nTrue or false? ")
                assert hallucinated(scenes[row.scenes[image]], claim) == (texts[index + 1] == " False."), claim
                answers.append(texts[index + 1])
    assert 0.4 < answers.count(" True.") / len(answers) < 0.6


def test_pages_of_questions_answer_truly_and_leave_the_first_answers_out_of_the_loss(scenes):
    for number in range(100):
        row = question_page(scenes, generator(7, number))
        texts, image, weights, kinds = [text for text, _ in row.pieces], -1, [], set()
        for index, text in enumerate(texts):
            image += text == IMAGE_TAG
            if text == " Short answer:":
                question = parse_question(texts[index - 1].removeprefix("\nQuestion: "))
                kinds.add(question.type)
                assert texts[index + 1].strip() == answer_question(scenes[row.scenes[image]], question)
                weights.append(row.pieces[index + 1][1])
        assert len(kinds) == 1
        assert weights == [0.0, 0.0] + [1.0] * (len(row.scenes) - 2)


def test_each_image_of_a_row_has_its_scene(scenes):
    several = 0
    for number in range(300):
        row = web_row(scenes, generator(1, number), progress=0.9)
        assert text_of(row).count(IMAGE_TAG) == len(row.scenes) >= 1
        several += len(row.scenes) > 1
    assert several > 20


def test_mentions_point_at_the_noun_and_its_cell_of_the_right_image(scenes, tokenizer):
    encoder = RowEncoder(tokenizer, tokenizer.convert_tokens_to_ids(IMAGE), 600)
    checked = 0
    for number in range(200):
        row = web_row(scenes, generator(2, number), progress=0.9)
        batch = encoder([row])
        assert batch.scenes.tolist() == [row.scenes]
        for (_, token, latent), (piece, end, image, cell) in zip(
            batch.mentions.tolist(), sorted(row.mentions, key=lambda mention: mention[0]), strict=True
        ):
            noun_end = tokenizer.decode(batch.input_ids[0, token : token + 1]).strip()
            assert row.pieces[piece][0][:end].endswith(noun_end) or noun_end.endswith(row.pieces[piece][0][end - 1])
            assert divmod(latent, 9) == (image, cell)
            assert batch.attended_image[0, token] == image + 1
            checked += 1
    assert checked > 150


def test_texts_name_pairs_that_no_picture_shows():
    scene = pretraining_scenes(1, 0)
    texts = [text_of(text_row(scene, generator(9, number), ["a"])) for number in range(3000)]
    named = {pair for pair in HELD_OUT_PAIRS if any(f"{pair[1]} {pair[0]}" in text for text in texts)}
    assert named == HELD_OUT_PAIRS


def test_encoder_labels_exactly_the_weighted_pieces(tokenizer):
    row = Row().turn("What color is the circle?", "red", scene=0, end=0.3)
    batch = RowEncoder(tokenizer, tokenizer.convert_tokens_to_ids(IMAGE), 100)([row, Row().add("a longer text " * 8)])
    labelled = batch.labels[0] != IGNORE_INDEX
    assert tokenizer.decode(batch.input_ids[0][labelled]) == "red</s>"
    assert batch.weights[0][labelled].tolist()[-1] == pytest.approx(0.3)
    assert (batch.labels[1] == IGNORE_INDEX).all()
    ids = batch.input_ids[0].tolist()
    image = ids.index(tokenizer.convert_tokens_to_ids(IMAGE))
    assert batch.attended_image[0].tolist()[: image + 1] == [0] * image + [1]
    assert set(batch.attended_image[0].tolist()[image:]) == {1}
    assert set(batch.attended_image[1].tolist()) == {0}


def test_text_rows_hold_no_image_and_keep_out_of_image_chats(scenes):
    for number in range(200):
        row = text_row(scenes, generator(4, number), ["alpha", "beta"])
        text = "".join(piece or "" for piece, _ in row.pieces)
        assert not row.scenes
        assert IMAGE not in text
        assert any(weight > 0 for _, weight in row.pieces)
        if HUMAN in text:  # chats without an image are answered curtly
            assert all(len(piece) < 60 for piece, weight in row.pieces if piece and weight)


def test_cell_labels_name_every_object_once(scenes):
    labels = cell_labels(scenes)
    for scene, row in zip(scenes, labels, strict=True):
        assert int((row[:, 0] > 0).sum()) == len(scene.objects)
        assert row[:, 3].tolist() == list(range(9))


def test_attention_loss_is_minus_log_of_the_attention_there():
    torch.manual_seed(0)
    weights = [torch.rand(2, 4, 5, 9).softmax(-1) for _ in range(4)]
    mentions = torch.tensor([[0, 3, 7], [1, 4, 2]])
    expected = 0.0
    for layer in (1, 2):
        expected += (
            sum(
                -math.log(weights[layer][row, head, token, cell])
                for row, token, cell in mentions.tolist()
                for head in (0, 1)
            )
            / 4
        )
    assert attention_loss(weights, mentions).item() == pytest.approx(expected, rel=1e-4)


def test_clip_statements_are_true_and_their_contradictions_false(scenes):
    chance = generator(0, "clip")
    for scene in scenes * 5:
        statement = state(scene, chance)
        assert statement.holds(scene)
        assert not contradict(statement, scene, chance).holds(scene)


def test_contrastive_loss_ignores_sentences_that_are_true_elsewhere(scenes):
    texts, allowed = batch_statements(scenes[:8], generator(1, "clip"))
    assert len(texts) == 8 * 3
    assert allowed[torch.arange(8), torch.arange(8) * 3].all()
    images, sentences = (torch.nn.functional.normalize(torch.randn(n, 6), dim=1) for n in (8, 24))
    base = contrastive_loss(images, sentences, torch.ones(8, 24, dtype=torch.bool), torch.tensor(5.0))
    blocked = torch.ones(8, 24, dtype=torch.bool)
    blocked[0, 5] = False
    logits = 5 * images @ sentences.T
    row = logits[0].clone()
    row[5] = float("-inf")
    expected = base + (-row.log_softmax(0)[0] + logits[0].log_softmax(0)[0]) / 8
    assert contrastive_loss(images, sentences, blocked, torch.tensor(5.0)).item() == pytest.approx(
        expected.item(), rel=1e-5
    )


def test_a_full_disk_keeps_the_phases_before(tmp_path, monkeypatch):
    phases = Phases(tmp_path, "key")
    state = {"weight": torch.ones(2)}
    assert phases("one", lambda: 1, lambda: state, lambda restored: None) == 1

    def full(tensors, path):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    with monkeypatch.context() as patch:
        patch.setattr("flamingo_lib.pretraining.phases.save_file", full)
        with pytest.raises(StorageError, match="disk is full; the phase two was not kept.*phases before are kept"):
            phases("two", lambda: 2, lambda: state, lambda restored: None)
    again = Phases(tmp_path, "key")
    assert again("one", lambda: pytest.fail("it is done"), lambda: state, lambda restored: None) == 1
    assert again("two", lambda: 2, lambda: state, lambda restored: None) == 2


def test_a_stopped_run_goes_on_and_the_folder_loads(tmp_path, monkeypatch):
    preset = load_preset(
        "tiny",
        [
            "pretrain.scenes=100",
            "pretrain.validation_scenes=12",
            "pretrain.vocab_size=700",
            "pretrain.tower_steps=3",
            "pretrain.resampler_steps=3",
            "pretrain.grounding_steps=3",
            "pretrain.copying_steps=3",
            "pretrain.batch_size=4",
            "pretrain.clip_steps=2",
            "pretrain.clip_batch_size=4",
        ],
    )
    # few texts for the tokenizer, and few questions: both come twice, the questions at every step
    monkeypatch.setattr(pretrain_run, "tokenizer_texts", partial(pretrain_run.tokenizer_texts, rows=150))
    monkeypatch.setattr(
        pretrain_run, "examination", lambda scenes, per_type, seed: examination(scenes, min(per_type, 5), seed)
    )
    with monkeypatch.context() as patch:

        def stop(*_args, **_options):
            raise KeyboardInterrupt

        patch.setattr(pretrain_run, "pretrain_resampler", stop)
        with pytest.raises(KeyboardInterrupt):
            pretrain_run.pretrain_base(preset, tmp_path / "base", clip_out=None, seed=0)
    assert not (tmp_path / "base").exists()
    assert list((tmp_path / ".base.work").glob("tower-*.safetensors"))
    with only_job(tmp_path / ".base.work"), pytest.raises(FlamingoError, match="another job is writing"):
        pretrain_run.pretrain_base(preset, tmp_path / "base", clip_out=None, seed=0)
    monkeypatch.setattr(pretrain_run, "pretrain_tower", stop)  # the tower is done: it must not be trained again
    figures = pretrain_run.pretrain_base(preset, tmp_path / "base", clip_out=tmp_path / "clip", seed=0)
    assert set(figures["phases"]) == {"tower", "resampler", "grounding", "copying"}
    assert not (tmp_path / ".base.work").exists()
    assert "Curve" in (tmp_path / "base" / "README.md").read_text()
    assert json.loads((tmp_path / "clip" / "pretraining.json").read_text())["steps"] == 2

    from PIL import Image

    from flamingo_lib.judges.clipscore import ClipScoreJudge
    from flamingo_lib.model.flamingo import FlamingoForConditionalGeneration
    from flamingo_lib.model.processor import FlamingoProcessor
    from flamingo_lib.records import Turn

    model = FlamingoForConditionalGeneration.from_pretrained(tmp_path / "base")
    processor = FlamingoProcessor.from_pretrained(tmp_path / "base")
    picture = Image.new("RGB", (224, 224), "white")
    inputs = processor(chats=[[Turn("What color is the circle?", images=1)]], images=[[picture]])
    assert model(**inputs).logits.isfinite().all()
    scores = ClipScoreJudge(str(tmp_path / "clip"))([picture], ["There is a red circle."])
    assert scores[0].shape == (1,)
