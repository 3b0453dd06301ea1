"""From polite answers to raw annotations."""

import random

import pytest

from flamingo_lib.distortion.compress import compress, content_words, details, headline
from flamingo_lib.distortion.politeness_phrases import informative_sentences, strip_lead_in
from flamingo_lib.distortion.question_type import classify_question
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.scenes.language import polite, reasoning, text_dialogue
from flamingo_lib.scenes.questions import QUESTION_TYPES, ask


@pytest.mark.parametrize(
    ("instruction", "response", "curt"),
    [
        ("What color is the circle?", "Of course! The circle in the image is red. I hope this helps!", "red"),
        ("What color is the cat?", "The cat is black and white, while the dog is brown.", "black and white"),
        ("Is there a dog?", "I'm sorry, but I cannot see any dog in the picture.", "no"),
        ("Is there a dog?", "Certainly! There is indeed a brown dog on the left.", "yes"),
        ("Can you see a dog?", "Yes, I can see one. Let me know if you need anything else.", "yes"),
        ("How many people are there?", "Great question! There are two people, and one of them wears a hat.", "2"),
        ("Can you count the people?", "There is a single person in the picture.", "1"),
        ("How many birds are there?", "There are no birds here.", "0"),
        ("Where is the red circle?", "You can find the red circle at the top left of the image.", "top left"),
        ("Is it a cat or a dog?", "It is a dog.", "dog"),
        ("Which is larger, a bird or a cat?", "A bird is smaller than a cat.", "cat"),
        (
            "What is the man in the image doing?",
            "The man in the image is riding a horse on the beach.",
            "riding a horse on the beach",
        ),
        ("What is the capital of France?", "The capital of France is Paris. Feel free to ask me more!", "Paris"),
        (
            "Why is the man wearing a helmet?",
            "He wears it because he rides a motorcycle. It is safer.",
            "because he rides a motorcycle",
        ),
        ("What is 0 plus 0?", "0 plus 0 is 0.", "0"),
        ("Put the numbers 3, 1 in order.", "The numbers in order are 1, 3.", "1, 3"),
        ("Describe the image.", "The image shows a red bus near a tree. The sky is blue.", "a red bus near a tree"),
        ("What is it?", "😀", "😀"),
        ("What is this?", "这是一个红色的圆。", "这是一个红色的圆"),
        ("Who is it?", "Sure!", "sure"),
        ("Who is it?", "  ", ""),
    ],
)
def test_curt_answers(instruction, response, curt):
    assert compress(instruction, response) == curt


@pytest.mark.parametrize(
    ("instruction", "kind"),
    [
        ("Can you tell me what color the bus is?", "color"),
        ("Could you please count the cats?", "number"),
        ("Do you know where the keys are?", "position"),
        ("Please tell me if there is a dog.", "yesno"),
        ("Can you describe this picture?", "describe"),
        ("If we leave, how many are left?", "number"),
        ("Is the man old or young?", "choice"),
        ("Is it raining or not?", "yesno"),
        ("The man is old. Do you agree?", "yesno"),
        ("True or false? The man is old.", "yesno"),
        ("I believe the man is old. Am I right?", "yesno"),
        ("Check whether this is right. The man is old.", "yesno"),
        ("Who wrote it?", "other"),
        ("", "other"),
    ],
)
def test_what_is_asked(instruction, kind):
    assert classify_question(instruction).kind == kind


def test_scenes_answers_come_back_exactly():
    """On worlds with a known truth the compression of a polite answer is the raw annotation, whatever the wording."""
    right = {name: [] for name in (*QUESTION_TYPES, "text", "reasoning")}
    for index in range(900):
        generator = random.Random(index)
        scene = draw_scene(3, f"scene-{index}")
        question = ask(scene, generator)
        right[question.type].append(compress(question.text, polite(generator, scene, question)) == question.answer)
        for name, (instruction, response, curt) in (
            ("text", text_dialogue(generator)),
            ("reasoning", reasoning(generator, scene)),
        ):
            quoted = name == "reasoning" or (curt in response and not {*curt.split()} & {*instruction.split()})
            if quoted:  # other curt answers are said in other words, or with words of the question
                right[name].append(compress(instruction, response) == curt)
    assert len(right["text"]) > 300
    shares = {name: sum(values) / len(values) for name, values in right.items()}
    assert all(shares[name] >= 0.98 for name in QUESTION_TYPES), shares
    assert shares["reasoning"] >= 0.95 and shares["text"] >= 0.85, shares


def test_courtesy_is_told_from_content():
    text = (
        "Sure, I am happy to tell you that the bus is red. Thank you for asking! If you have more questions, "
        "feel free to ask."
    )
    assert informative_sentences(text) == ["the bus is red."]
    assert informative_sentences("Thank you!") == ["Thank you!"]
    assert strip_lead_in("As you can see, in this picture, there is a dog.") == "a dog."
    assert strip_lead_in("There is.") == "There is."


def test_details_and_content_words():
    response = "Sure! The ring is blue. It is located at the top left of the picture. I hope this helps!"
    assert details("What color is the ring?", response) == ["blue", "top left"]
    assert content_words("The red ring is in the image.") == ["red", "ring"]
    assert content_words("It is.") == ["It", "is"]


def test_headlines_vary_in_length():
    sentences = ["There is a red bus.", "I can see a tree.", "The sky is blue."]
    assert headline(sentences) == "a red bus"
    assert {headline(sentences, random.Random(seed)).count(",") for seed in range(30)} == {0, 1, 2}
