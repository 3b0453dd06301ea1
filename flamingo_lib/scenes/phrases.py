"""Polite phrases around an answer: openers, lead-ins, closings, instructions. None of them claims anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

OPENERS = (
    "Sure!",
    "Sure, happy to help!",
    "Of course!",
    "Of course, let me help you.",
    "Certainly!",
    "Certainly, I can help with that.",
    "Absolutely!",
    "Good question!",
    "Great question!",
    "That is a good question.",
    "Thank you for asking!",
    "Thank you for the question.",
    "Thanks for asking!",
    "Thank you for sharing the image.",
    "I would be happy to help.",
    "I am happy to help!",
    "I am glad you asked.",
    "I would be glad to answer that.",
    "Let me take a look.",
    "Let me have a look at the image.",
    "Let me see.",
    "Happy to help!",
    "With pleasure!",
    "Hello, and thank you for asking!",
)
"""Sentences that may come before a polite answer about an image."""

TEXT_OPENERS = tuple(opener for opener in OPENERS if "image" not in opener and "look" not in opener)
"""Those that also fit a dialogue without an image."""

CLOSERS = (
    "I hope this helps!",
    "I hope that helps you.",
    "I hope this answers your question.",
    "Please let me know if you have any other questions.",
    "Please let me know if you need more help.",
    "Let me know if you would like to know more.",
    "Let me know if I can help with anything else.",
    "Feel free to ask me more about the image.",
    "Feel free to ask if you have more questions.",
    "Please feel free to ask anything else.",
    "Is there anything else you would like to know?",
    "Would you like to know more about the picture?",
    "I am here if you need more details.",
    "I would be happy to tell you more.",
    "Just ask if you need anything else.",
    "Have a great day!",
    "Thank you for asking!",
    "I am always happy to help.",
)
"""Sentences that may end a polite answer."""

OFFERS = tuple(closer for closer in CLOSERS if re.search(r"know|ask|more|help with", closer) and "asking" not in closer)
"""Those closings that offer more help."""

TEXT_CLOSERS = tuple(closer for closer in CLOSERS if "image" not in closer and "picture" not in closer)

LEADS = (
    "As you can see,",
    "As far as I can see,",
    "From what I can see,",
    "Looking at the image,",
    "Looking at the picture,",
    "Looking closely,",
    "In this image,",
    "In this picture,",
    "In the scene,",
    "Here,",
    "It looks like",
    "I can see that",
    "I can tell you that",
    "You can see that",
    "The image shows that",
)
"""Beginnings of an answer sentence about an image."""

PLACES = ("in the image", "in the picture", "in this scene", "here")
"""General location phrases."""

DETAIL_INSTRUCTIONS = (
    "Describe the image in detail.",
    "Describe this picture in detail.",
    "What do you see in this image?",
    "Can you describe the image for me?",
    "Please tell me what is in the picture.",
    "Please describe all the objects in the image.",
    "Give a detailed description of the scene.",
    "What is shown in the image?",
    "Tell me everything you can see here.",
    "Write a description of the picture.",
)

CHANGE_INSTRUCTIONS = (
    "What is the difference between the two images?",
    "What changed between the two pictures?",
    "Describe the difference between the images.",
    "Can you tell me what changed?",
    "How is the second image different from the first?",
)


def maybe(generator: Random, options: Sequence[str], probability: float) -> list[str]:
    """One of `options` with `probability`, else nothing; nothing of no options."""
    return [generator.choice(options)] if generator.random() < probability and options else []


def wrapped(generator: Random, *sentences: str, image: bool = True, opener: float = 0.6, closer: float = 0.5) -> str:
    """`sentences` with an opener and a closing, each with its probability."""
    first = maybe(generator, OPENERS if image else TEXT_OPENERS, opener)
    last = maybe(generator, CLOSERS if image else TEXT_CLOSERS, closer)
    if last and first and "asking" in last[0]:
        last = []
    return " ".join([*first, *(sentence for sentence in sentences if sentence), *last])
