"""Readers of questions about images: VQA's pair of files, and one record a question (A-OKVQA, CLEVR, GQA, VSR, ...)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from ...records import Sample
from ..prompts import lettered
from ..reading import BadRecord, Reading, sentence, text_of


def majority(answers: Iterable[Any]) -> str:
    """The most frequent answer, case and outer spaces aside; of equals, the first given. Empty if there is none."""
    texts = [str(answer.get("raw_answer") or answer.get("answer") or "") if isinstance(answer, dict) else str(answer) for answer in answers]
    counts = Counter(text.strip().lower() for text in texts if text.strip())
    if not counts:
        return ""
    winner = max(counts, key=counts.__getitem__)
    return next(text.strip() for text in texts if text.strip().lower() == winner)


def with_choices(reading: Reading, key: str | int, question: str, choices: list[str]) -> str:
    """The question with its lettered choices, unless the caller set ``choices=False``."""
    if not choices or not reading.options.get("choices", True):
        return question
    return reading.wording("choices", key, question=question, choices=lettered(choices))


def vqa_pairs(reading: Reading) -> Iterator[Sample]:
    """VQA-v2 and OK-VQA: a questions file and an annotations file, joined on ``question_id``."""
    file = reading.file("questions")
    questions: dict[int, tuple[int, str]] = {}
    for _, key, record in reading.items(file, {"questions"}):
        with reading.keep(file, record.get("question_id", key) if isinstance(record, dict) else key):
            number = record["question_id"]
            if number in questions:
                raise BadRecord(f"duplicate id: {number}")
            questions[number] = (record["image_id"], text_of(record, "question"))
    found = reading.files("annotations")
    if not found and reading.split in reading.row.unlabelled:
        for number in questions:
            reading.put_aside(file, number, "empty annotation (the makers publish no answers of this split)")
        return
    file = reading.file("annotations")
    answered = set()
    for _, key, record in reading.items(file, {"annotations"}):
        with reading.keep(file, record.get("question_id", key) if isinstance(record, dict) else key):
            number = record["question_id"]
            if number in answered:
                raise BadRecord(f"duplicate id: {number}")
            if number not in questions:
                raise BadRecord("an answer to a question that the questions file lacks")
            image, question = questions[number]
            answered.add(number)
            given = record.get("answers") or []
            common = record.get("multiple_choice_answer") or majority(given)
            if reading.options.get("raw_answers"):  # `answer` is stemmed there, `raw_answer` is what people wrote
                common = majority(given) or common
            yield reading.sample(
                number,
                images=(reading.image(id=int(image)),),
                instruction=question,
                raw=str(common),
                image_id=image,
                question=question,
                answer_type=record.get("answer_type", ""),
                answers=[str(item.get("raw_answer") or item.get("answer") or "") for item in given],
            )
    for number in questions.keys() - answered:
        reading.put_aside(reading.files("questions")[0], number, "a question without an annotation")


def a_okvqa(reading: Reading) -> Iterator[Sample]:
    """A-OKVQA: the right choice and the rationales as the draft, the choices in the instruction."""
    file = reading.file("questions")
    for _, key, record in reading.items(file):
        with reading.keep(file, record.get("question_id", key) if isinstance(record, dict) else key):
            number, question = record["question_id"], text_of(record, "question")
            choices = [str(choice) for choice in record.get("choices") or []]
            index = record.get("correct_choice_idx")
            direct = record.get("direct_answers") or []
            answer = choices[index] if index is not None else majority(direct)
            if not answer:
                raise BadRecord("empty annotation (no answer)")
            reasons = list(dict.fromkeys(sentence(" ".join(text.split())) for text in record.get("rationales") or [] if text.strip()))
            reasons = reasons[: reading.options.get("rationales")]
            yield reading.sample(
                number,
                images=(reading.image(id=int(record["image_id"])),),
                instruction=with_choices(reading, number, question, choices),
                raw=" ".join([f"Answer: {sentence(answer)}", *reasons]),
                image_id=record["image_id"],
                question=question,
                answer=answer,
                choices=choices,
                answers=[str(item) for item in direct],
            )


def clevr(reading: Reading) -> Iterator[Sample]:
    """CLEVR: question and one-word answer."""
    file = reading.file("questions")
    for _, key, record in reading.items(file, {"questions"}):
        with reading.keep(file, record.get("question_index", key) if isinstance(record, dict) else key):
            question = text_of(record, "question")
            yield reading.sample(
                record.get("question_index", key),
                images=(reading.image(file=record["image_filename"]),),
                instruction=question,
                raw=str(record.get("answer", "")),
                question=question,
            )


def gqa(reading: Reading) -> Iterator[Sample]:
    """GQA: one object keyed by question id, or a folder of such files; the short answer, or with ``full_answer=True`` the sentence."""
    files = reading.files("questions") or [reading.file("questions")]
    field = "fullAnswer" if reading.options.get("full_answer") else "answer"
    for file in files:
        for _, key, record in reading.items(file):
            with reading.keep(file, key):
                question = text_of(record, "question")
                yield reading.sample(
                    key,
                    images=(reading.image(id=str(record["imageId"])),),
                    instruction=question,
                    raw=str(record.get(field) or record.get("answer") or ""),
                    image_id=str(record["imageId"]),
                    question=question,
                    full_answer=str(record.get("fullAnswer", "")),
                )


def vsr(reading: Reading) -> Iterator[Sample]:
    """VSR: a statement about two objects, true or false, asked as a yes-or-no question."""
    file = reading.file("statements")
    for _, key, record in reading.items(file, lines=True):
        with reading.keep(file, f"line {key}"):
            statement = text_of(record, "caption")
            if not statement:
                raise BadRecord("empty annotation: no statement")
            label = record["label"]
            if str(label) not in ("0", "1", "True", "False"):
                raise BadRecord(f"a label that is neither 0 nor 1: {label!r}")
            yield reading.sample(
                f"{record['image'].rsplit('.', 1)[0]}-{key}",
                images=(reading.image(file=record["image"]),),
                instruction=reading.wording("statement", key, statement=sentence(statement)),
                raw="yes" if str(label) in ("1", "True") else "no",
                statement=statement,
                relation=record.get("relation", ""),
            )
