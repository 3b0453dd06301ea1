"""One pass over one split of one dataset: finds files and images, builds samples, puts bad records aside.

A format reader is a function from a `Reader` to samples. It wraps the work on each record in ``with reader.keep(file,
key)``: whatever is wrong with that record is written to the quarantine with a reason, and the reader goes on with the
next.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ..errors import DataError
from ..records import Box, Sample, Turn
from ..renamed import renamed
from ..storage import Quarantine
from ..text import is_blank
from . import json_lines, json_stream, record_text
from .catalog.spec import DatasetSpec
from .images import leaves, locate, probe
from .locator import BadRecord, Locator, fill_known, filler, variants
from .prompts import wordings
from .record_errors import RECORD_ERRORS, reason_of

log = logging.getLogger(__name__)

SIZES_KEPT = 65_536
"""Image sizes remembered in a pass, so that the many questions about one image look at its file once."""


class Reader:
    """The state of one pass.

    Attributes:
        row: what is read.
        split: the row's name of the split.
        seed: for wordings, marks and choices of this pass.
        options: the row's, with the caller's on top.
        total: what became a sample and what was put aside so far; parts of samples count only if they are put aside.
        bad: what was put aside so far.
    """

    def __init__(
        self,
        row: DatasetSpec,
        locator: Locator,
        split: str,
        *,
        seed: int,
        quarantine: Quarantine,
        check_images: bool,
        options: Mapping[str, Any],
        seen: set[int],
    ) -> None:
        self.row, self.locator, self.split, self.seed = row, locator, split, seed
        self.root = locator.root
        self.quarantine, self.check_images = quarantine, check_images
        self.options = options
        self.values = {"split": split, **row.splits[split]}
        self.total = self.bad = 0
        self._seen = seen
        self._sizes: dict[str, tuple[int, int]] = {}
        self._file, self._key, self._part = "", "", False
        self._told: set[str] = set()
        self._official_image = filler(fill_known(variants(row.images[0])[0] if row.images else "", self.values))
        self._prefix = f"{row.name}/{split}/"
        self._wordings: dict[str, Callable[[str], str]] = {}

    # files

    def files(self, role: str, **values: Any) -> list[str]:
        """The files of `role` of this split, relative to the root; empty if there are none.

        Of several places the first in the row's order is taken; the first time, the others are logged.

        Raises:
            DataError: several files where the row expects one.
        """
        places = self.row.files[role]
        found = self.locator.find(places, {**self.values, **values})
        if found and not values and role not in self._told:
            self._told.add(role)
            if others := self.locator.others(places, self.values, found):
                log.warning(
                    "%s (%s): reading the %s from %s; also there and not read: %s",
                    self.row.name, self.split, role, shown(found), "; ".join(map(shown, others)),
                )  # fmt: skip
        return found

    def file(self, role: str, **values: Any) -> str:
        """The one file of `role`; a missing one is a `DataError` that names where it should be."""
        found = self.files(role, **values)
        if not found:
            place = variants(self.row.files[role][0].format_map({**self.values, **values}))[0]
            raise DataError(
                f"the {role} file of {self.row.name} ({self.split}) is missing",
                file=self.root / place,
                remedy=(
                    f"See {self.row.homepage} for where to get it, or run `flamingo sources check "
                    f"{self.row.name} {self.root}`."
                ),
            )
        return found[0]

    def items(
        self, file: str, sections: Collection[str] | None = None, *, lines: bool = False, keyed: bool = False
    ) -> Iterator[tuple[str, int | str, Any]]:
        """(section, key, record) of a JSON file, list or JSON lines; unreadable records go to the quarantine.

        See `json_lines.read_records`.

        Args:
            sections: names of the lists or objects wanted of a JSON object.
            lines: the makers publish JSON lines: the keys are line numbers.
            keyed: the makers publish one object of records by their keys.
        """
        path, report = self.root / file, self._reporter(file)
        if lines:
            yield from json_lines.read_json_lines(path, report)
        else:
            yield from json_lines.read_records(path, sections, report, keyed=keyed)

    def blocks(self, file: str, kinds: Mapping[str, type]) -> Iterator[tuple[str, int | str, list[Any]]]:
        """As `items`, many records at a time by the sections' `kinds`, for large files; the reader counts them."""
        json_lines.refuse_other_form(self.root / file, kinds)
        yield from json_stream.read_blocks(self.root / file, kinds, self._reporter(file))

    def lines(self, file: str) -> Iterator[tuple[int, str]]:
        """(number, text) of a text file's lines that are not blank."""
        yield from json_lines.read_lines(self.root / file, self._reporter(file))

    def _reporter(self, file: str) -> Callable[[str, str], None]:
        return lambda record, reason: self.put_aside(file, record, reason)

    # records

    def put_aside(self, file: str, record: str | int, reason: str) -> None:
        """Write one record to the quarantine and count it."""
        self.total += 1
        self.bad += 1
        self.quarantine.add(file=file, record=record, reason=reason)

    def keep(self, file: str, key: str | int, *, part: bool = False) -> Reader:
        """A context for the work on record `key` of `file`: an error inside puts the record aside and goes no further.

        Args:
            part: the record is only a part of a sample, such as a question whose answer lies in another file: it counts
                in `total` only if it is put aside, so that the share of bad ones is one of samples.
        """
        self._file, self._key, self._part = file, str(key), part
        self.total += not part
        return self

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, RECORD_ERRORS):
            return False
        self.total -= not self._part  # counted by `keep` as well
        self.put_aside(self._file, self._key, reason_of(error))
        return True

    def reject(self, file: str, record: str | int, error: Exception) -> None:
        """Put aside a record that a reader's own ``except RECORD_ERRORS`` caught."""
        self.put_aside(file, record, reason_of(error))

    # parts of a sample

    def wording(self, pool: str, key: str | int, **values: str) -> str:
        """An instruction of `pool`, chosen by the seed and the record's key."""
        if pool not in self._wordings:
            self._wordings[pool] = wordings(pool, self.seed)
        chosen = self._wordings[pool](f"{self._prefix}{key}")
        return chosen.format(**values) if values else chosen

    def image(self, *, look: bool = False, **values: Any) -> str:
        """The path of an image, relative to the root; a missing one is a bad record.

        Without a check of images this is the official place unseen, unless `look` asks to find it, as its size is
        needed.
        """
        for value in values.values():
            if value.__class__ is str and (".." in value or value[:1] == "/") and leaves(value):
                raise BadRecord(f"the image path leaves the root: {value}")
        if not (self.check_images or look):
            return self._official_image(**values)
        try:
            return self.locator.image(self.row.images, {**self.values, **values})
        except BadRecord:
            for place in self.places(**values):
                if "@" in place and (found := locate(self.root, place))[1] and found[0].is_file():
                    return place  # in an archive
            raise

    def places(self, **values: Any) -> list[str]:
        """Where an image of this split may lie, the official place first."""
        return [
            variant for place in self.row.images for variant in variants(place.format_map({**self.values, **values}))
        ]

    def size(self, path: str) -> tuple[int, int]:
        """Width and height of an image in pixels, after making sure that it can be used."""
        if path not in self._sizes:
            if len(self._sizes) >= SIZES_KEPT:
                self._sizes.clear()
            self._sizes[path] = probe(self.root, path)
        return self._sizes[path]

    def sample(
        self,
        key: str | int,
        *,
        instruction: str,
        raw: str,
        images: Sequence[str] = (),
        boxes: Sequence[Box] = (),
        turns: Sequence[Turn] = (),
        task: str = "",
        **meta: Any,
    ) -> Sample:
        """A `Sample` with its id, after the checks that every source shares; raises `BadRecord`."""
        raw = raw.strip()
        instruction = instruction.strip()
        if is_blank(raw):
            hint = " (the makers publish no answers of this split)" if self.split in self.row.unlabelled else ""
            raise BadRecord("empty annotation" + hint)
        if is_blank(instruction):
            raise BadRecord("empty instruction")
        if not (raw.isascii() and instruction.isascii()):
            try:
                (raw + instruction).encode()
            except UnicodeEncodeError:
                raise BadRecord("not UTF-8: half of a surrogate pair") from None
        if self.check_images:
            for path in images:
                self.size(path)
        meta["split"] = self.split
        name = f"{self._prefix}{key}"
        known = len(self._seen)
        self._seen.add(hash(name))
        if len(self._seen) == known:
            name = self._unique(name)
        return Sample(
            id=name,
            source=self.row.name,
            task=task or self.row.task,
            images=tuple(images),
            instruction=instruction,
            raw=raw,
            boxes=tuple(boxes),
            turns=tuple(turns),
            meta=MappingProxyType(meta),
        )

    def _unique(self, name: str) -> str:
        """A name for a second record of one id, where the makers' ids repeat."""
        if not self.row.ids_repeat:
            raise BadRecord(f"duplicate id: {name}")
        number = 2
        while hash(f"{name}~{number}") in self._seen:
            number += 1
        self._seen.add(hash(f"{name}~{number}"))
        return f"{name}~{number}"


def shown(files: Sequence[str]) -> str:
    """``a.json``, or ``a/1.txt and 41 more``."""
    return files[0] + (f" and {len(files) - 1:,} more" if len(files) > 1 else "")


__getattr__ = renamed(
    __name__,
    distinct=record_text.distinct,
    question_of=record_text.question_of,
    sentence=record_text.sentence,
    shown_text=record_text.shown_text,
    text_of=record_text.text_of,
)
