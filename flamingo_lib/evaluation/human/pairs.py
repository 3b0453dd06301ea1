"""Pairs of two systems' answers to the same questions, each on a side drawn by seed, in an order drawn by seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...errors import DataError
from ...seeding import generator
from ...storage import fingerprint, read_json, read_jsonl, write_json

ID_NAMES = ("id", "question_id", "pair", "record_id")
INSTRUCTION_NAMES = ("instruction", "question", "prompt", "text")
RESPONSE_NAMES = ("response", "answer", "output", "prediction", "text")
REMEDY = 'Give JSON lines such as {"id": "1", "instruction": "...", "response": "...", "images": ["a.png"]}.'


@dataclass(frozen=True, slots=True)
class Pair:
    """One question with two answers.

    Attributes:
        id: of the question.
        instruction: as asked.
        images: files, relative to the images' folder.
        reference: an answer known to be right; ``""`` if none is.
        left, right: the two answers as shown.
        left_system: ``"a"`` or ``"b"``, whose answer stands on the left. Not on the page.
    """

    id: str
    instruction: str
    images: tuple[str, ...]
    reference: str
    left: str
    right: str
    left_system: str

    def system(self, side: str) -> str:
        """``"a"`` or ``"b"``: the system whose answer stands on `side`."""
        return self.left_system if side == "left" else {"a": "b", "b": "a"}[self.left_system]

    def answer(self, system: str) -> str:
        """The answer of system ``"a"`` or ``"b"``."""
        return self.left if self.left_system == system else self.right


@dataclass(frozen=True, slots=True)
class PairSet:
    """All pairs of a page, with what the page must not tell.

    Attributes:
        a, b: names of the two systems.
        seed: of sides and order.
        pairs: in the order in which they are shown.
    """

    a: str
    b: str
    seed: int
    pairs: tuple[Pair, ...]

    @property
    def fingerprint(self) -> str:
        """The set's own mark, which its ratings carry."""
        return fingerprint(self.seed, [asdict(pair) for pair in self.pairs])


def make_pairs(
    a: str | Path, b: str | Path, *, seed: int = 0, limit: int | None = None, names: tuple[str, str] | None = None
) -> PairSet:
    """Join two files of answers on their ids.

    Args:
        a, b: JSON lines with id, instruction and response; our stored predictions are such files.
        seed: of sides and order.
        limit: draw at most so many.
        names: of the systems; by default the files' own.

    Raises:
        DataError: a line without these fields, an id that comes twice, different instructions under one id, or no id in
            common.
    """
    first, second = dict(_answers(Path(a))), dict(_answers(Path(b)))
    common = sorted(first.keys() & second.keys())
    if not common:
        raise DataError(
            f"no question stands in both files: {Path(a).name} has {len(first):,}, {Path(b).name} {len(second):,}",
            file=b,
            remedy="Give two systems' answers to the same questions, under the same ids.",
        )
    order = generator(seed, "judge-pairs", "order")
    chosen = order.sample(common, min(limit or len(common), len(common)))
    pairs = []
    for name in chosen:
        one, other = first[name], second[name]
        if one["instruction"].split() != other["instruction"].split():
            raise DataError("the two files ask different things under one id", file=b, record=name)
        left = generator(seed, "judge-pairs", name).choice(("a", "b"))
        texts = {"a": one["response"], "b": other["response"]}
        right = {"a": "b", "b": "a"}[left]
        reference = one["reference"] or other["reference"]
        images = one["images"] or other["images"]
        pairs.append(Pair(name, one["instruction"], images, reference, texts[left], texts[right], left))
    title = names or (_title(a), _title(b))
    return PairSet(*title, seed, tuple(pairs))


def write_pairs(path: str | Path, pairs: PairSet) -> None:
    """Keep the set with its sides, for `flamingo agreement`; don't hand it to annotators."""
    values = {"a": pairs.a, "b": pairs.b, "seed": pairs.seed, "fingerprint": pairs.fingerprint}
    write_json(path, {**values, "pairs": [asdict(pair) for pair in pairs.pairs]})


def read_pairs(path: str | Path) -> PairSet:
    """The inverse of `write_pairs`.

    Raises:
        DataError: another file, or one that was changed since.
    """
    values = read_json(path)
    try:
        rows = tuple(Pair(**{**row, "images": tuple(row["images"])}) for row in values["pairs"])
        found = PairSet(values["a"], values["b"], values["seed"], rows)
        known = values["fingerprint"]
    except (KeyError, TypeError) as error:
        raise DataError(f"not a file of pairs: {error}", file=path, remedy="Give what judge-pairs wrote.") from error
    if found.fingerprint != known:
        raise DataError("the pairs were changed since the page was made", file=path, remedy="Make the page again.")
    return found


def _answers(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    seen: set[str] = set()
    for number, row in enumerate(read_jsonl(path), start=1):
        where = f"line {number}"
        if not isinstance(row, Mapping):
            raise DataError(f"not an answer but {type(row).__name__}", file=path, record=where, remedy=REMEDY)
        name, instruction, response = (
            next((row[key] for key in keys if key in row), None)
            for keys in (ID_NAMES, INSTRUCTION_NAMES, RESPONSE_NAMES)
        )
        if name is None or not isinstance(instruction, str) or not isinstance(response, str):
            raise DataError("no id, instruction and response", file=path, record=where, remedy=REMEDY)
        if str(name) in seen:
            raise DataError("an id comes twice", file=path, record=f"{where}, {name}", remedy="Give one system a file.")
        seen.add(str(name))
        references = row.get("references") or row.get("reference") or ""
        yield (
            str(name),
            {
                "instruction": instruction,
                "response": response,
                "images": tuple(row.get("images") or ([row["image"]] if row.get("image") else [])),
                "reference": references if isinstance(references, str) else next(iter(references), ""),
            },
        )


def _title(path: str | Path) -> str:
    path = Path(path)
    return path.parent.name if path.stem == "predictions" and path.parent.name else path.stem
