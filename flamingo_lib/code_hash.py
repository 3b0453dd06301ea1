"""Fingerprints of the code behind a result: a module and all of the library's modules that it imports.

Only what runs counts. Comments, docstrings and layout may change without a result being made anew. The ground floor's
settings and messages don't count either: a setting enters by its value.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

from .lazy import exported_names

PACKAGE = __name__.split(".")[0]
ROOT = Path(__file__).resolve().parent
NEUTRAL = ("cli", "code_hash", "config", "errors", "html", "lazy", "pipeline.step", "presets", "progress", "widgets")
"""Modules, with everything under them, that shape no result."""
TABLES = ("pipeline", "pipeline.steps")
"""Packages that only list their modules."""


def code_fingerprint(modules: Iterable[str]) -> str:
    """A 16-digit hexadecimal hash of the code of `modules` (full names) and of all they import from the library."""
    digest = hashlib.blake2b(digest_size=8)
    for name, path in sorted(_closure(modules).items()):
        digest.update(f"{name}={_code(path)};".encode())
    return digest.hexdigest()


def library_fingerprint() -> str:
    """A 16-digit hexadecimal hash of the code of the whole library."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(ROOT.rglob("*.py")):
        digest.update(f"{path.relative_to(ROOT).as_posix()}={_code(path)};".encode())
    return digest.hexdigest()


def closure(modules: Iterable[str]) -> set[str]:
    """`modules` and all of the library's modules they import, at the top or inside functions, directly or not."""
    return set(_closure(modules))


def _closure(modules: Iterable[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if path is None or name in found or _neutral(name):
            continue
        found[name] = path
        waiting += _imports(name, *_stamp(path))
    return found


def _neutral(name: str) -> bool:
    inside = name.removeprefix(PACKAGE).lstrip(".")
    return inside in TABLES or any(inside == part or inside.startswith(part + ".") for part in NEUTRAL)


def _file(name: str) -> Path | None:
    """The source file of one of the library's modules, None for anything else."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return None
    base = ROOT.joinpath(*parts[1:])
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _code(path: Path) -> str:
    """What a module does."""
    return _digest(*_stamp(path))


def _stamp(path: Path) -> tuple[Path, int, int]:
    status = path.stat()
    return path, status.st_mtime_ns, status.st_size


@cache
def _tree(path: Path, changed: int, size: int) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def _digest(path: Path, changed: int, size: int) -> str:
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [item for item in body if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))]
            node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]  # any node with statements
    return hashlib.blake2b(ast.dump(tree, annotate_fields=False).encode(), digest_size=8).hexdigest()


@cache
def _imports(name: str, path: Path, changed: int, size: int) -> tuple[str, ...]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    candidates: set[str] = set()
    for node in _running(_tree(path, changed, size)):
        if isinstance(node, ast.Import):
            candidates |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
            candidates |= {base} | {f"{base}.{_submodule(base, alias.name)}" for alias in node.names}
    parents = {name.rsplit(".", depth)[0] for name in candidates for depth in range(1, name.count(".") + 1)}
    return tuple(sorted(item for item in candidates | parents if _file(item)))


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a syntax tree, without those for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for other in node.orelse:
                yield other
                yield from _running(other)
        else:
            yield node
            yield from _running(node)


def _submodule(package: str, name: str) -> str:
    """The submodule that a package's lazily exported `name` comes from; any other name as it is."""
    file = _file(package)
    if file is None or file.name != "__init__.py":
        return name
    return _exports(*_stamp(file)).get(name, name)


@cache
def _exports(path: Path, changed: int, size: int) -> dict[str, str]:
    return exported_names(path.read_text("utf-8"))
