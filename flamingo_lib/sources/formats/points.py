"""Reader of PointQA: questions about the point an arrow points at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...records import Sample
from ...seeding import derive_seed
from ..marks import point_mark
from ..reader import BadRecord, Reader
from ..record_text import shown_text

KINDS = ("local", "looktwice")


def _image(reader: Reader, image_id: str) -> str:
    return reader.image(look=True, id=image_id)


def _point(
    reader: Reader, key: str, image: str, question: str, answer: Any, point: dict[str, Any], **meta: Any
) -> Sample:
    width, height = reader.size(image)
    x, y = float(point["x"]) / width, float(point["y"]) / height
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise BadRecord(f"a point outside the image: ({point['x']}, {point['y']}) in {width} x {height}")
    mark = point_mark(x, y, seed=reader.seed, key=key)
    text = shown_text(question, "question")
    return reader.sample(
        key,
        images=(image,),
        instruction=reader.wording("point", key, question=text, color=mark["color"]),
        raw=str(answer),
        mark=mark,
        question=text,
        **meta,
    )


def point_qa(reader: Reader) -> Iterator[Sample]:
    """PointQA-Local (one sample a point) and PointQA-LookTwice (how many more are there), keyed by image id."""
    any_found = False
    for kind in KINDS:
        files, listing = reader.files(kind), reader.files(f"{kind}_ids")
        if not files or not listing:
            continue
        any_found = True
        wanted = {str(value) for _, _, value in reader.items(listing[0])}
        for _, image_id, records in reader.items(files[0], keyed=True):
            if str(image_id) not in wanted:
                continue
            for index, record in enumerate(records if isinstance(records, list) else [records]):
                yield from (_local if kind == "local" else _look_twice)(reader, files[0], str(image_id), index, record)
    if not any_found:
        reader.file("local")
        reader.file("local_ids")


def _local(reader: Reader, file: str, image_id: str, index: int, record: dict[str, Any]) -> Iterator[Sample]:
    points: list[dict[str, Any]] = []
    key = f"local-{image_id}-{index}"
    with reader.keep(file, key, part=True):
        if not record["points"]:
            raise BadRecord("empty annotation: no point")
        points = list(record["points"])
    for which, point in enumerate(points):
        with reader.keep(file, f"{key}-{which}"):
            yield _point(
                reader,
                f"{key}-{which}",
                _image(reader, image_id),
                record["question"],
                point["ans"],
                point,
                kind="local",
            )


def _look_twice(reader: Reader, file: str, image_id: str, index: int, record: dict[str, Any]) -> Iterator[Sample]:
    key = f"looktwice-{image_id}-{index}"  # the field `id` repeats the image's
    with reader.keep(file, key):
        fields = {name.lower(): value for name, value in record.items()}
        asked = [
            fields[name]
            for name in ("general_question", "super_question", "obj_question", "pt_question")
            if fields.get(name)
        ]
        if not asked:
            raise BadRecord("a field is missing: general_question")
        question = asked[derive_seed(reader.seed, "question", key) % len(asked)]
        yield _point(reader, key, _image(reader, image_id), question, fields["ans"], fields["point"], kind="looktwice")
