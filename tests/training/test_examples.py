"""Records as training examples, and what becomes of the rewriter's images."""

import pytest

from flamingo_lib.config import DistortionConfig
from flamingo_lib.errors import DataError
from flamingo_lib.records import Pair, Rewrite, Sample, Turn, Verdict
from flamingo_lib.training.examples import (
    image_files,
    is_question,
    pair_examples,
    read_examples,
    rewrite_example,
    sample_example,
    without_unsaid,
)

SAMPLE = Sample("vqa-v2/train/1", "vqa-v2", "vqa", ("train/1.png",), "What color is the ring?", "red")


def pair(
    number,
    instruction="What color is the ring?",
    draft="red",
    target="Sure! The ring is red. It is quite small.",
    way="llm",
):
    return Pair(f"p/{number}", "llava-instruct", (f"{number}.png",), instruction, draft, target, way)


def test_samples_and_rewrites_become_chats():
    example = sample_example(SAMPLE, "root")
    assert example.images == ("root/vqa-v2/train/1.png",)
    assert [(turn.instruction, turn.response, turn.images) for turn in example.turns] == [
        ("What color is the ring?", "red", 1)
    ]
    dialogue = Sample("x/1", "x", "instruction", ("a.png",), "q", "r", turns=(Turn("q", "r"), Turn("q2", "r2")))
    assert [(turn.response, turn.images) for turn in sample_example(dialogue, "root").turns] == [("r", 1), ("r2", 0)]
    rewrite = Rewrite(SAMPLE, "It is red. Bye.", verdicts=(Verdict(True, "f", edit="It is red."),))
    assert rewrite_example(rewrite, "root").turns[0].response == "It is red."
    assert rewrite_example(rewrite, "root", raw=True).turns[0].response == "red"


def test_pairs_keep_lose_or_swap_their_image_by_their_own_seed():
    pairs = [pair(number) for number in range(400)]
    config = DistortionConfig(image_dropped=0.4, image_mismatched=0.5)
    examples = list(pair_examples(pairs, "root", config=config, seed=1))
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
    kept, drawn, none = pair_examples([thinned, boxes, text], "root", config=always, seed=0)
    assert kept.images and kept.turns[0].response == thinned.target
    assert drawn.images and drawn.turns[0].response == boxes.target
    assert not none.images and not none.turns[0].images


def test_a_mismatched_image_comes_from_a_question_much_alike():
    mismatched = DistortionConfig(image_dropped=0, image_mismatched=1)
    far = [pair(number, "How many rings are there?", "2", "There are two rings.") for number in range(3, 9)]
    near = pair(2, "Where can I find the red ring?", "top left", "The red ring is at the top left.")
    asked = pair(1, "Where is the red ring?", "center", "The red ring is in the center.")
    example = next(pair_examples([asked, near, *far], "root", config=mismatched, seed=0))
    assert example.images == image_files("root", near.source, near.images)


def test_only_what_the_draft_does_not_say_is_taken_out():
    target = (
        "Great question! The ring is red. It is located at the top left. There are three objects in total. "
        "Have a great day!"
    )
    assert without_unsaid(target, "red") == "Great question! The ring is red. Have a great day!"
    assert (
        without_unsaid(target, "red, top left")
        == "Great question! The ring is red. It is located at the top left. Have a great day!"
    )
    assert (
        without_unsaid(target, "red ring. 3 objects")
        == "Great question! The ring is red. There are three objects in total. Have a great day!"
    )
    assert without_unsaid(target, target) == target


def test_questions_are_told_from_descriptions():
    assert is_question("What color is the ring?") and not is_question("Describe the image in detail.")


def test_chats_are_read_from_json_lines(tmp_path):
    file = tmp_path / "chats.jsonl"
    file.write_text(
        '{"id": "a", "images": ["a.png"],'
        ' "turns": [{"instruction": "q", "response": "r", "images": 1}, {"instruction": "q", "response": "r"}]}\n'
        '{"turns": [{"instruction": "q", "response": "r", "draft": "d"}]}\n'
    )
    first, second = read_examples(file, tmp_path)
    assert first.images == (str(tmp_path.resolve() / "a.png"),) and [turn.images for turn in first.turns] == [1, 0]
    assert second.id == "2" and second.turns[0].draft == "d"
    for line, what in (
        ('{"turns": [{"instruction": "q", "response": "r", "images": 1}], "images": ["../a.png"]}', "outside"),
        ('{"turns": [{"instruction": "q"}]}', "without a response"),
        ('{"turns": [{"question": "q"}]}', "not a chat"),
        ('{"turns": [{"instruction": "q", "response": "r", "images": 2}], "images": ["a.png"]}', "2 images"),
        ("[]", "not a chat"),
    ):
        file.write_text(line + "\n")
        with pytest.raises(DataError, match=what):
            list(read_examples(file, tmp_path))
