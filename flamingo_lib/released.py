"""Released weights by the names their makers gave them, and finding them in a folder of downloads.

A folder of weights holds one subfolder a release: under the release's repository on the hub (``huggyllama/llama-7b``),
that repository's last part (``llama-7b``), or the name used here. What is not there is looked for in the hub's cache.
Nothing is fetched.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .errors import CheckpointError, ConfigError, MissingAsset
from .file_kinds import check_weights, check_weights_file
from .hub import hub_folder, local_folder

Kind = Literal["language model", "tower", "flamingo", "adapter", "judge"]

FILES: dict[Kind, tuple[tuple[str, ...], ...]] = {
    "language model": (("config.json",), ("tokenizer.json", "tokenizer.model", "vocab.json")),
    "tower": (("open_clip_config.json",),),
    "flamingo": (),
    "adapter": (("adapter_config.json",),),
    "judge": (("config.json", "open_clip_config.json"),),
}
"""Files beside the weights: of each group one must be there."""


@dataclass(frozen=True, slots=True)
class Release:
    """Weights that somebody published.

    Attributes:
        name: what presets and commands call them.
        title: what they are.
        hub: the hub repository that its makers published them in.
        kind: how they are loaded; "flamingo" is a checkpoint that `model.checkpoints` reads.
        file: the file's name, where a repository holds several checkpoints.
        needs: releases it is loaded on top of.
        over: releases that are loaded before it where they are there: its own file may hold all of their weights.
    """

    name: str
    title: str
    hub: str
    kind: Kind
    file: str = ""
    needs: tuple[str, ...] = ()
    over: tuple[str, ...] = ()

    @property
    def homepage(self) -> str:
        """Where to get it."""
        return f"https://huggingface.co/{self.hub}"

    @property
    def folders(self) -> tuple[str, ...]:
        """Where it is looked for under a folder of weights, the likeliest first."""
        return tuple(dict.fromkeys((self.hub, self.hub.rsplit("/", 1)[-1], self.name)))


LLAMA, TOWER = "llama-7b", "ViT-L-14-336/openai"

_FROZEN = (LLAMA, TOWER)
_OWN = "chendelong/clever_flamingo"

RELEASES = {
    item.name: item
    for item in (
        Release(LLAMA, "LLaMA-7B, the language model", "huggyllama/llama-7b", "language model"),
        Release(
            TOWER, "CLIP ViT-L/14@336, tower and judge of images", "timm/vit_large_patch14_clip_336.openai", "tower"
        ),
        Release(
            "openflamingo-9b",
            "OpenFlamingo-9B, version 1",
            "openflamingo/OpenFlamingo-9B-deprecated",
            "flamingo",
            "checkpoint.pt",
            _FROZEN,
        ),
        Release(
            "clever-flamingo", "Clever Flamingo", _OWN, "flamingo", "clever_flamingo.pt", _FROZEN, ("openflamingo-9b",)
        ),
        Release(
            "polite-flamingo",
            "Polite Flamingo, the rewriter",
            _OWN,
            "flamingo",
            "polite_flamingo.pt",
            _FROZEN,
            ("openflamingo-9b",),
        ),
        Release(
            "polite-flamingo-gen2",
            "Polite Flamingo, second generation",
            _OWN,
            "flamingo",
            "polite_flamingo_gen2.pt",
            (*_FROZEN, "clever-flamingo"),
            ("openflamingo-9b",),
        ),
        Release("guanaco-7b", "Guanaco's LoRA for LLaMA-7B", "timdettmers/guanaco-7b", "adapter"),
        Release(
            "timdettmers/guanaco-33b-merged",
            "Guanaco-33B, which distorts",
            "timdettmers/guanaco-33b-merged",
            "language model",
        ),
        Release("all-mpnet-base-v2", "STS judge", "sentence-transformers/all-mpnet-base-v2", "judge"),
        Release("cross-encoder/nli-deberta-v3-base", "NLI judge", "cross-encoder/nli-deberta-v3-base", "judge"),
        Release(
            "OpenAssistant/reward-model-deberta-v3-large-v2",
            "reward judge",
            "OpenAssistant/reward-model-deberta-v3-large-v2",
            "judge",
        ),
    )
}
"""All of the paper's, by name."""

FLAMINGOS = tuple(name for name, item in RELEASES.items() if item.kind == "flamingo")
"""Releases that become a model folder."""


def find_release(name: str, weights: str | os.PathLike | None = None) -> Path | None:
    """The folder (or, where a release is one file, the file) of the weights called `name`; None if there is none.

    Args:
        name: of a release, or of any other model, as `hub.resolve` takes it.
        weights: a folder of weights, which is looked into first.
    """
    release = RELEASES.get(name)
    return next(_places(name, release, weights), None)


def _places(name: str, release: Release | None, weights: str | os.PathLike | None) -> Iterator[Path]:
    names = release.folders if release else (name, name.rsplit("/", 1)[-1])
    roots = [Path(weights).expanduser() / part for part in names] if weights is not None else []
    file = release.file if release else ""
    if file and weights is not None:
        roots.append(Path(weights).expanduser())
    for root in roots:
        found = root / file if file else root
        if found.is_file() if file else found.is_dir():
            yield found
    if release is None and (folder := local_folder(name)) is not None:
        yield folder
    folder = hub_folder(release.hub if release else name)
    if folder is not None and (not file or (folder / file).is_file()):
        yield folder / file if file else folder


def check_release(name: str, path: Path) -> None:
    """Look at what was found, without loading it.

    Raises:
        CheckpointError: a file is missing, broken, or a format that is never loaded; it is named.
    """
    release = RELEASES.get(name)
    kind: Kind = release.kind if release else "judge"
    if path.is_file():
        check_weights_file(path)
        return
    for group in FILES[kind]:
        if not any((path / file).is_file() for file in group):
            raise CheckpointError(f"{' or '.join(group)} is missing", file=path, remedy="Copy the whole folder again.")
    check_weights(path, pickles=kind == "adapter")


def require_releases(names: tuple[str, ...], weights: str | os.PathLike | None) -> dict[str, Path]:
    """The places of all these releases.

    Raises:
        MissingAsset: some are not there; all of them are named, and where to get them.
        CheckpointError: one is broken.
    """
    found = {name: find_release(name, weights) for name in names}
    missing = [RELEASES[name] for name, path in found.items() if path is None]
    if missing:
        where = "; ".join(f"{item.name}: {item.homepage}{f' ({item.file})' if item.file else ''}" for item in missing)
        raise MissingAsset(
            f"{len(missing)} of {len(names)} weights are missing: {', '.join(item.name for item in missing)}",
            file=weights,
            remedy=f"Put each into a subfolder of the folder of weights. Get {where}.",
        )
    places = {name: path for name, path in found.items() if path is not None}
    for name, path in places.items():
        check_release(name, path)
    return places


def find_flamingo(name: str) -> Release:
    """The release called `name` that becomes a model folder; any other name is a `ConfigError`."""
    if name not in FLAMINGOS:
        raise ConfigError(f"there is no released Flamingo {name!r}", remedy=f"Choose one of {', '.join(FLAMINGOS)}.")
    return RELEASES[name]


def check_weights_root(weights: str | os.PathLike) -> Path:
    """The folder of weights; a `MissingAsset` if there is no such folder."""
    folder = Path(weights).expanduser()
    if not folder.is_dir():
        raise MissingAsset(
            "there is no such folder of weights", file=folder, remedy="Give a folder with one subfolder a release."
        )
    return folder
