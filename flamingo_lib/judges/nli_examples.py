"""Training examples for the tiny NLI judge, drawn from Scenes with labels known by construction.

An example is a question, an original annotation and a rewrite; the rewrite gives the same answer (entailment), says
something else instead (contradiction), or nothing at all (neutral). The original need not be true of any scene: the
judge must not learn what scenes look like, only what texts say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from ..scenes.annotations import rationale
from ..scenes.answers import at
from ..scenes.graph import COLORS, POSITIONS, SHAPES, SIZES, Scene, draw_scene
from ..scenes.ground_truth import stated_answer
from ..scenes.language import answer_sentence, details, full_answer, reasoning
from ..scenes.lexicon import NUMBERS, OPPOSITE, RELATIONS, Reference, capital, reference
from ..scenes.phrases import CLOSERS, OPENERS
from ..scenes.questions import QUESTION_TYPES, Question, ask, possible_types
from ..seeding import derive_seed, generator
from ..text import split_sentences
from .nli import CONTRADICTION, ENTAILMENT, NEUTRAL
from .nli_wording import roughen, with_choices

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

KINDS = {
    "same": 0.38,
    "other answer": 0.2,
    "other subject": 0.09,
    "beside the point": 0.13,  # about the right object but not what was asked, or a reason from which no answer follows
    "torn": 0.11,  # "No, the star is left of the ring", asked whether it is left; an object beside itself
    "two answers": 0.04,
    "no answer": 0.05,  # courtesies, refusals
}
"""Ways of making a rewrite, with their weights; errors are counted by way."""

TYPE_WEIGHTS = {"relation": 1.7, "side": 1.7, "count": 1.2}
"""Weights of question types other than 1: small models err most about pairs of objects."""


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
    wanted = random.choices(QUESTION_TYPES, weights=[TYPE_WEIGHTS.get(kind, 1.0) for kind in QUESTION_TYPES])[0]
    if wanted not in possible_types(scene):
        return None
    question = ask(scene, random, wanted)
    true = question.answer
    answer = true if random.random() < 0.6 else random.choice(ANSWERS[question.type])
    original = _original(random, scene, question, answer, answer == true)
    kind = random.choices(list(KINDS), weights=list(KINDS.values()))[0]
    body = _body(random, scene, question, answer, kind, other)
    if body is None:
        return None
    facts = [] if kind == "no answer" else _facts(random, scene if random.random() < 0.7 else other, question)
    rewrite = _dress(random, body, facts)
    label = _label(question, answer, rewrite, kind)
    if label is None:
        return None
    asked = question.text if random.random() < 0.85 else with_choices(random, question, answer, ANSWERS[question.type])
    return NliExample(asked, original, roughen(random, rewrite), label, kind, question.type)


def _original(random: Random, scene: Scene, question: Question, answer: str, is_true: bool) -> str:
    """The annotation as sources have it: mostly curt, at times a full answer, or followed by reasons."""
    curt = random.choice((answer, answer, answer.capitalize(), f"{answer}."))
    way = random.random()
    if way < 0.55:
        return curt
    if way < 0.65:
        return full_answer(question, answer)
    count = random.choice((1, 1, 2, 3))
    reasons = [rationale(random, scene, question) if is_true else full_answer(question, answer) for _ in range(count)]
    reason = " ".join(reason.rstrip(".") + "." for reason in dict.fromkeys(reasons))
    return f"Answer: {answer}. {reason}" if way < 0.85 else f"{curt.rstrip('.')}. {reason}"


def _body(random: Random, scene: Scene, question: Question, answer: str, kind: str, other: Scene) -> str | None:
    """The sentence that answers, or should; None if the question has none of this kind."""
    others = [value for value in ANSWERS[question.type] if value != answer]
    if kind == "same":
        return _perhaps_yes(random, question, _answered(random, question, answer))
    if kind == "other answer":
        return _answered(random, question, random.choice(_near(answer, others, random)))
    if kind == "two answers":
        both = [answer_sentence(random, question, value) for value in (answer, random.choice(others))]
        random.shuffle(both)
        return " ".join(both)
    if kind == "other subject":
        moved = _other_subject(random, question)
        return answer_sentence(random, moved, answer) if moved is not None else None
    if kind == "beside the point":
        return _beside(random, scene if random.random() < 0.8 else other, question)
    if kind == "torn":
        return _torn(random, question, answer)
    return random.choice(("", "", random.choice(REFUSALS)))


def _answered(random: Random, question: Question, answer: str) -> str:
    """The answer as a sentence; a count of all objects sometimes adds how many would be left without some of them."""
    if question.type != "count" or question.target != Reference() or answer == "0" or random.random() < 0.6:
        return answer_sentence(random, question, answer)
    left = random.choice((max(int(answer) - 1, 1), int(answer), random.randint(1, 3)))
    some = Reference(random.choice(COLORS), random.choice((None, *SHAPES))).text(random.choice((1, 2)))
    shown, rest = (f"{NUMBERS[number]} {Reference().text(number)}" for number in (int(answer), left))
    return f"The image shows {shown}, so {rest} would be left without the {some}."


def _perhaps_yes(random: Random, question: Question, sentence: str) -> str:
    """At times a stray "Yes," before an answer to a question that is not one of yes or no."""
    if question.type in ("existence", "relation") or random.random() > 0.06 or not sentence.startswith("The "):
        return sentence
    return f"Yes, t{sentence[1:]}"


def _beside(random: Random, scene: Scene, question: Question) -> str | None:
    """A statement about the asked object that answers another question, or a piece of reasoning."""
    if random.random() < 0.2:
        said = [
            sentence
            for sentence in split_sentences(reasoning(random, scene)[1])
            if sentence not in (*OPENERS, *CLOSERS)
        ]
        return random.choice(said) if said else None
    kinds = [
        kind for kind in ("color", "shape", "size", "position", "side", "relation", "count") if kind != question.type
    ]
    weights = [8.0 if kind == _TEMPTING.get(question.type) else 1.0 for kind in kinds]
    kind, target = random.choices(kinds, weights)[0], question.target
    if kind in ("side", "relation"):
        return _related(
            random, kind, target, question.anchor or random.choice((target, reference(random.choice(scene.objects))))
        )
    true = getattr(question.subject, kind, None)
    answer = true if true in ANSWERS[kind] and random.random() < 0.6 else random.choice(ANSWERS[kind])
    return _perhaps_yes(random, question, answer_sentence(random, Question(kind, "", "", target), answer))


_TEMPTING = {"side": "position", "color": "size", "position": "size", "shape": "size", "size": "position"}
"""By question type, the attribute that a small model states instead, read off the annotation's reason."""


def _related(random: Random, kind: str, target: Reference, anchor: Reference) -> str:
    """A plain statement of how two objects lie."""
    question = Question(kind, "", "", target, anchor, random.choice(RELATIONS))
    sentence = answer_sentence(random, question, random.choice(("left", "right")) if kind == "side" else "yes")
    return capital(sentence.removeprefix("Yes, "))


def _torn(random: Random, question: Question, answer: str) -> str | None:
    """A self-contradictory sentence: polarity against statement, inconsistent positions, an object beside itself."""
    way = random.random()
    if question.type in ("relation", "side") and question.anchor is not None and way < 0.25:
        start = capital(answer) if question.type == "relation" else "Yes"
        first, second = random.choice(POSITIONS), random.choice(POSITIONS)
        positions = f"is {at(first)} and the {question.anchor.text()} is {at(second)}, so they are in the same column"
        return f"{start}, the {question.target.text()} {positions}."
    if question.type == "relation" and answer == "no" and way < 0.7:
        turned = answer_sentence(random, replace(question, relation=OPPOSITE[question.relation or ""]), "no")
        return turned if " not " not in turned else None
    if question.type in ("existence", "relation"):
        opposite = "no" if answer == "yes" else "yes"
        first, rest = answer_sentence(random, question, opposite).split(",", 1)
        return f"{'No' if first == 'Yes' else 'Yes'},{rest}"
    if question.type in ("side", "position"):
        relation = random.choice(RELATIONS)
        itself = Question("relation", "", "", question.target, question.target, relation)
        return capital(answer_sentence(random, itself, "yes").removeprefix("Yes, "))
    return None


def _near(answer: str, others: list[str], random: Random) -> list[str]:
    """Half of the time, only the answers that share a word with the true one, if there are any."""
    near = [value for value in others if set(value.split()) & set(answer.split())]
    return near if near and random.random() < 0.5 else others


def _other_subject(random: Random, question: Question) -> Question | None:
    """The same question of an object, or in relation to one, that differs in color or shape."""
    role = "anchor" if question.anchor is not None and random.random() < 0.5 else "target"
    reference: Reference = getattr(question, role)
    if reference.color is None and reference.shape is None:
        return replace(question, target=Reference(color=random.choice(COLORS))) if question.type == "count" else None
    if question.type == "count" and random.random() < 0.3:
        return replace(
            question, target=Reference(color=random.choice(COLORS), shape=random.choice((None, reference.shape)))
        )
    changed = Reference(
        reference.color and random.choice([color for color in COLORS if color != reference.color]),
        reference.shape and random.choice([shape for shape in SHAPES if shape != reference.shape]),
        reference.size,
    )
    if reference.color and reference.shape and random.random() < 0.6:
        changed = replace(changed, **random.choice(({"color": reference.color}, {"shape": reference.shape})))
    return replace(question, anchor=changed) if role == "anchor" else replace(question, target=changed)


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


def _label(question: Question, answer: str, rewrite: str, kind: str) -> int | None:
    """The label by the ground-truth reader; None if it differs from the intended one.

    A rewrite that claims something but does not give the answer contradicts that the original is the answer; one that
    claims nothing leaves it open.
    """
    stated = stated_answer(question, rewrite)
    if kind == "same":
        return ENTAILMENT if stated == answer else None
    if kind == "no answer":
        return NEUTRAL if stated is None else None
    if kind in ("beside the point", "torn"):
        return ENTAILMENT if stated == answer else CONTRADICTION
    return CONTRADICTION if stated != answer and (stated is not None) == (kind == "other answer") else None
