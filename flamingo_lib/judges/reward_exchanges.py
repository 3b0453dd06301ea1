"""Exchanges that the tiny reward judge is trained on: instructions of every task, and writers of their responses."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from ..records import Box
from ..scenes.annotations import caption, rationale
from ..scenes.answers import at
from ..scenes.changes import curt_change, describe_change
from ..scenes.graph import Scene, draw_scene, edit_scene
from ..scenes.language import answer_sentence, details, full_answer, helpful, paragraph, reason
from ..scenes.lexicon import article, capital, listing
from ..scenes.phrases import CHANGE_INSTRUCTIONS, DETAIL_INSTRUCTIONS
from ..scenes.questions import Question, ask, possible_types
from ..sources.prompts import POOLS, listed
from .nli_examples import ANSWERS
from .reward_falsehoods import false_change, false_description, false_question
from .reward_grades import Exchange, polite_parts
from .reward_knowledge import object_exchange, reasoning_exchange, text_exchange

TASKS = {"question": 0.56, "description": 0.14, "change": 0.07, "reasoning": 0.06, "text": 0.11, "object": 0.06}
"""Tasks with their weights."""


def draw_exchange(random: Random, scene_seed: int, task: str | None = None) -> Exchange:
    """A random exchange of `task`, or of any; equal generators and seeds give equal ones."""
    scene = draw_scene(scene_seed, "judges", held_out=random.random() < 0.35)
    task = task or random.choices(list(TASKS), list(TASKS.values()))[0]
    return _WRITERS[task](random, scene)


def box_line(box: Box) -> str:
    """A box as the prompts of the rewriter write it."""
    return f"{box.name}: [{box.x1:.3f}, {box.y1:.3f}, {box.x2:.3f}, {box.y2:.3f}]"


def _question(random: Random, scene: Scene) -> Exchange:
    question = ask(scene, random, random.choice(possible_types(scene)))

    def supported(random: Random) -> str:
        why = reason(random, scene, question)
        facts = [fact for fact in details(random, scene, question) if fact]
        random.shuffle(facts)
        facts = facts[: random.choice((1, 1, 1, 2, 3, 4))]
        facts.sort(key=lambda fact: not fact.startswith(("It ", "You can find it")))  # before other objects are named
        return " ".join([answer_sentence(random, question), *(facts if random.random() < 0.6 or not why else [why])])

    def rich(random: Random) -> str:
        opener, offer = random.choice(((0.75, 0.8), (0.4, 0.8), (0.4, 0.3), (0.75, 0.3)))
        return helpful(random, scene, question, opener=opener, offer=offer)

    return Exchange(
        _asked(random, question), "question", True,
        curt=lambda random: _curt_answer(random, scene, question),
        plain=lambda random: _plain_answer(random, question),
        supported=supported,
        rich=rich,
        false=lambda random: false_question(random, scene, question),
    )  # fmt: skip


def _asked(random: Random, question: Question) -> str:
    """The question as the sources ask it: alone, with choices, or as a statement to be checked."""
    if question.type == "relation" and random.random() < 0.25:
        statement = full_answer(question, "yes").removeprefix("Yes, ")
        return random.choice(POOLS["statement"]).format(statement=capital(statement))
    if random.random() < 0.8 or question.type in ("existence", "relation"):
        return question.text
    others = [answer for answer in ANSWERS[question.type] if answer != question.answer]
    choices = [question.answer, *random.sample(others, min(3, len(others)))]
    random.shuffle(choices)
    pool = POOLS[random.choice(("choices", "choices_listed", "choices_listed"))]
    return random.choice(pool).format(question=question.text, choices=listed(choices))


def _plain_answer(random: Random, question: Question) -> str:
    """The answer in one sentence, at times in two that say the same."""
    texts = [full_answer(question) if random.random() < 0.15 else answer_sentence(random, question)]
    if random.random() < 0.2:
        again = answer_sentence(random, question)
        texts += [again] * (again.lower() != texts[0].lower())
    return " ".join(texts)


def _curt_answer(random: Random, scene: Scene, question: Question) -> str:
    """An annotation: the bare answer, with rationales, a careless sentence, or an annotator's long notes."""
    answer = question.answer
    bare = random.choice((answer, answer, answer.capitalize(), f"{answer}."))
    way = random.random()
    if way < 0.4:
        return bare
    if way < 0.5:
        return full_answer(question).lower().rstrip(".")
    reasons = [rationale(random, scene, question) for _ in range(random.choice((1, 1, 2, 3)))]
    if way < 0.65:
        return f"Answer: {answer}. " + " ".join(text.rstrip(".") + "." for text in dict.fromkeys(reasons))
    if way < 0.75:
        return f"{answer}. {reasons[0]}"
    if way < 0.82:
        return random.choice((", ", " ", "\n")).join([answer] * random.randint(2, 3) + [bare.lower()])
    notes = [text[0].lower() + text[1:].rstrip(".") for text in reasons]
    notes += [caption(random, scene).rstrip(" .") for _ in range(random.randint(1, 4))]
    random.shuffle(notes)
    return random.choice(("; ", ", ", "\n")).join([answer, *notes])


def _description(random: Random, scene: Scene) -> Exchange:
    instruction = random.choice((*DETAIL_INSTRUCTIONS, *POOLS["caption"], *POOLS["paragraph"]))

    def plain(random: Random) -> str:
        items = list(scene.objects)
        random.shuffle(items)
        leads = ("The image shows", "The picture shows", "This image contains", "I can see", "In this picture, I see")
        sentences = [
            f"{lead} {listing([article(item.name(size=random.random() < 0.4)) for item in items])}."
            for lead in random.sample(leads, 2)
        ]
        return " ".join(sentences[: random.choice((1, 1, 2))])

    def supported(random: Random) -> str:
        text = paragraph(random, scene, wrap=False)
        if len(scene.objects) < 2 or random.random() < 0.5:
            return text
        one, other = random.sample(scene.objects, 2)
        return f"{text} The {one.name()} is {at(one.position)}, and the {other.name()} is {at(other.position)}."

    return Exchange(
        instruction, "description", True,
        curt=lambda random: _captions(random, scene),
        plain=plain,
        supported=supported,
        rich=lambda random: paragraph(random, scene),
        false=lambda random: false_description(random, scene),
    )  # fmt: skip


def _captions(random: Random, scene: Scene) -> str:
    """Captions one a line, at times with boxes below."""
    lines = [caption(random, scene) for _ in range(random.choice((1, 1, 2, 3, 5)))]
    if random.random() < 0.35:
        lines += ["", *(box_line(item.box()) for item in scene.objects)]
    return "\n".join(lines)


def _change(random: Random, scene: Scene) -> Exchange:
    change = edit_scene(scene, random)[1] if random.random() < 0.95 else None
    facts = ["Everything else is the same.", "The rest of the image is the same.", "Nothing else has changed."]
    if change is not None:
        item = change.subject
        facts += [
            f"The {item.name()} is a {item.size} object." if change.kind != "resized" else facts[0],
            f"All the other objects are as before, and the {item.name()} is the only one that changed.",
        ]

    def statement(random: Random) -> str:
        return polite_parts(describe_change(random, change)).statements[0]

    def curt(random: Random) -> str:
        lines = [curt_change(random, change) for _ in range(random.choice((1, 1, 2, 3, 4)))]
        return random.choice(("\n", "; ", "\n")).join(lines)

    return Exchange(
        random.choice((*CHANGE_INSTRUCTIONS, *POOLS["change"])), "change", True,
        curt=curt,
        plain=lambda random: " ".join(dict.fromkeys(statement(random) for _ in range(random.choice((1, 1, 1, 2))))),
        supported=lambda random: " ".join([statement(random), *random.sample(facts, random.choice((1, 1, 2)))]),
        rich=lambda random: describe_change(random, change),
        false=lambda random: false_change(random, scene, change),
    )  # fmt: skip


_WRITERS: dict[str, Callable[[Random, Scene], Exchange]] = {
    "question": _question,
    "description": _description,
    "change": _change,
    "reasoning": reasoning_exchange,
    "text": text_exchange,
    "object": object_exchange,
}
