"""Answers with their evidence, for the NLI judge's examples: what the image shows, "so" the answer, or the reverse.

Dialogues answer so, and models tuned on them. Evidence and conclusion are drawn apart: a right conclusion may stand
behind evidence that speaks against it, and right evidence before a wrong conclusion.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from ..scenes.answers import answer_sentence
from ..scenes.graph import PAIRS, POSITIONS, SIZES, Scene, SceneObject, place_object
from ..scenes.language import SO, concluded, evidence, reason
from ..scenes.lexicon import OPPOSITE, Reference
from ..scenes.questions import Question, answer_question
from .nli import CONTRADICTION
from .nli_faults import other_subject
from .nli_wording import ANSWERS
from .statement_labels import statement_label

ALL_OBJECTS_SHARE = 0.15
"""Share of counts whose evidence lists all objects, not only those counted."""

ANSWER_FIRST_SHARE = 0.2
"""Share of answers whose reason comes after them."""


def scene_answering(random: Random, scene: Scene, question: Question, answer: str) -> tuple[Scene, Question] | None:
    """`scene`, changed if it must be, so that `question` has this answer, and the question about its objects.

    Args:
        question: of one of the `scenes.language.REASONED` types.

    Returns:
        None if there is no such scene (one without any object).
    """
    if answer_question(scene, question) == answer:
        return scene, replace(question, answer=answer)
    if question.type in ("relation", "side"):
        return _placed(random, scene, question, answer)
    target = question.target
    wanted = int(answer) if question.type == "count" else int(answer == "yes")
    found = list(target.among(scene))
    rest = [item for item in scene.objects if item not in found]
    random.shuffle(found)
    found = found[:wanted]
    while len(found) < wanted:
        found.append(_another(random, [*found, *rest], target, True))
    if not found and not rest:
        if target == Reference():
            return None
        rest = [_another(random, [], target, False)]
    objects = (*found, *rest[: max(4 - len(found), 0)])
    return replace(scene, objects=objects), replace(question, answer=answer)


def _placed(random: Random, scene: Scene, question: Question, answer: str) -> tuple[Scene, Question] | None:
    """The question's two objects in other cells, such that they stand to each other as `answer` says."""
    one, other = question.subject, question.other
    if one is None or other is None:
        return None
    cells = [(first, second) for first in range(9) for second in range(9) if first != second]
    random.shuffle(cells)
    for first, second in cells:
        new = replace(one, cell=first), replace(other, cell=second)
        changed = replace(scene, objects=new)
        if answer_question(changed, question) == answer:
            return changed, replace(question, answer=answer, subject=new[0], other=new[1])
    return None


def _another(random: Random, present: list[SceneObject], target: Reference, fits: bool) -> SceneObject:
    """A new object in a free cell that `target` may speak of, or (without `fits`) may not."""
    taken = {item.pair for item in present}
    pairs = [
        (shape, color)
        for shape, color in PAIRS
        if (target.shape in (None, shape) and target.color in (None, color)) == fits and (shape, color) not in taken
    ]
    free = [cell for cell in range(len(POSITIONS)) if cell not in {item.cell for item in present}]
    return place_object(random, *random.choice(pairs), random.choice(SIZES), random.choice(free))


def reasoned_same(random: Random, scene: Scene, question: Question, answer: str) -> str | None:
    """Evidence and the conclusion that it and the annotation give; None if no scene gives this answer."""
    found = scene_answering(random, scene, question, answer)
    return _written(random, *found, answer) if found else None


def reasoned_other(random: Random, scene: Scene, question: Question, answer: str) -> str | None:
    """Another conclusion than the annotation's `answer`, or the same of another object, behind evidence for either."""
    way = random.random()
    if way < 0.35:
        moved = other_subject(random, question)
        if question.type == "side" and way < 0.1:  # told as a relation; no example if it answers
            moved = replace(question, type="relation", relation=OPPOSITE[f"{answer} of"])
        told = moved and replace(moved, answer="no" if moved.type != question.type else answer)
        found = scene_answering(random, scene, question, answer)
        return concluded(_shown(random, *found), told) if told and found else None
    given = random.choice([value for value in ANSWERS[question.type] if value != answer])
    found = scene_answering(random, scene, question, random.choice((given, answer)))
    return _written(random, *found, given) if found else None


def reasoned_torn(random: Random, scene: Scene, question: Question, answer: str, original: str) -> str | None:
    """The annotation's conclusion behind evidence that speaks against it, or against the annotation's own reason."""
    way = random.random()
    if way < 0.35 and (found := _against(random, scene, question, answer, original)):
        return concluded(evidence(random, *found), found[1])
    if way < 0.7 and question.type in ("count", "existence"):
        found = scene_answering(random, scene, question, answer)
        return concluded(evidence(random, twice(random, *found), found[1]), found[1]) if found else None
    others = [value for value in ANSWERS[question.type] if value != answer]
    found = scene_answering(random, scene, question, random.choice(others))
    return _written(random, *found, answer) if found else None


def twice(random: Random, scene: Scene, question: Question) -> Scene:
    """`scene` with an object listed a second time, in the same cell or another, at times instead of one of the rest."""
    listed = list((question.type == "count" and question.target.among(scene)) or scene.objects)
    again = random.choice(listed)
    if random.random() < 0.3:
        again = replace(again, cell=random.randrange(len(POSITIONS)))
    kept = [item for item in scene.objects if item.pair == again.pair or item is not listed[-1]]
    return replace(scene, objects=(*(kept if random.random() < 0.5 else scene.objects), again))


def _against(
    random: Random, scene: Scene, question: Question, answer: str, original: str
) -> tuple[Scene, Question] | None:
    """Evidence for the same answer with other objects, or other cells, than the annotation's reason names."""
    found = list(question.target.among(scene))
    if question.type == "count" and found and f"count the {found[0].name()}" in original:
        new = _another(random, list(scene.objects), question.target, True)
        objects = tuple(new if item is found[0] else item for item in scene.objects)
        return replace(scene, objects=objects), replace(question, answer=answer)
    if question.type not in ("relation", "side"):
        return None
    changed = _placed(random, scene, question, answer)
    speaks = changed and statement_label(original, evidence(random, *changed)) == CONTRADICTION
    return changed if speaks else None


def _shown(random: Random, scene: Scene, question: Question) -> str:
    """The evidence; of a count, at times all objects."""
    if question.type == "count" and random.random() < ALL_OBJECTS_SHARE:
        question = replace(question, target=Reference())
    return evidence(random, scene, question)


def _written(random: Random, scene: Scene, question: Question, answer: str) -> str:
    """Evidence for the question's own answer and the conclusion `answer`, at times in the other order."""
    told = replace(question, answer=answer)
    if random.random() < ANSWER_FIRST_SHARE and (why := reason(random, scene, question)):
        return f"{answer_sentence(random, told)} {why}"
    text = concluded(_shown(random, scene, question), told)
    return text.replace(f"{SO}the", f"{SO}yes, the") if question.type == "side" and random.random() < 0.1 else text
