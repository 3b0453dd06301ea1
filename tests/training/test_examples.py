"""Records as training examples, and what becomes of the rewriter's images."""

import pytest

from flamingo_lib.config import DistortionConfig
from flamingo_lib.pf1m.record import Pf1mRecord
from flamingo_lib.records import Pair, Sample, Turn
from flamingo_lib.scenes.unsaid import SceneFacts
from flamingo_lib.training.examples import image_files, pair_examples, pf1m_example, sample_example

SAMPLE = Sample("vqa-v2/train/1", "vqa-v2", "vqa", ("train/1.png",), "What color is the ring?", "red")


def pair(
    number,
    instruction="What color is the ring?",
    draft="red",
    target="Sure! The ring is red. It is quite small.",
    way="llm",
):
    return Pair(f"p/{number}", "llava-instruct", (f"{number}.png",), instruction, draft, target, way)


def test_samples_become_conversations():
    example = sample_example(SAMPLE, "root")
    assert example.images == ("root/vqa-v2/train/1.png",)
    assert [(turn.instruction, turn.response, turn.images) for turn in example.turns] == [
        ("What color is the ring?", "red", 1)
    ]
    dialogue = Sample("x/1", "x", "instruction", ("a.png",), "q", "r", turns=(Turn("q", "r"), Turn("q2", "r2")))
    assert [(turn.response, turn.images) for turn in sample_example(dialogue, "root").turns] == [("r", 1), ("r2", 0)]


def test_images_stay_with_their_turn():
    turns = (Turn("Good morning!", "Hello."), Turn("What is it?", "A ring.", 1), Turn("And these?", "Stars.", 2))
    dialogue = Sample("x/1", "x", "instruction", ("a.png", "b.png", "c.png"), "Good morning!", "Hello.", turns=turns)
    example = sample_example(dialogue, "root")
    assert [turn.images for turn in example.turns] == [0, 1, 2] and example.images[1] == "root/x/b.png"
    drawn = sample_example(SAMPLE, "root", ("drawn/1.png",))
    assert drawn.images == ("drawn/1.png",) and drawn.turns[0].images == 1


def test_a_pf1m_record_becomes_a_conversation():
    record = Pf1mRecord("<img_path>a/1.png<img_path>What color?", "It is red.", "red", id="a/7", source="a")
    example = pf1m_example(record, ("root/a/1.png",))
    assert example.id == "a/7" and example.turns == (Turn("What color?", "It is red.", 1),)
    assert pf1m_example(Pf1mRecord("Hi", "Hello.", "hi"), (), "record 3").id == "record 3"


def test_pairs_keep_lose_or_swap_their_image_by_their_own_seed():
    pairs = [pair(number) for number in range(400)]
    config = DistortionConfig(image_dropped=0.4, image_mismatched=0.5)
    examples = list(pair_examples(pairs, "root", config=config, seed=1, unsaid=SceneFacts()))
    dropped = [not example.images for example in examples]
    own = [example.images == (f"root/llava-instruct/{number}.png",) for number, example in enumerate(examples)]
    assert sum(dropped) / 400 == pytest.approx(0.4, abs=0.08)
    assert sum(own) / 400 == pytest.approx(0.3, abs=0.08)
    assert all(
        turn.images == len(example.images) and turn.draft == "red" for example in examples for turn in example.turns
    )
    for mine, example in zip(own, examples, strict=True):
        assert example.turns[0].response == (
            "Sure! The ring is red. It is quite small." if mine else "Sure! The ring is red."
        )
    alone = list(pair_examples(pairs[:50], "root", config=config, seed=1))
    assert [bool(example.images) for example in alone] == [not gone for gone in dropped[:50]]
    untouched = DistortionConfig(image_dropped=0, image_mismatched=0)
    assert all(
        example.turns[0].response == pairs[0].target
        for example in pair_examples(pairs, "root", config=untouched, seed=1)
    )


def test_descriptions_keep_their_image():
    always = DistortionConfig(image_dropped=1, image_mismatched=1)
    thinned = pair(
        1, "Describe the image.", "two obj", "The image shows two objects. A red ring is at the top.", "noise"
    )
    boxes = pair(
        2, "Describe the image.", "a red ring\n\nred ring: [0, 0, 1, 1]", "The image shows a red ring.", "retrieval"
    )
    text = Pair("t", "ultrachat", (), "Hi", "hi", "Hello there.", "llm")
    for unsaid in (None, SceneFacts()):
        kept, drawn, none = pair_examples([thinned, boxes, text], "root", config=always, seed=0, unsaid=unsaid)
        assert kept.images and kept.turns[0].response == thinned.target
        assert drawn.images and drawn.turns[0].response == boxes.target
        assert not none.images and not none.turns[0].images


def test_images_are_dropped_on_data_of_any_kind():
    always = DistortionConfig(image_dropped=1, image_mismatched=0)
    target = "Sure! The man is riding a brown horse. Behind them you can see three trees. Let me know if I can help."
    photo = pair(1, "What is the man riding?", "brown horse", target)
    (example,) = pair_examples([photo], "root", config=always, seed=0)
    assert not example.images
    assert example.turns[0].response == "Sure! The man is riding a brown horse. Let me know if I can help."


def test_a_mismatched_image_comes_from_a_question_much_alike():
    mismatched = DistortionConfig(image_dropped=0, image_mismatched=1)
    far = [pair(number, "How many rings are there?", "2", "There are two rings.") for number in range(3, 9)]
    near = pair(2, "Where can I find the red ring?", "top left", "The red ring is at the top left.")
    asked = pair(1, "Where is the red ring?", "center", "The red ring is in the center.")
    example = next(pair_examples([asked, near, *far], "root", config=mismatched, seed=0))
    assert example.images == image_files("root", near.source, near.images)
