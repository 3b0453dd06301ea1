"""Examples for the tiny NLI judge, drawn from Scenes with the label known by construction and checked by the truth reader.

An example is a question, an original annotation and a rewrite; the rewrite gives the same answer (entailment), another answer
or the same of another object (contradiction), or none (neutral). The original need not be true of any scene: the judge must
not learn what scenes look like, only what texts say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from ..scenes.graph import COLORS, POSITIONS, SHAPES, SIZES, Scene, draw_scene
from ..scenes.language import answer_sentence, details, full_answer, rationale, sentences
from ..scenes.lexicon import Reference
from ..scenes.phrases import CLOSERS, LEADS, OPENERS
from ..scenes.questions import QUESTION_TYPES, Question, ask, possible_types
from ..scenes.truth import stated_answer
from ..seeding import derive_seed, generator
from .nli import CONTRADICTION, ENTAILMENT, NEUTRAL

ANSWERS = {
    "color": COLORS,
    "shape": SHAPES,
    "count": ("0", "1", "2", "3", "4"),
    "existence": ("yes", "no"),
    "relation": ("yes", "no"),
    "side": ("left", "right"),
    "position": POSITIONS,
    "size": SIZES,
}
"""Every curt answer of each question type."""

REFUSALS = (
    "I am not sure about that.",
    "I cannot tell from the image.",
    "It is hard to say.",
    "I do not know the answer.",
)

KINDS = ("same", "other answer", "other subject", "two answers", "no answer")
"""How the rewrite was made; what errors are counted by."""


@dataclass(frozen=True, slots=True)
class NliExample:
    """One labelled example.

    Attributes:
        label: index into `nli.LABELS`.
        kind: one of `KINDS`.
        type: the question's type.
    """

    question: str
    original: str
    rewrite: str
    label: int
    kind: str
    type: str


def nli_example(seed: int, split: str, index: int) -> NliExample:
    """Example `index` of a split (``"train"`` or ``"test"``); splits share no scene and no draw."""
    attempt = 0
    while (example := _draw(seed, split, index, attempt)) is None:
        attempt += 1
    return example


def nli_examples(seed: int, split: str, count: int) -> list[NliExample]:
    """The first `count` examples of a split."""
    return [nli_example(seed, split, index) for index in range(count)]


def _draw(seed: int, split: str, index: int, attempt: int) -> NliExample | None:
    key = ("judges", "nli", split, index, attempt)
    random = generator(seed, *key)
    scene = draw_scene(derive_seed(seed, *key), "judges", held_out=random.random() < 0.35)
    other = draw_scene(derive_seed(seed, *key, "other"), "judges", held_out=random.random() < 0.35)
    wanted = random.choice(QUESTION_TYPES)
    if wanted not in possible_types(scene):
        return None
    question = ask(scene, random, wanted)
    true = question.answer
    answer = true if random.random() < 0.6 else random.choice(ANSWERS[question.type])
    original = _original(random, scene, question, answer, answer == true)
    kind = random.choices(KINDS, weights=(0.42, 0.28, 0.12, 0.08, 0.1))[0]
    body, label = _body(random, question, answer, kind, other)
    if body is None:
        return None
    rewrite = _dress(random, body, _facts(random, scene if random.random() < 0.7 else other, question))
    if not _as_meant(question, answer, rewrite, label, kind):
        return None
    return NliExample(question.text, original, _roughen(random, rewrite), label, kind, question.type)


def _original(random: Random, scene: Scene, question: Question, answer: str, is_true: bool) -> str:
    """The annotation as sources have it: mostly curt, at times a full answer, or followed by a reason."""
    curt = random.choice((answer, answer, answer.capitalize(), f"{answer}."))
    way = random.random()
    if way < 0.6:
        return curt
    if way < 0.72:
        return full_answer(question, answer)
    reason = rationale(random, scene, question) if is_true else full_answer(question, answer)
    return f"Answer: {answer}. {reason}" if way < 0.86 else f"{curt.rstrip('.')}. {reason}"


def _body(random: Random, question: Question, answer: str, kind: str, other: Scene) -> tuple[str | None, int]:
    """The sentence (or none) that answers, and the label it makes."""
    asked = replace(question, answer=answer)
    if kind == "same":
        return answer_sentence(random, asked), ENTAILMENT
    others = [value for value in ANSWERS[question.type] if value != answer]
    if kind == "other answer":
        return answer_sentence(random, asked, random.choice(_near(answer, others, random))), CONTRADICTION
    if kind == "two answers":
        both = [answer_sentence(random, asked, value) for value in (answer, random.choice(others))]
        random.shuffle(both)
        return " ".join(both), CONTRADICTION
    if kind == "other subject":
        moved = _other_subject(random, question)
        return (answer_sentence(random, replace(moved, answer=answer)), CONTRADICTION) if moved is not None else (None, CONTRADICTION)
    return random.choice(("", "", random.choice(REFUSALS))), NEUTRAL


def _near(answer: str, others: list[str], random: Random) -> list[str]:
    """Half of the time only answers that share a word with the true one, where there are any."""
    near = [value for value in others if set(value.split()) & set(answer.split())]
    return near if near and random.random() < 0.5 else others


def _other_subject(random: Random, question: Question) -> Question | None:
    """The same question of an object, or in relation to one, that differs in color or shape."""
    role = "anchor" if question.anchor is not None and random.random() < 0.5 else "target"
    reference: Reference = getattr(question, role)
    if reference.color is None and reference.shape is None:
        return None
    changed = Reference(
        reference.color and random.choice([color for color in COLORS if color != reference.color]),
        reference.shape and random.choice([shape for shape in SHAPES if shape != reference.shape]),
        reference.size,
    )
    if reference.color and reference.shape and random.random() < 0.6:
        changed = replace(changed, **random.choice(({"color": reference.color}, {"shape": reference.shape})))
    return replace(question, **{role: changed})


def _facts(random: Random, scene: Scene, question: Question) -> list[str]:
    """Perhaps a supporting sentence or two; in a judge's eyes they say nothing about the answer."""
    if random.random() < 0.5:
        return []
    item = random.choice(scene.objects)
    about = replace(question, subject=item if question.subject is not None else None, other=None)
    some = [fact for fact in details(random, scene, about) if fact]
    return random.sample(some, min(len(some), random.choice((1, 1, 2))))


def _dress(random: Random, body: str, facts: list[str]) -> str:
    """Courtesies around the answer, and facts behind it or, more rarely, before it."""
    middle = (
        [*facts, body]
        if random.random() < 0.1 and not any(fact.startswith(("It ", "You can find it")) for fact in facts)
        else [body, *facts]
    )
    first = [random.choice(OPENERS)] if random.random() < 0.5 else []
    last = [random.choice(CLOSERS)] if random.random() < 0.45 else []
    return " ".join(part for part in (*first, *middle, *last) if part) or random.choice(OPENERS)


def _as_meant(question: Question, answer: str, rewrite: str, label: int, kind: str) -> bool:
    """Whether the truth reader finds in the rewrite what it was made to say."""
    stated = stated_answer(question, rewrite)
    if label == ENTAILMENT:
        return stated == answer
    if kind == "other answer":
        return stated is not None and stated != answer
    return stated is None


def _roughen(random: Random, text: str) -> str:
    """At times a slip of a small language model that leaves the answer as it is: a doubled word, a lost period, a cut tail."""
    way = random.random()
    if way < 0.8:
        return text
    parts = sentences(text)
    if way < 0.84:
        words = text.split()
        place = random.randrange(len(words))
        return " ".join([*words[: place + 1], *words[place:]])
    if way < 0.88:
        place = random.randrange(len(parts))
        return " ".join([*parts[: place + 1], *parts[place:]])
    if way < 0.92:
        return text.rstrip(".!?")
    if way < 0.96:
        return text.lower()
    lead = random.choice(LEADS)
    return f"{text} {lead}" if random.random() < 0.5 else f"{text} The"
