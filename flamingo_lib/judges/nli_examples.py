"""Training examples for the tiny NLI judge, drawn from Scenes with labels known by construction.

An example is a question, an original annotation and a rewrite; the rewrite gives the same answer (entailment), says
something else instead (contradiction), or nothing at all (neutral). Either may be curt, and a rewrite may show what it
concludes from (`nli_reasons`): evaluation holds the answers of curt and of talkative models against references in the
same way. The original need not be true of any scene: the judge must not learn what scenes look like, only what texts
say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from ..scenes.annotations import rationale
from ..scenes.answers import SUBJECT_FIRST, subject_first
from ..scenes.graph import COLORS, SHAPES, Scene, draw_scene
from ..scenes.ground_truth import stated_answer
from ..scenes.language import REASONED, answer_sentence, details, full_answer, reason
from ..scenes.lexicon import NUMBERS, Reference
from ..scenes.phrases import CLOSERS, OPENERS
from ..scenes.questions import QUESTION_TYPES, Question, ask, possible_types
from ..seeding import derive_seed, generator
from .nli import CONTRADICTION, ENTAILMENT, NEUTRAL
from .nli_faults import beside_the_point, other_subject, torn
from .nli_reasons import reasoned_other, reasoned_same, reasoned_torn, scene_answering
from .nli_wording import ANSWERS, as_statement, curt_text, perhaps_yes, roughen, vague_text, with_choices

REFUSALS = (
    "I am not sure about that.",
    "I cannot tell from the image.",
    "It is hard to say.",
    "I do not know the answer.",
)

KINDS = {
    "same": 0.2,
    "other answer": 0.09,
    "other subject": 0.09,
    "beside the point": 0.08,  # about the right object but not what was asked, or a reason from which no answer follows
    "torn": 0.1,  # "No, the star is left of the ring", asked whether it is left; an object beside itself
    "two answers": 0.03,
    "no answer": 0.03,  # courtesies, refusals
    "curt same": 0.07,
    "curt other": 0.05,
    "curt vague": 0.02,  # a word that answers another question
    "reasoned same": 0.12,  # behind what the image shows, or before it
    "reasoned other": 0.08,
    "reasoned torn": 0.04,  # the conclusion does not follow from what the image is said to show
}
"""Ways of making a rewrite, with their weights; errors are counted by way."""

TYPE_WEIGHTS = {"relation": 1.7, "side": 1.7, "count": 1.2}
"""Weights of question types other than 1: small models err most about pairs of objects."""

SUBJECT_FIRST_SHARE = 0.4
"""Share of the answers without yes or no, as conversations give them, where the question allows one."""

TORN_WEIGHTS = {"existence": 1.0, "relation": 4.0, "side": 1.5, "position": 1.0}
"""Weights of the types whose answers can be torn."""


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
    kind = random.choices(list(KINDS), weights=list(KINDS.values()))[0]
    wanted = _type(random, kind)
    if wanted not in possible_types(scene):
        return None
    question = ask(scene, random, wanted)
    true = question.answer
    answer = true if random.random() < 0.6 else random.choice(ANSWERS[question.type])
    original = _original(random, scene, question, answer, answer == true)
    asked = _asked(random, question, answer)
    if kind.startswith("curt"):
        return _curt_example(random, question, answer, kind, asked, original)
    if kind.startswith("reasoned"):
        body, facts = _reasoned(random, scene, question, answer, kind, original), []
    else:
        body = _body(random, scene, question, answer, kind, other)
        facts = _facts(random, scene if random.random() < 0.7 else other, question, answer, kind)
    if body is None:
        return None
    rewrite = _dress(random, body, facts)
    label = _label(question, answer, rewrite, kind)
    if label is None:
        return None
    return NliExample(asked, original, roughen(random, rewrite), label, kind, question.type)


def _type(random: Random, kind: str) -> str:
    """The question's type, of those that have rewrites of this kind."""
    if kind == "torn":
        return random.choices(list(TORN_WEIGHTS), weights=list(TORN_WEIGHTS.values()))[0]
    types = REASONED if kind.startswith("reasoned") else QUESTION_TYPES
    weights = [TYPE_WEIGHTS.get(name, 1.0) for name in types]
    if kind == "other subject":
        weights = [3.0 if name == "count" else weight for name, weight in zip(types, weights, strict=True)]
    return random.choices(types, weights=weights)[0]


def _asked(random: Random, question: Question, answer: str) -> str:
    """The question as sources ask it: alone, with choices, or as a statement to be checked."""
    way = random.random()
    if question.type == "relation" and way < 0.2:
        return as_statement(random, question)
    return question.text if way < 0.85 else with_choices(random, question, answer, ANSWERS[question.type])


def _curt_example(
    random: Random, question: Question, answer: str, kind: str, asked: str, original: str
) -> NliExample | None:
    """A curt answer against the original, or against a reference sentence; None if the words came out otherwise."""
    others = [value for value in ANSWERS[question.type] if value != answer]
    if random.random() < 0.3:
        original = answer_sentence(random, question, answer)
    if kind == "curt vague":
        text = vague_text(random, question.type, ANSWERS)
        stated = stated_answer(question, text)
        return NliExample(asked, original, text, NEUTRAL, kind, question.type) if stated is None else None
    same = kind == "curt same"
    given = answer if same else random.choice(_near(answer, others, random))
    text = curt_text(random, question, given)
    if stated_answer(question, text) != given:
        return None
    return NliExample(asked, original, text, ENTAILMENT if same else CONTRADICTION, kind, question.type)


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
        said = perhaps_yes(random, question, _answered(random, question, answer))
        return said if random.random() < 0.92 else f"{said} {answer_sentence(random, question, answer)}"
    if kind == "other answer":
        return _answered(random, question, random.choice(_near(answer, others, random)))
    if kind == "two answers":
        both = [answer_sentence(random, question, value) for value in (answer, random.choice(others))]
        random.shuffle(both)
        return " ".join(both)
    if kind == "other subject":
        moved = other_subject(random, question)
        return _answered(random, moved, answer) if moved is not None else None
    if kind == "beside the point":
        return beside_the_point(random, scene if random.random() < 0.8 else other, question)
    if kind == "torn":
        return torn(random, question, answer)
    return random.choice(("", "", random.choice(REFUSALS)))


def _reasoned(random: Random, scene: Scene, question: Question, answer: str, kind: str, original: str) -> str | None:
    """An answer and its evidence, of one of the reasoned kinds; None if the question has none of this kind."""
    if kind == "reasoned torn":
        return reasoned_torn(random, scene, question, answer, original)
    return (reasoned_same if kind == "reasoned same" else reasoned_other)(random, scene, question, answer)


def _answered(random: Random, question: Question, answer: str) -> str:
    """The answer as a sentence; a count of all objects sometimes adds how many would be left without some of them."""
    if question.type in SUBJECT_FIRST and random.random() < SUBJECT_FIRST_SHARE:
        return subject_first(question, answer)
    if question.type != "count" or question.target != Reference() or answer == "0" or random.random() < 0.5:
        return answer_sentence(random, question, answer)
    left = random.choice((max(int(answer) - 1, 1), int(answer), random.randint(1, 3)))
    some = Reference(random.choice(COLORS), random.choice((None, *SHAPES))).text(random.choice((1, 2)))
    shown, rest = (f"{NUMBERS[number]} {Reference().text(number)}" for number in (int(answer), left))
    if random.random() < 0.5:
        return f"{answer_sentence(random, question, answer)} If we take away the {some}, we would have {rest} left."
    without = f" without the {some}" if random.random() < 0.7 else ""
    return f"The image shows {shown}, so {rest} would be left{without}."


def _near(answer: str, others: list[str], random: Random) -> list[str]:
    """Half of the time, only the answers that share a word with the true one, if there are any."""
    near = [value for value in others if set(value.split()) & set(answer.split())]
    return near if near and random.random() < 0.5 else others


def _facts(random: Random, scene: Scene, question: Question, answer: str, kind: str) -> list[str]:
    """Perhaps a supporting sentence or two, which say nothing about the answer, or the reason of the original's."""
    if kind == "no answer" or random.random() < 0.5:
        return []
    item = random.choice(scene.objects)
    about = replace(question, subject=item if question.subject is not None else None, other=None)
    some = [fact for fact in details(random, scene, about) if fact]
    found = scene_answering(random, scene, question, answer) if question.type in REASONED else None
    if found and random.random() < 0.5 and (why := reason(random, *found)):
        return [why, *random.sample(some, min(len(some), random.choice((0, 0, 1))))]
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
    if kind in ("same", "reasoned same"):
        return ENTAILMENT if stated == answer else None
    if kind == "reasoned torn":
        return CONTRADICTION
    if kind == "no answer":
        return NEUTRAL if stated is None else None
    if kind in ("beside the point", "torn"):
        return ENTAILMENT if stated == answer else CONTRADICTION
    if kind == "reasoned other":
        return CONTRADICTION if stated != answer else None
    return CONTRADICTION if stated != answer and (stated is not None) == (kind == "other answer") else None
