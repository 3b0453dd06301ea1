"""Changes between two scenes, found, described and checked in free text (for pairs as in Spot-the-Diff)."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from ..text import split_sentences
from .answers import at
from .claims import read_claims
from .graph import Change, Scene
from .ground_truth import claim_holds
from .lexicon import Reference, article, capital
from .phrases import CLOSERS, TEXT_OPENERS, maybe
from .text_parser import Item, read, tokens


def find_change(before: Scene, after: Scene) -> Change | None:
    """The one change that leads from `before` to `after`, as `edit_scene` makes them; None if they are alike."""
    gone = [item for item in before.objects if item not in after.objects]
    new = [item for item in after.objects if item not in before.objects]
    if not gone and not new:
        return None
    if not new:
        return Change("removed", gone[0], None)
    if not gone:
        return Change("added", None, new[0])
    old, item = gone[0], new[0]
    kind = "recolored" if old.color != item.color else "resized" if old.size != item.size else "moved"
    return Change(kind, old, item)


_LEADS = (
    "In the second image,",
    "In the second picture,",
    "Comparing the two images,",
    "If you compare the two pictures,",
    "As you can see,",
    "The difference is that",
    "I can see that",
)
_REST = (
    "Everything else is the same.",
    "The rest of the image is the same.",
    "All the other objects are the same as before.",
    "",
)
_NONE = (
    "There is no difference between the two images.",
    "The two images are the same.",
    "I cannot see any difference between the two images.",
)


def describe_change(generator: Random, change: Change | None) -> str:
    """A polite description of `change` in a sentence or two; None says that nothing changed."""
    if change is None:
        parts = [generator.choice(_NONE)]
    else:
        statement = generator.choice(_statements(change))
        first = f"{generator.choice(_LEADS)} {statement}." if generator.random() < 0.6 else f"{capital(statement)}."
        parts = [first, *(rest for rest in maybe(generator, _REST, 0.5) if rest)]
    closers = tuple(closer for closer in CLOSERS if "the image" not in closer and "the picture" not in closer)
    return " ".join([*maybe(generator, TEXT_OPENERS, 0.5), *parts, *maybe(generator, closers, 0.4)])


def _statements(change: Change) -> tuple[str, ...]:
    old, new = change.before, change.after
    if new is None:
        name, location = change.subject.name(), at(change.subject.position)
        return (
            f"the {name} {location} is gone",
            f"the {name} that was {location} has disappeared",
            f"the {name} was removed from the {change.subject.position}",
            f"the {name} is missing",
            f"the {name} {location} was taken away",
        )
    if old is None:
        name, location = new.name(), at(new.position)
        return (
            f"there is a new {name} {location}",
            f"{article(new.name(size=True))} has appeared {location}",
            f"{article(name)} was added {location}",
            f"a new {new.size} {name} has appeared {location}",
        )
    name, location = old.name(), at(old.position)
    if change.kind == "moved":
        return (
            f"the {name} has moved from the {old.position} to the {new.position}",
            f"the {name} moved to the {new.position}",
            f"the {name} was {location} before and is now {at(new.position)}",
            f"the {name} is now {at(new.position)}",
        )
    if change.kind == "recolored":
        return (
            f"the {name} {location} is now {new.color}",
            f"the {name} has turned {new.color}",
            f"the {old.shape} {location} has changed its color from {old.color} to {new.color}",
            f"the color of the {name} has changed to {new.color}",
        )
    word = "larger" if new.size == "large" else "smaller"
    return (
        f"the {name} is now {new.size}",
        f"the {name} {location} has become {word}",
        f"the {old.size} {name} has become {new.size}",
        f"the {name} {location} is {word} than before",
    )


def curt_change(generator: Random, change: Change | None) -> str:
    """A hurried annotator's fragment for `change`."""
    if change is None:
        return "no difference"
    old, new, name = change.before, change.after, change.subject.name()
    position = change.subject.position
    ways: tuple[str, ...]
    if new is None:
        ways = (
            f"the {name} is gone",
            f"{name} gone",
            f"{position} {name} is missing",
            f"{name} removed from {position}",
        )
    elif old is None:
        ways = (
            f"a new {name}",
            f"new {name} {position}",
            f"{new.size} {name} added {at(position)}",
            f"there is a new {name} {at(position)}",
        )
    elif change.kind == "moved":
        ways = (
            f"{name} moved to {new.position}",
            f"the {name} is now {at(new.position)}",
            f"{name} moved from {position} to {new.position}",
        )
    elif change.kind == "recolored":
        ways = (
            f"the {name} is now {new.color}",
            f"{position} {old.shape} turned {new.color}",
            f"{name} turned {new.color}",
        )
    else:
        word = "larger" if new.size == "large" else "smaller"
        ways = (f"the {name} is {word}", f"{name} is now {new.size}", f"{name} {position} became {word}")
    return generator.choice(ways)


WORDS = {
    "moved": {"moved", "moves", "shifted"},
    "recolored": {"turned", "recolored"},
    "resized": {"larger", "smaller", "bigger", "grown", "grew", "shrunk", "shrank", "resized"},
    "added": {"new", "added", "appeared", "appears"},
    "removed": {"gone", "disappeared", "removed", "missing", "away", "vanished", "without"},
}
"""Words that reveal the kind of a change; after "now", "become" and "changed" the next words decide."""


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """A text's claims about a change: how many, which of them are false, and whether the change is named at all."""

    n_claims: int
    false_claims: tuple[str, ...]
    told: bool

    @property
    def ok(self) -> bool:
        """True if the change is told and nothing false is said of it."""
        return self.told and not self.false_claims


def check_change(before: Scene, after: Scene, text: str) -> ChangeReport:
    """Compare what `text` says has changed with what did change from `before` to `after`.

    Sentences that tell no change but describe a picture must be true of one of the two.
    """
    change = find_change(before, after)
    false: list[str] = []
    count, told = 0, False
    for sentence in split_sentences(text):
        words, items = tokens(sentence), read(sentence)
        if sentence.rstrip().endswith("?"):
            continue
        if ({"same", "no"} & set(words) and {"images", "difference", "pictures"} & set(words)) or {
            "not",
            "cannot",
        } & set(words):
            count, told = count + 1, change is None or told
            if change is not None:
                false.append("no difference")
            continue
        kind = _kind(words, items)
        if kind is None:
            told_here = [] if {"same", "rest", "else"} & set(words) else _in_neither(before, after, sentence)
            count, false = count + len(told_here), false + [text for text, wrong in told_here if wrong]
            continue
        count, told = count + 1, told or (change is not None and kind == change.kind)
        if change is None or kind != change.kind:
            false.append(f"something was {kind}")
            continue
        more, wrong = _details(change, words, items)
        count, false = count + more, false + wrong
    return ChangeReport(count, tuple(false), told)


def _in_neither(before: Scene, after: Scene, sentence: str) -> list[tuple[str, bool]]:
    """What a sentence that tells no change claims, and whether it holds in neither picture."""
    return [
        (claim.subject.text(), not (claim_holds(before, claim) or claim_holds(after, claim)))
        for claim in read_claims(sentence).claims
    ]


def _kind(words: list[str], items: list[Item]) -> str | None:
    """The kind of change a sentence tells; None if it tells none."""
    for kind in ("removed", "added", "moved", "recolored", "resized"):
        if WORDS[kind] & set(words):
            return kind
    if not {"now", "become", "becomes", "became", "changed"} & set(words):
        return None
    named = {item.value[0] for item in items if item.kind == "attribute"}
    if "color" in named:
        return "recolored"
    return "resized" if "size" in named else "moved" if any(item.kind == "position" for item in items) else None


def _details(change: Change, words: list[str], items: list[Item]) -> tuple[int, list[str]]:
    """The number of details a sentence gives about a change of the right kind, and those that are false."""
    old, new = change.before or change.subject, change.after or change.subject
    false: list[str] = []
    count = 0
    named_as = (old,) if any(item.kind == "attribute" for item in items) else (old, new)
    for item in items:
        if item.kind == "mention" and item.reference != Reference() and item.determiner != "other":
            count += 1
            if not any(item.reference.matches(object) for object in named_as):
                false.append(item.reference.text())
    positions = [item.value for item in items if item.kind == "position"]
    allowed = [(old.cell, new.cell)] if len(positions) == 2 and change.kind == "moved" else [(old.cell,), (new.cell,)]
    if change.kind == "moved" and len(positions) == 1:
        allowed = [(new.cell,)]
    count += len(positions)
    if positions and not any(
        all(cell in position for cell, position in zip(cells, positions, strict=False)) for cells in allowed
    ):
        false.append("where it is")
    values = [item.value for item in items if item.kind == "attribute"]
    for name in ("color", "size"):
        stated = [value for kind, value in values if kind == name]
        count += len(stated)
        if stated and (stated[-1] != getattr(new, name) or (len(stated) == 2 and stated[0] != getattr(old, name))):
            false.append(f"its {name}")
    if change.kind == "resized" and {"larger", "bigger", "grown", "grew", "smaller", "shrunk", "shrank"} & set(words):
        count += 1
        if bool({"larger", "bigger", "grown", "grew"} & set(words)) != (new.size == "large"):
            false.append("its size")
    return count, false
