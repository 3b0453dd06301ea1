"""Records as training conversations: polite samples, PF-1M records, raw annotations, and the rewriter's pairs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..config import DistortionConfig
from ..pf1m.record import Pf1mRecord
from ..records import Conversation, Pair, Sample, Turn
from ..renamed import renamed
from ..seeding import generator
from ..sources.images import resolve
from .unsaid import UnsaidRule, WordOverlap

CANDIDATES = 48
"""How many pairs are considered for a mismatched image."""


def image_files(root: str | os.PathLike, source: str, images: Sequence[str]) -> tuple[str, ...]:
    """The image files of a record of `source`, whose folder is `root`/`source`; `ImageError` if one leaves it."""
    folder = Path(root) / source
    for image in images:
        resolve(folder, image)
    return tuple(str(folder / image) for image in images)


def sample_example(sample: Sample, root: str | os.PathLike, files: Sequence[str] | None = None) -> Conversation:
    """A sample as a conversation: its dialogue, or its instruction and (for raw annotations curt) response.

    Each image stands in its turn.

    Args:
        root: the folder with one subfolder a dataset.
        files: the image files if they differ from the sample's own below `root`.
    """
    images = image_files(root, sample.source, sample.images) if files is None else tuple(files)
    return Conversation(sample.id, sample.dialogue, images)


def pf1m_example(record: Pf1mRecord, files: Sequence[str], name: str = "") -> Conversation:
    """A PF-1M record: its instruction with its images, its output as the response.

    Args:
        files: the record's image files (`pf1m.images.record_files`).
        name: the conversation's id where the record, as the released ones, has none.
    """
    turn = Turn(record.instruction, record.output, images=len(files))
    return Conversation(record.id or name, (turn,), tuple(files))


def pair_examples(
    pairs: Sequence[Pair],
    root: str | os.PathLike,
    *,
    config: DistortionConfig,
    seed: int,
    unsaid: UnsaidRule | None = None,
) -> Iterator[Conversation]:
    """The rewriter's conversations: draft in the prompt, target as the response (docs/method.md, section 2).

    Ours, against answering from the image instead of from the draft: with probability `config.image_dropped` a visual
    question loses its image, and with `config.image_mismatched` it keeps one, but another pair's: of `CANDIDATES` drawn
    at random the one that is asked the most alike, so that the image tends to show what is asked about, otherwise. What
    only the right image could tell is taken out of such a target. Each pair's fate depends on `(seed, pair.id)`.

    Descriptions keep their image: captions and boxes alone don't say all that the target says.

    Args:
        root: the folder with one subfolder a dataset.
        unsaid: which instructions are questions, and what a draft does not say; by default `WordOverlap`.
    """
    unsaid = unsaid or WordOverlap()
    others = [
        (pair.source, pair.images, frozenset(pair.instruction.lower().split()))
        for pair in pairs
        if len(pair.images) == 1
    ]
    others.sort(key=lambda other: (other[0], other[1], sorted(other[2])))
    for pair in pairs:
        source, images, target = pair.source, pair.images, pair.target
        if images and unsaid.is_question(pair.instruction):
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
                target = unsaid.drop_unsaid(target, pair.draft)
        turn = Turn(pair.instruction, target, images=len(images), draft=pair.draft)
        yield Conversation(pair.id, (turn,), image_files(root, source, images))


__getattr__ = renamed(__name__, read_examples="flamingo_lib.training.chat_files.read_examples")
