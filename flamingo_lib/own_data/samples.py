"""Somebody's dataset as samples that the rewriting job reads, and the finished rewrites put back where they belong."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ..distortion.question_type import classify_question
from ..errors import DataError
from ..records import Sample
from ..sources.images import ImageError, resolve
from ..storage import Quarantine, atomic_write
from ..text import is_blank
from .containers import Container, Row
from .layouts import Slot, put
from .schemas import Schema

SOURCE, EXTRACTED = "own-data", "own-data-extracted"
"""Source names of samples: those whose images lie below the data's folder, those whose images were taken out of it."""

LICENCE_NAMES = ("licence", "license")
"""Columns that may state a row's licence."""

SHOWN = 20
"""Missing images that a message names; a file names them all."""


@dataclass
class Survey:
    """What a first reading of a dataset finds, before any work.

    Attributes:
        rows, responses, images: how many there are; responses are those that will be rewritten.
        unreadable: rows that are not of the schema, by name, with the reason.
        missing: images that are not there, each with the row that names it.
    """

    rows: int = 0
    responses: int = 0
    images: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)
    missing: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class OwnData:
    """A dataset with its schema.

    Attributes:
        container, schema: the rows, and where the responses stand in them.
        work: folder for images that lie inside the data or outside its folder.
        turns: which responses of a row are rewritten, by number from 0; None: all of them.
        root: folder that image paths are relative to; None: the container's.
        limit: read at most so many rows.
    """

    container: Container
    schema: Schema
    work: Path
    turns: Collection[int] | None = None
    root: Path | None = None
    limit: int | None = None

    @property
    def image_root(self) -> Path:
        """The folder that image paths are relative to."""
        return self.root or self.container.root

    def roots(self) -> dict[str, str]:
        """The folder of each source's images."""
        return {SOURCE: str(self.image_root), EXTRACTED: str(self.work)}

    def rows(self) -> Iterator[tuple[int, str, Row]]:
        """(number, name, row) of each row up to the limit."""
        for number, (name, row) in enumerate(self.container.rows()):
            if self.limit is not None and number >= self.limit:
                return
            yield number, name, row

    def slots(self, row: Row) -> list[Slot]:
        """The responses of a row that are to be rewritten; `DataError` for a row that is not of the schema."""
        return [slot for slot in self.schema.slots(row) if self.turns is None or slot.turn in self.turns]

    def survey(self) -> Survey:
        """Read everything once: what is there, and which images are not."""
        found = Survey()
        for _, name, row in self.rows():
            found.rows += 1
            try:
                slots = self.slots(row)
            except DataError as error:
                found.unreadable[name] = error.what
                continue
            found.responses += len(slots)
            for image in max((slot.images for slot in slots), key=len, default=()):
                found.images += 1
                if path := self._missing(image):
                    found.missing.append((path, name))
        return found

    def require(self, survey: Survey, listing: Path | None = None) -> None:
        """Refuse to begin without all images, or with nothing to do.

        Args:
            survey: what `survey` found.
            listing: file that receives the names of all missing images, if there are more than a message names.

        Raises:
            DataError: images are missing, all counted and the first named; or no row has a response to rewrite.
        """
        if survey.missing:
            names = ", ".join(f"{path} ({row})" for path, row in survey.missing[:SHOWN])
            more = f", and {len(survey.missing) - SHOWN:,} more" if len(survey.missing) > SHOWN else ""
            if more and listing is not None:
                with atomic_write(listing) as file:
                    file.writelines(f"{path} ({row})\n" for path, row in survey.missing)
                more += f", all named in {listing}"
            raise DataError(
                f"{len(survey.missing):,} of {survey.images:,} images are missing: {names}{more}",
                file=self.image_root,
                remedy="Put them there, or give the folder that the paths are relative to with --images.",
            )
        if not survey.responses:
            first = next(iter(survey.unreadable.items()), None)
            raise DataError(
                "no row has a response to rewrite" + (f"; {first[0]}: {first[1]}" if first else ""),
                file=self.container.path,
                remedy="Name the columns with --columns, or the layout with --schema.",
            )

    def samples(self, aside: Quarantine | None = None) -> Iterator[Sample]:
        """One sample for each response that is to be rewritten; rows that are not of the schema are set aside."""
        for number, name, row in self.rows():
            try:
                made = [self._sample(number, slot) for slot in self.slots(row) if not is_blank(slot.response)]
            except DataError as error:
                if aside is not None:
                    aside.add(file=str(self.container.path), record=name, reason=error.what)
                continue
            yield from made

    def rewritten(self, output: Callable[[str], str | None], *, drop: bool = True) -> Iterator[Row]:
        """The rows with their rewritten responses; arguments of `finished`."""
        for row, _ in self.finished(output, drop=drop):
            yield row

    def finished(
        self, output: Callable[[str], str | None], *, drop: bool = True
    ) -> Iterator[tuple[Row, dict[str, Any]]]:
        """The rows with their rewritten responses, each with its conversation as exports read it.

        Args:
            output: sample id to the response that takes the old one's place; None where it was filtered out.
            drop: leave out rows of which a response was filtered out; False keeps them with their old response.
        """
        for number, _, row in self.rows():
            try:
                slots = self.slots(row)
            except DataError:
                continue
            texts = {slot.path: output(_id(number, slot)) for slot in slots if not is_blank(slot.response)}
            if drop and any(text is None for text in texts.values()):
                continue
            new = {path: text for path, text in texts.items() if text is not None}
            yield put(row, new), self._conversation(number, row, new)

    def _conversation(self, number: int, row: Row, new: Mapping[tuple[str | int, ...], str]) -> dict[str, Any]:
        """A line of `exports.conversations.CONVERSATIONS`: all turns of a row, also those that were not rewritten."""
        slots = self.schema.slots(row)
        source, images = self._located(max((slot.images for slot in slots), key=len, default=()))
        turns, shown = [], 0
        for slot in slots:
            turns.append(
                {
                    "instruction": slot.instruction,
                    "response": new.get(slot.path, slot.response),
                    "images": max(0, len(slot.images) - shown),
                    "rewrite": _id(number, slot) if slot.path in new else None,
                }
            )
            shown = max(shown, len(slot.images))
        stated = next((row[name] for name in LICENCE_NAMES if isinstance(row.get(name), str) and row[name]), None)
        return {"id": f"{SOURCE}/{number}", "source": source, "images": images, "licence": stated, "turns": turns}

    def _sample(self, number: int, slot: Slot) -> Sample:
        source, images = self._located(slot.images)
        return Sample(
            id=_id(number, slot),
            source=source,
            task=_task(slot),
            images=images,
            instruction=slot.instruction,
            raw=slot.response,
            meta={"question": slot.instruction} if _task(slot) == "vqa" else {},
        )

    def _located(self, images: tuple[Any, ...]) -> tuple[str, tuple[str, ...]]:
        """The source and the paths of a slot's images; images inside the data or outside the root are copied out."""
        paths = [_path_of(image) for image in images]
        inside = [path for path in paths if path is not None and self._inside(path)]
        if len(inside) == len(images):
            return SOURCE, tuple(str(Path(path)) for path in self._relative(inside))
        return EXTRACTED, tuple(self._extracted(image) for image in images)

    def _relative(self, paths: list[str]) -> list[str]:
        base = self.image_root.resolve()
        return [str(Path(path).resolve().relative_to(base)) if Path(path).is_absolute() else path for path in paths]

    def _inside(self, path: str) -> bool:
        try:
            return resolve(self.image_root, path).is_file()
        except ImageError:
            return False

    def _missing(self, image: Any) -> str:
        """The path of an image that is not there; ``""`` if it is."""
        path = _path_of(image)
        if path is None or self._inside(path) or os.path.isfile(self.image_root / path):
            return ""
        return path

    def _extracted(self, image: Any) -> str:
        path = _path_of(image)
        if path is None:
            content = bytes(image["bytes"])
        else:
            content = (self.image_root / path).read_bytes()
        name = f"{blake2b(content, digest_size=12).hexdigest()}{Path(path).suffix if path else '.png'}"
        target = self.work / name
        if not target.is_file():
            self.work.mkdir(parents=True, exist_ok=True)
            part = target.with_suffix(".part")
            part.write_bytes(content)
            part.replace(target)
        return name


def _path_of(image: Any) -> str | None:
    """The path of an image, None if its bytes stand in the data.

    Raises:
        DataError: it is neither.
    """
    if isinstance(image, str):
        if image.startswith(("http://", "https://", "data:")):
            raise DataError(
                f"an image by its address: {image[:80]}", remedy="Download the images first; nothing is fetched here."
            )
        return image
    if isinstance(image, Mapping) and image.get("bytes"):
        return None
    if isinstance(image, Mapping) and isinstance(image.get("path"), str):
        return image["path"]
    raise DataError(f"an image is neither a path nor bytes but {type(image).__name__}")


def _id(number: int, slot: Slot) -> str:
    return f"{SOURCE}/{number}/{slot.turn}"


def _task(slot: Slot) -> str:
    """Which filters judge the response: those of questions, of descriptions, or of texts without an image."""
    if not slot.images:
        return "instruction"
    asks = "?" in slot.instruction and classify_question(slot.instruction).kind not in ("describe", "why")
    return "vqa" if asks else "change" if len(slot.images) > 1 else "caption"
