"""Checks of notebook 01: claim checker, reader for a new format, misjudged sentence, quarantine, hallucination."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from ..records import Sample
from ..scenes.graph import COLORS, POSITIONS, SHAPES, Scene, draw_scene
from ..scenes.ground_truth import check
from .outcome import NotYetError, call, exercise, number, require, shown

SENTENCES = 200


@exercise("01.1")
def ex_01_1(holds: Callable[[Scene, str], bool]) -> str:
    """Claim checker for sentences of the form `There is a COLOR SHAPE at the POSITION.`.

    Args:
        holds: from a scene and a sentence to whether the sentence is true of it.
    """
    random = Random(1)
    for index in range(SENTENCES):
        scene = draw_scene(1, f"exercise/{index}", count=3)
        item = random.choice(scene.objects)
        color, shape, position = item.color, item.shape, item.position
        wrong = random.choice(("", "", "color", "shape", "position"))
        if wrong == "color":
            color = random.choice([name for name in COLORS if name != color])
        elif wrong == "shape":
            shape = random.choice([name for name in SHAPES if name != shape])
        elif wrong == "position":
            position = random.choice([name for name in POSITIONS if name != position])
        article = "an" if color[0] in "aeiou" else "a"
        sentence = f"There is {article} {color} {shape} at the {position}."
        given, expected = call(holds, scene, sentence), check(scene, sentence).ok
        require(isinstance(given, bool), f"return True or False, not {shown(given)}")
        seen = "; ".join(f"{one.name()} at the {one.position}" for one in scene.objects)
        require(
            given == expected,
            f"{sentence!r} is {str(expected).lower()} of a scene with {seen}; you say {str(given).lower()}",
        )
    return f"the same verdict as the library's on all {SENTENCES} sentences."


_ROWS = (
    ("7", "a.png", "What color is the ring?", "red"),
    ("8", "a.png", "How many stars are there?", "2"),
    ("9", "b/c.png", "Is there a cross?", "no"),
    ("10", "b/c.png", 'What does the "sign" say?', "stop, please"),
    ("11", "d.png", "What shape is it?", " circle "),
)
_HEADER = "id,image,question,answer"


@exercise("01.2")
def ex_01_2(read: Callable[[Path], Iterable[Sample]]) -> str:
    """Reader for a new format: a CSV file with the columns id, image, question, answer.

    Args:
        read: from the file's path to `Sample`s of the task ``"vqa"``, source ``"csv"``, with ids ``"csv/ID"`` and the
            answer without spaces around it.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder, "train.csv")
        lines = [",".join(_quoted(value) for value in row) for row in _ROWS]
        path.write_text("\n".join([_HEADER, *lines]) + "\n", "utf-8")
        found = call(read, path)
        samples = call(lambda _: list(found), "its rows, read one by one")
    require(
        len(samples) == len(_ROWS), f"the file has {len(_ROWS)} records below its header, and you read {len(samples)}"
    )
    for (id, image, question, answer), sample in zip(_ROWS, samples, strict=True):
        require(isinstance(sample, Sample), f"give `Sample`s, not {shown(sample)}")
        expected = {
            "id": f"csv/{id}",
            "source": "csv",
            "task": "vqa",
            "images": (image,),
            "instruction": question,
            "raw": answer.strip(),
        }
        for field, value in expected.items():
            found: Any = getattr(sample, field)
            found = tuple(found) if field == "images" else found
            hint = " (commas and quotes in a field: use the csv module)" if field in ("instruction", "raw") else ""
            require(found == value, f"record {id}: `{field}` is {shown(found)}, and should be {shown(value)}{hint}")
    return "five records, among them one with commas and quotes and one with spaces around its answer."


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search('[,"]', text) else text


@exercise("01.3")
def ex_01_3(sentence: str, scene: Scene, truth: bool) -> str:
    """A sentence that the library's checker misjudges: it says true of a false one, or false of a true one.

    Args:
        sentence: what was found.
        scene: the scene it speaks of.
        truth: whether the sentence is true, as a person reads it.
    """
    require(isinstance(sentence, str) and sentence.strip(), f"give one sentence of text, not {shown(sentence)}")
    require(isinstance(truth, bool), f"say whether it is true by True or False, not by {shown(truth)}")
    report = check(scene, sentence)
    read = "; ".join(f"{claim.kind} of {claim.subject.text()}" for claim in report.claims) or "no claim at all"
    require(
        report.ok != truth,
        f"the checker agrees with you that {shown(sentence)} is {str(truth).lower()} (it read {read})",
    )
    return (
        f"the checker says {str(report.ok).lower()}; it read {read}. A checker knows the wordings it was written for."
    )


@exercise("01.4")
def ex_01_4(bad_records: Iterable[str], quarantine: Path | str) -> str:
    """Quarantine message: which records were set aside.

    Args:
        bad_records: the records' keys, read from the message or the file.
        quarantine: the quarantine file, JSON lines with a field ``record``.
    """
    try:
        rows = [json.loads(line) for line in Path(quarantine).read_text("utf-8").splitlines()]
    except (OSError, json.JSONDecodeError) as error:
        raise NotYetError(f"{quarantine} is no quarantine file: {error}") from error
    expected = {str(row["record"]): row for row in rows}
    given = {bad_records} if isinstance(bad_records, str) else {str(name) for name in bad_records}
    for name in sorted(given - expected.keys()):
        raise NotYetError(f"record {name} was read without a complaint")
    for name in sorted(expected.keys() - given):
        raise NotYetError(
            f"{len(given)} of {len(expected)} records; one more was set aside: {expected[name]['reason']}"
        )
    return f"{len(expected)} records, each with its file and the reason; the rest of the data set goes on without them."


_VERDICTS = (
    ((True,), (True, False), (), (False, False, True), (True, True), (True, True, True), (False,)),
    ((), (), (False, True), (True,), (False, False), (True, False), (False,), (True, True, False)),
)
"""Claims of texts, True where one holds; every slip gives another share of them than the right answer."""


@exercise("01.5")
def ex_01_5(hallucination: Callable[[list[list[bool]]], float]) -> str:
    """Hallucination share: of texts, how many make at least one false claim.

    Args:
        hallucination: from a list for each text, True for each claim that holds, to a share, 0 to 1.
    """
    for verdicts in _VERDICTS:
        given, expected = (
            number(call(hallucination, [list(text) for text in verdicts])),
            sum(not all(text) for text in verdicts) / len(verdicts),
        )
        every = [claim for text in verdicts for claim in text]
        speaking = [text for text in verdicts if text]
        slips = {
            1 - expected: "that is the share of texts without a false claim",
            every.count(False) / len(every): "that is a share of claims; h counts texts, and one false claim is enough",
            sum(not all(text) for text in speaking) / len(speaking): (
                "you leave texts without a claim out of the count; they belong to N"
            ),
            sum(not any(text) for text in verdicts) / len(verdicts): (
                "you count texts in which no claim holds; one false claim is enough"
            ),
        }
        for slip, words in slips.items():
            same = abs(given - slip) < 1e-9 and abs(slip - expected) > 1e-9
            require(not same, f"of {len(verdicts)} texts you say {given:.3f}: {words}")
        require(abs(given - expected) < 1e-9, f"of {len(verdicts)} texts it is {expected:.3f}, not {given:.3f}")
    return "a text with one false claim counts like one with three, and a text without a claim counts as true."
