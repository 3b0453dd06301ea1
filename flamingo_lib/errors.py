"""The one exception that people see.

Every error a user can cause or mend is a `FlamingoError`: it says what is wrong, where (file, record),
and what to do about it. The command line prints it without a traceback and exits with code 2.
"""

from __future__ import annotations

from os import PathLike


class FlamingoError(Exception):
    """What went wrong, where, and the remedy.

    Args:
        what: one sentence, e.g. ``"the annotation file is not valid JSON"``.
        file: the file it was found in.
        record: the record's id, or its position such as ``"line 12"``.
        remedy: what to do now.
    """

    def __init__(
        self,
        what: str,
        *,
        file: str | PathLike | None = None,
        record: str | int | None = None,
        remedy: str | None = None,
    ) -> None:
        self.what, self.file, self.record, self.remedy = what, file, record, remedy
        where = ", ".join(
            part
            for part in (
                f"file {file}" if file is not None else "",
                f"record {record}" if record is not None else "",
            )
            if part
        )
        message = what + (f" ({where})" if where else "")
        super().__init__(message + (f". {remedy}" if remedy else ""))


class ConfigError(FlamingoError):
    """A preset, key or value that cannot be used; raised before any work starts."""


class DataError(FlamingoError):
    """Input data that a reader cannot use as a whole (a single bad record is quarantined instead)."""


class MissingAsset(FlamingoError):
    """Weights, judges or datasets that are not where the preset says; the remedy tells how to get them."""


class CheckpointError(FlamingoError):
    """A checkpoint that does not fit: missing parts, wrong shapes, unknown names, unsafe content."""


class StorageError(FlamingoError):
    """A file or folder that cannot be written: no permission, a full disk, or something else of that name."""
