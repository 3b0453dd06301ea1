"""Instruction wordings, in our own words: a pool for each kind of task, one drawn for each record by its key."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..seeding import seeder

POOLS: dict[str, tuple[str, ...]] = {
    "caption": (
        "Describe the image.",
        "What does this image show?",
        "Please describe what you see.",
        "What can you see in this picture?",
        "Tell me what is in the image.",
        "Can you describe this picture?",
        "Give me a description of the image.",
        "What is going on in this picture?",
        "Please tell me what this image shows.",
        "How would you describe the picture?",
    ),
    "caption_text": (
        "Describe the image and mention the text in it.",
        "What does this image show, and what is written on it?",
        "Please describe the picture, including any words you can read.",
        "Tell me what you see, with the text that appears in the image.",
        "Give a description that makes use of the writing in the picture.",
        "What can you see and read in this image?",
    ),
    "paragraph": (
        "Describe the image in detail.",
        "Please write a paragraph about this picture.",
        "Tell me everything you see in the image.",
        "Give a detailed description of the picture.",
        "Walk me through what this image shows.",
        "What does the picture show? Please be thorough.",
    ),
    "aerial": (
        "Describe this aerial image.",
        "What does this view from above show?",
        "Please describe what can be seen from the air.",
        "Tell me what is in this satellite picture.",
        "What kind of area is this, and what is in it?",
        "Give a description of this overhead view.",
    ),
    "region": (
        "Describe the object in the {color} {mark}.",
        "What is inside the {color} {mark}?",
        "Please describe what the {color} {mark} marks.",
        "Tell me about the thing in the {color} {mark}.",
        "What does the {color} {mark} show?",
        "Can you tell me what is in the {color} {mark}?",
        "Refer to the object that the {color} {mark} surrounds.",
        "How would you describe the object marked by the {color} {mark}?",
    ),
    "detection": (
        "List the objects in the image and say how many there are of each.",
        "Which objects can you find in this picture, and where are they?",
        "Please count the objects in the image and locate them.",
        "What objects are in this aerial image? Count them.",
        "Tell me what can be found in the image, how often, and where.",
        "Give me the number and the place of every object you recognise.",
    ),
    "classification": (
        "What is this?",
        "What is shown here?",
        "What does the image show?",
        "Please tell me what this is.",
        "Can you name what is in the picture?",
        "What do you see in this image?",
        "What is in this picture?",
    ),
    "label": (
        "A photo of {phrase}.",
        "This is {phrase}.",
        "An image of {phrase}.",
        "A picture that shows {phrase}.",
        "It is {phrase}.",
    ),
    "label_aerial": (
        "A satellite photo of {name}.",
        "An aerial view of {name}.",
        "A picture of {name}, taken from above.",
        "An area seen from the air: {name}.",
    ),
    "label_texture": (
        "A photo of a {name} texture.",
        "A {name} surface.",
        "A picture of a {name} pattern.",
        "This thing has a {name} texture.",
    ),
    "label_face": (
        "A photo of a face that looks {name}.",
        "The person's face shows this: {name}.",
        "A picture of a person who looks {name}.",
    ),
    "label_digit": (
        'A photo of the number "{name}".',
        'The handwritten digit "{name}".',
        'This is the digit "{name}".',
    ),
    "label_sign": (
        'A traffic sign: "{name}".',
        'A photo of the traffic sign "{name}".',
        'The road sign says or means "{name}".',
    ),
    "label_pet": ("A photo of {phrase}, a kind of pet.", "This pet is {phrase}.", "A picture of {phrase}."),
    "label_food": ("A photo of {name}, a kind of food.", "This dish is {name}.", "A picture of some {name}."),
    "label_flower": (
        "A photo of {phrase}, a kind of flower.",
        "This flower is {phrase}.",
        "A picture of {phrase} in bloom.",
    ),
    "label_aircraft": (
        "A photo of {phrase}, a kind of aircraft.",
        "This aircraft is {phrase}.",
        "A picture of {phrase}.",
    ),
    "label_car": ("A photo of {phrase}.", "This car is {phrase}.", "A picture of {phrase} on the road or in a lot."),
    "change": (
        "What is different between the two images?",
        "Please describe the changes from the first image to the second.",
        "Compare the two pictures. What has changed?",
        "Tell me how the second image differs from the first.",
        "Which differences do you see between these images?",
        "What changed between the first and the second picture?",
    ),
    "change_aerial": (
        "These two images show one place at two times. What has changed?",
        "Please describe what was built or removed between the first and the second aerial image.",
        "Compare the earlier and the later view from above.",
        "How did this area change from the first image to the second?",
        "What is different in the second satellite image?",
    ),
    "edit": (
        "What edit turns the first image into the second?",
        "Please tell me how the first picture was edited to get the second.",
        "Write the request that leads from the first image to the second.",
        "How should the first image be changed to look like the second?",
        "Which change was made to the first picture?",
    ),
    "statement": (
        "Is this statement about the image true? {statement}",
        "Look at the image. Is it true that the following holds? {statement}",
        "Please check this statement against the picture: {statement} Is it right?",
        "{statement} Is that true?",
        "Does the image agree with this statement? {statement}",
    ),
    "statement_pair": (
        "Is this statement about the two images true or false? {statement}",
        "Look at both images. True or false: {statement}",
        "Please check this against the left and the right image, and say true or false: {statement}",
        "{statement} Is that true or false of these two images?",
    ),
    "choices": (
        "{question}\nOptions: {choices}",
        "{question}\nChoose one: {choices}",
        "{question}\nThe choices are: {choices}",
        "{question}\nPick the best answer: {choices}",
    ),
    "choices_listed": (
        "{question} {choices}?",
        "{question} Is it {choices}?",
        "{question} Choose from these: {choices}.",
        "{question} Pick one: {choices}.",
    ),
    "choices_images": (
        "{question}\nThe first image belongs to the question. Choose one of the other images: {choices}",
        "{question}\nAfter the first image come the choices, in order: {choices}",
    ),
    "point": (
        "{question} The {color} arrow points at it.",
        "{question} See the {color} arrow.",
        "Look where the {color} arrow points. {question}",
        "The {color} arrow marks a place in the image. {question}",
        "{question} I mean the place marked by the {color} arrow.",
    ),
    "hint": (
        "{hint}\n{question}",
        "Context: {hint}\n{question}",
        "Here is some context: {hint}\nNow the question: {question}",
    ),
}
"""Pool name -> wordings; names in braces are filled in."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def wordings(pool: str, seed: int) -> Callable[[str], str]:
    """A function from a record's key to the wording of `pool` that falls to it under `seed`, its braces unfilled."""
    choices, derive = POOLS[pool], seeder(seed, pool)
    return lambda key: choices[derive(key) % len(choices)]


def wording(pool: str, *, seed: int, key: str, **values: str) -> str:
    """The wording of `pool` that falls to `key` under `seed`, with `values` filled in."""
    chosen = wordings(pool, seed)(key)
    return chosen.format(**values) if values else chosen


def lettered(choices: Sequence[str]) -> str:
    """``(A) red (B) blue``."""
    return " ".join(f"({letter}) {choice}" for letter, choice in zip(LETTERS, choices, strict=False))


def listed(choices: Sequence[str]) -> str:
    """``red, blue, or green``; ``red or blue``."""
    if len(choices) < 3:
        return " or ".join(choices)
    return ", ".join(choices[:-1]) + f", or {choices[-1]}"
