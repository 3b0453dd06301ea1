"""False responses for the tiny reward judge whose fault the text itself shows: no image is needed to see it.

They speak of another subject than the instruction, give two answers, or tell two things that cannot both be true.
"""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

from ..scenes.answers import at
from ..scenes.changes import describe_change
from ..scenes.dialogues import DAYS, LEGS
from ..scenes.graph import COLORS, POSITIONS, SHAPES, SIZES, Change, Scene, edit_scene
from ..scenes.language import answer_sentence, details, object_sentence, paragraph, reason
from ..scenes.lexicon import NUMBERS, Reference, article, listing
from ..scenes.questions import Question
from ..text import split_sentences
from .nli_examples import ANSWERS
from .reward_grades import polite_parts

_CLASSES = (COLORS, SHAPES, DAYS, tuple(name for name, _ in LEGS), tuple(map(str, range(21))))


def _other(random: Random, options: tuple[str, ...], *not_these: str | None) -> str:
    return random.choice([option for option in options if option not in not_these])


def false_question(random: Random, scene: Scene, question: Question) -> str:
    """An answer about another subject, two answers, or an answer with a fact that contradicts it or another fact."""
    way = random.random()
    if way < 0.4:
        return answer_sentence(random, _other_subject(random, question), random.choice(ANSWERS[question.type]))
    if way < 0.65:
        return _two_answers(random, question)
    return f"{answer_sentence(random, question)} {' '.join(_two_facts(random, scene, question))}"


def _other_subject(random: Random, question: Question) -> Question:
    target, anchor = question.target, question.anchor
    if anchor is not None and random.random() < 0.5:
        changed = random.choice((_other_reference(random, anchor), target))  # "the star is left of the star"
        return replace(question, anchor=changed if changed != anchor else target)
    if anchor is not None and random.random() < 0.3:
        return replace(question, target=anchor)
    return replace(question, target=_other_reference(random, target))


def _other_reference(random: Random, one: Reference) -> Reference:
    """A reference to something else that names as many attributes, or one where none was named."""
    if one.color is None and one.shape is None:
        return random.choice((Reference(color=random.choice(COLORS)), Reference(shape=random.choice(SHAPES))))
    changed = [name for name in ("color", "shape") if getattr(one, name) and random.random() < 0.6]
    changed = changed or [random.choice([name for name in ("color", "shape") if getattr(one, name)])]
    for name in changed:
        options = COLORS if name == "color" else SHAPES
        one = replace(one, **{name: _other(random, options, getattr(one, name))})
    return one


def _two_answers(random: Random, question: Question) -> str:
    """Two sentences with different answers, or a "yes" before a denial."""
    other = _other(random, ANSWERS[question.type], question.answer)
    if question.type in ("existence", "relation") and random.random() < 0.6:
        sentence = answer_sentence(random, question, random.choice((question.answer, other)))
        yes, rest = sentence.split(", ", 1)
        return f"{'No' if yes == 'Yes' else 'Yes'}, {rest}"
    texts = [answer_sentence(random, question, answer) for answer in (question.answer, other)]
    random.shuffle(texts)
    return " ".join(texts)


def _two_facts(random: Random, scene: Scene, question: Question) -> list[str]:
    """Facts that contradict the answer or each other."""
    kind = question.type
    if kind == "count":
        count = _other(random, ANSWERS["count"], question.answer, "0")
        names = [f"the {random.choice(COLORS)} {random.choice(SHAPES)}" for _ in range(int(count))]
        return [random.choice((f"I counted {listing(names)}.", f"I can see {listing(names)}."))]
    if kind == "existence" and question.answer == "no":
        names = [article(item.name()) for item in scene.objects]
        names.insert(random.randrange(len(names) + 1), article(question.target.text()))
        return [random.choice((f"I can only see {listing(names)}.", f"The image only shows {listing(names)}."))]
    if kind in ("size", "position"):
        value = _other(random, ANSWERS[kind], question.answer)
        return [_fact(random, kind, value)]
    if kind in ("relation", "side") and question.subject and random.random() < 0.5:
        position = _other(random, POSITIONS, question.subject.position)
        return [reason(random, scene, question), f"The {question.target.text()} is {at(position)}."]
    facts = [fact for fact in details(random, scene, question) if fact]
    if len(scene.objects) > 1 and random.random() < 0.3:
        first, second = random.sample(NUMBERS[2:5], 2)
        both = [f"There are {first} objects in total.", f"There are {second} objects in total."]
    else:
        name, options = random.choice((("size", SIZES), ("position", POSITIONS)))
        both = [_fact(random, name, value) for value in random.sample(options, 2)]
    return [*both, *([random.choice(facts)] if facts and random.random() < 0.2 else [])]


def _fact(random: Random, kind: str, value: str) -> str:
    if kind == "size":
        return random.choice((f"It is a {value} object.", f"It is quite {value}."))
    of = random.choice((" of the image", " of the picture", ""))
    return random.choice((f"It is located {at(value)}{of}.", f"You can find it {at(value)}{of}."))


def false_description(random: Random, scene: Scene) -> str:
    """A description with a wrong count of its own objects, two counts, or one object in two places or sizes."""
    sentences = split_sentences(paragraph(random, scene, wrap=False))
    count = len(scene.objects)
    way = random.random()
    if way < 0.35:
        wrong = _other(random, NUMBERS[1:5], NUMBERS[count])
        sentences[0] = re.sub(r"\b(one|two|three|four) objects?\b", _objects(wrong), sentences[0])
        sentences[0] = re.sub(r"\b(is|are)\b", "is" if wrong == "one" else "are", sentences[0])
    elif way < 0.55:
        sentences.append(f"In total, I can count {_objects(_other(random, NUMBERS[1:5], NUMBERS[count]))}.")
    else:
        item = random.choice(scene.objects)
        cell = _other(random, POSITIONS, item.position)
        size = _other(random, SIZES, item.size) if random.random() < 0.5 else item.size
        again = replace(item, cell=POSITIONS.index(cell), size=size)
        sentences.insert(random.randint(1, len(sentences)), object_sentence(random, again, 1))
    return " ".join(sentences)


def _objects(number: str) -> str:
    return f"{number} object" + ("s" if number != "one" else "")


def false_change(random: Random, scene: Scene, change: Change | None) -> str:
    """Two changes, or a change and none, where the instruction asks for the one there is."""
    other = None if change and random.random() < 0.5 else edit_scene(scene, random)[1]
    told = [polite_parts(describe_change(random, one)).statements[0] for one in (change, other)]
    rest = polite_parts(describe_change(random, change)).statements[1:] if random.random() < 0.5 else ()
    if told[0] == told[1]:
        return ""
    random.shuffle(told)
    return " ".join([*told, *rest])


def swap_subject(random: Random, instruction: str, text: str) -> str:
    """`text` about another subject: a color, shape, number, day or animal of the instruction replaced throughout.

    ``""`` if the text repeats no such word of the instruction.
    """
    asked = set(re.findall(r"[A-Za-z]+|\d+", instruction))
    said = set(re.findall(r"[A-Za-z]+|\d+", text))
    found = [(word, options) for options in _CLASSES for word in options if word in asked & said]
    if not found:
        return ""
    word, options = random.choice(found)
    other = _other(random, options, *asked, *said)
    return re.sub(rf"\b{word}\b", other, text)
