"""Readers of statements about images that are true or false, and of GRiD-3D's tokenised questions."""

from __future__ import annotations

from collections.abc import Iterator

from ...records import Sample
from ..reader import BadRecord, Reader, sentence, shown_text, text_of


def vsr(reader: Reader) -> Iterator[Sample]:
    """VSR: a statement about two objects, true or false, asked as a yes-or-no question."""
    file = reader.file("statements")
    for _, key, record in reader.items(file, lines=True):
        with reader.keep(file, f"line {key}"):
            statement = text_of(record, "caption")
            if not statement:
                raise BadRecord("empty annotation: no statement")
            label = str(record["label"])
            if label not in ("0", "1", "True", "False"):
                raise BadRecord(f"a label that is neither 0 nor 1: {label!r}")
            yield reader.sample(
                f"{record['image'].rsplit('.', 1)[0]}-{key}",
                images=(reader.image(file=record["image"]),),
                instruction=reader.wording("statement", key, statement=sentence(statement)),
                raw="yes" if label in ("1", "True") else "no",
                statement=statement,
                relation=record.get("relation", ""),
            )


def nlvr2(reader: Reader) -> Iterator[Sample]:
    """NLVR2: a statement about two photographs, ``True`` or ``False``."""
    file = reader.file("statements")
    for _, key, record in reader.items(file, lines=True):
        with reader.keep(file, record.get("identifier", f"line {key}") if isinstance(record, dict) else f"line {key}"):
            name = record["identifier"]
            pair = name.rpartition("-")[0]
            label = str(record["label"])
            if label not in ("True", "False"):
                raise BadRecord(f"a label that is neither True nor False: {label!r}")
            folder = f"{record['directory']}/" if "directory" in record else ""
            statement = text_of(record, "sentence")
            if not statement:
                raise BadRecord("empty annotation: no statement")
            yield reader.sample(
                name,
                images=tuple(reader.image(place=f"{folder}{pair}-img{side}.png") for side in (0, 1)),
                instruction=reader.wording("statement_pair", name, statement=sentence(statement)),
                raw=label,
                statement=statement,
            )


def grid_3d(reader: Reader) -> Iterator[Sample]:
    """GRiD-3D: questions as lists of tokens, splits as lists of positions, images found by their number."""
    file, split_file = reader.file("questions"), reader.file("positions")
    wanted = {position for _, _, position in reader.items(split_file)}
    pictures: dict[int, str] = {}
    if reader.check_images:
        for path in sorted(reader.root.rglob("*.png")):
            if path.stem.isdecimal():
                pictures.setdefault(int(path.stem), path.relative_to(reader.root).as_posix())
    for _, key, record in reader.items(file):
        if key not in wanted:
            continue
        with reader.keep(file, key):
            index, tokens = int(record["img_idx"]), record["question"]
            question = tokens if isinstance(tokens, str) else " ".join(tokens)
            question = shown_text(question, "question").replace(" ?", "?").replace(" ,", ",")
            if reader.check_images and index not in pictures:
                raise BadRecord(f"the image is missing: {index}.png")
            yield reader.sample(
                key,
                images=(pictures.get(index, f"images/{index}.png"),),
                instruction=question[:1].upper() + question[1:],
                raw=str(record["answer"]),
                question=question,
                kind=record.get("task", ""),
            )
