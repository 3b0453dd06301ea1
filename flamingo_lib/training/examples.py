"""Records as training examples: polite samples, rewrites, raw annotations, and the rewriter's pairs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..chat.template import ChatTurn
from ..config import DistortionConfig
from ..errors import DataError
from ..records import Pair, Rewrite, Sample
from ..scenes.graph import COLORS, SHAPES, SIZES
from ..scenes.language import strip_details
from ..scenes.lexicon import NUMBERS
from ..scenes.questions import parse_question
from ..seeding import generator
from ..sources.images import resolve
from ..storage import read_jsonl
from ..text import split_sentences
from .packing.tokenized import Example

CANDIDATES = 48
"""How many pairs are looked at for a mismatched image."""

_FACTS = frozenset(
    (
        *COLORS,
        *SHAPES,
        *SIZES,
        *NUMBERS,
        *"0123456789",
        *"top bottom left right middle center above below only no none yes".split(),
    )
)
"""Words that state something about a scene."""


def image_files(root: str | os.PathLike, source: str, images: Sequence[str]) -> tuple[str, ...]:
    """The image files of a record of `source`, whose folder is `root`/`source`; `ImageError` if one leaves it."""
    folder = Path(root) / source
    for image in images:
        resolve(folder, image)
    return tuple(str(folder / image) for image in images)


def sample_example(sample: Sample, root: str | os.PathLike) -> Example:
    """A sample as it is: its dialogue, or its instruction and (for raw annotations curt) response; images stand in the
    first turn.
    """
    turns = [(turn.instruction, turn.response) for turn in sample.turns] or [(sample.instruction, sample.raw)]
    chat = tuple(
        ChatTurn(ask, answer, images=0 if index else len(sample.images)) for index, (ask, answer) in enumerate(turns)
    )
    return Example(sample.id, chat, image_files(root, sample.source, sample.images))


def rewrite_example(rewrite: Rewrite, root: str | os.PathLike, *, raw: bool = False) -> Example:
    """A rewritten sample with its final text as the response, or with the raw annotation for comparison."""
    sample = rewrite.sample
    turn = ChatTurn(sample.instruction, sample.raw if raw else rewrite.final, images=len(sample.images))
    return Example(sample.id, (turn,), image_files(root, sample.source, sample.images))


def pair_examples(
    pairs: Sequence[Pair], root: str | os.PathLike, *, config: DistortionConfig, seed: int
) -> Iterator[Example]:
    """The rewriter's examples: draft in the prompt, target as the response (METHOD section 2).

    Ours, against answering from the image instead of from the draft: with probability `config.image_dropped` a visual
    question loses its image, and with `config.image_mismatched` it keeps one, but another pair's: of `CANDIDATES` drawn
    at random the one that is asked the most alike, so that the image tends to show what is asked about, otherwise. What
    only the right image could tell is taken out of such a target. Each pair's fate depends on `(seed, pair.id)`.

    Descriptions keep their image: captions and boxes alone don't say all that the target says.
    """
    others = [
        (pair.source, pair.images, frozenset(pair.instruction.lower().split()))
        for pair in pairs
        if len(pair.images) == 1
    ]
    others.sort(key=lambda other: (other[0], other[1], sorted(other[2])))
    for pair in pairs:
        source, images, target = pair.source, pair.images, pair.target
        if images and is_question(pair.instruction):
            random = generator(seed, "rewriter images", pair.id)
            if random.random() < config.image_dropped:
                images = ()
            elif len(images) == 1 and random.random() < config.image_mismatched and len(others) > 1:
                asked = frozenset(pair.instruction.lower().split())
                drawn = random.choices(others, k=CANDIDATES)
                source, images, _ = max(
                    drawn,
                    key=lambda other: (other[1] != pair.images, len(asked & other[2]) - len(asked ^ other[2]) / 2),
                )
            if (source, images) != (pair.source, pair.images):
                target = without_unsaid(target, pair.draft)
        turn = ChatTurn(pair.instruction, target, images=len(images), draft=pair.draft)
        yield Example(pair.id, (turn,), image_files(root, source, images))


def is_question(instruction: str) -> bool:
    """Whether the instruction is a question with one curt answer, which a draft then holds."""
    try:
        parse_question(instruction)
    except DataError:
        return False
    return True


def without_unsaid(target: str, draft: str) -> str:
    """`target` without those supporting sentences whose facts the draft doesn't state."""
    essential = set(split_sentences(strip_details(target)))
    stated = _facts([draft])
    return " ".join(part for part in split_sentences(target) if part in essential or _facts([part]) <= stated)


def _facts(texts: Iterable[str]) -> set[str]:
    words = {word for text in texts for word in re.findall(r"[a-z]+|\d", text.lower())}
    numbers = {str(number): word for number, word in enumerate(NUMBERS)}
    singular = {
        word.removesuffix("es") if word == "crosses" else word.removesuffix("s") if word[:-1] in SHAPES else word
        for word in words
    }
    return {numbers.get(word, word) for word in singular if word in _FACTS}


def read_examples(path: str | os.PathLike, root: str | os.PathLike) -> Iterator[Example]:
    """Chats of a JSON-lines file, their image paths resolved inside `root`.

    A line is ``{"id", "turns": [{"instruction", "response", "images", "draft"}], "images": [...]}``; `images` of a turn
    says how many of the chat's images stand in it (0 if left out).

    Raises:
        DataError: a line that is no chat, or an image outside `root`; the line is named.
    """
    base = Path(root).resolve()
    for number, record in enumerate(read_jsonl(path), start=1):
        try:
            turns = tuple(ChatTurn(**turn) for turn in record["turns"])
            files = tuple(str((base / name).resolve()) for name in record.get("images", ()))
            example = Example(str(record.get("id", number)), turns, files)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"not a chat: {error}", file=path, record=f"line {number}") from error
        outside = [name for name in files if not Path(name).is_relative_to(base)]
        if outside or not turns or any(turn.response is None for turn in turns):
            what = "an image outside the images' folder" if outside else "a turn without a response"
            raise DataError(what, file=path, record=f"line {number}", remedy="Mend the line.")
        yield example
