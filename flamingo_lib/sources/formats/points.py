"""Reader of PointQA: questions about the place an arrow points at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...records import Sample
from ...seeding import derive_seed
from ..marks import point_mark
from ..reader import BadRecord, Reading

KINDS = ("local", "looktwice")


def _image(reading: Reading, image_id: str) -> str:
    return reading.image(look=True, id=image_id)


def _point(
    reading: Reading, key: str, image: str, question: str, answer: Any, point: dict[str, Any], **meta: Any
) -> Sample:
    width, height = reading.size(image)
    x, y = float(point["x"]) / width, float(point["y"]) / height
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise BadRecord(f"a point outside the image: ({point['x']}, {point['y']}) in {width} x {height}")
    mark = point_mark(x, y, seed=reading.seed, key=key)
    text = " ".join(question.split())
    return reading.sample(
        key,
        images=(image,),
        instruction=reading.wording("point", key, question=text, color=mark["color"]),
        raw=str(answer),
        mark=mark,
        question=text,
        **meta,
    )


def point_qa(reading: Reading) -> Iterator[Sample]:
    """PointQA-Local (one sample a point) and PointQA-LookTwice (how many more of this are there), both keyed by image
    id.
    """
    any_found = False
    for kind in KINDS:
        files, listing = reading.files(kind), reading.files(f"{kind}_ids")
        if not files or not listing:
            continue
        any_found = True
        wanted = {str(value) for _, _, value in reading.items(listing[0])}
        for _, image_id, records in reading.items(files[0]):
            if str(image_id) not in wanted:
                continue
            for place, record in enumerate(records if isinstance(records, list) else [records]):
                yield from (_local if kind == "local" else _look_twice)(reading, files[0], str(image_id), place, record)
    if not any_found:
        reading.file("local")
        reading.file("local_ids")


def _local(reading: Reading, file: str, image_id: str, place: int, record: dict[str, Any]) -> Iterator[Sample]:
    points: list[dict[str, Any]] = []
    key = f"local-{image_id}-{place}"
    with reading.keep(file, key):
        if not record["points"]:
            raise BadRecord("empty annotation: no point")
        points = list(record["points"])
    for which, point in enumerate(points):
        with reading.keep(file, f"{key}-{which}"):
            yield _point(
                reading,
                f"{key}-{which}",
                _image(reading, image_id),
                record["question"],
                point["ans"],
                point,
                kind="local",
            )


def _look_twice(reading: Reading, file: str, image_id: str, place: int, record: dict[str, Any]) -> Iterator[Sample]:
    key = f"looktwice-{image_id}-{place}"  # the field `id` repeats the image's
    with reading.keep(file, key):
        fields = {name.lower(): value for name, value in record.items()}
        asked = [
            fields[name]
            for name in ("general_question", "super_question", "obj_question", "pt_question")
            if fields.get(name)
        ]
        if not asked:
            raise BadRecord("a field is missing: general_question")
        question = asked[derive_seed(reading.seed, "question", key) % len(asked)]
        yield _point(
            reading, key, _image(reading, image_id), question, fields["ans"], fields["point"], kind="looktwice"
        )
