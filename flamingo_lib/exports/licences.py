"""Licences of exported records: as the datasets' makers state them, and whether they allow commercial use."""

from __future__ import annotations

from ..sources.catalog import CATALOG

NOT_KNOWN = "not known"

ALLOWING = frozenset(
    {
        *("MIT", "Apache-2.0", "BSD-3-Clause", "GPL-3.0", "CC0 1.0", "CC BY 4.0", "CC BY-SA 4.0", "CC BY 3.0"),
        *("CC BY 2.0", "CC BY-SA 3.0", "ODC-BY 1.0", "CDLA-Permissive-2.0"),
        "free for any purpose, as is; credit to Google appreciated",
    }
)
"""Statements that allow commercial use of the whole dataset, whatever else they ask for."""

FORBIDDING = ("non-commercial", "noncommercial", "academic use only", "research only", "CC BY-NC", "education only")
"""Parts of statements that rule it out."""


def licence_of(source: str, stated: str | None = None, otherwise: str | None = None) -> str:
    """A record's licence: as stated with it, else as the catalogue has it for its dataset, else `otherwise`."""
    if stated:
        return stated
    row = CATALOG.get(source)
    return row.licence if row is not None else otherwise or NOT_KNOWN


def commercial_use(licence: str) -> str:
    """`allows_commercial_use` as a word: yes, no, or not clear."""
    return {True: "yes", False: "no", None: "not clear"}[allows_commercial_use(licence)]


def allows_commercial_use(licence: str) -> bool | None:
    """Whether a licence statement allows commercial use; None where it leaves that open.

    A statement counts as allowing only if it is known as a whole: "annotations CC BY 4.0; images under Flickr's terms"
    and "MIT; for research and education" leave it open. This is a reading of the makers' words, no legal advice.
    """
    if licence in ALLOWING:
        return True
    return False if any(part.lower() in licence.lower() for part in FORBIDDING) else None
