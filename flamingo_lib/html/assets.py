"""Scripts and styles of pages that need them, with the content security policy that lets nothing else run."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files


@cache
def asset(name: str) -> str:
    """The text of a file of this package."""
    return files(__package__).joinpath(name).read_text("utf-8")


def policy(script: str, styles: str, *, more: str = "") -> str:
    """A content security policy: this script and these styles by their hashes, images inside the page, nothing else.

    Args:
        script, styles: the page's own, exactly as they stand in it.
        more: further directives.
    """
    directives = [
        "default-src 'none'",
        "img-src data: blob:",
        f"style-src '{_hash(styles)}'",
        f"script-src '{_hash(script)}'",
        "base-uri 'none'",
        "form-action 'none'",
        *([more] if more else []),
    ]
    return "; ".join(directives)


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
