"""`flamingo distort`: good responses into the rewriter's training pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from ..config import Preset
    from ..pf1m.sources import SourceSpec
    from ..progress import Progress
    from ..records import Sample

T = TypeVar("T")

DISTORTED = {"instruction": "polite sources such as llava-instruct", "caption": "captioning sets for the third way"}
"""Tasks that `--source` takes, and what for."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("distort")(distort)


def distort(
    out: Annotated[
        Path, typer.Option("--out", help="Folder for pairs.jsonl, summary.json and what else is asked for.")
    ],
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            metavar="NAME=ROOT[:SPLIT][:LIMIT]",
            help="A dataset: polite ones are distorted, captioning ones give captions and boxes. Repeat for several. "
            "Without any: those of the preset, by default Scenes, rendered into OUT/scenes.",
        ),
    ] = None,
    preset: Annotated[str, typer.Option("--preset", help="tiny, small or paper.")] = "tiny",
    seed: Annotated[int | None, typer.Option("--seed", help="Instead of the preset's.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. distortion.pairs=500."),
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            "--compare",
            metavar="NAME=ROOT[:SPLIT][:LIMIT]",
            help="A dataset of raw annotations, which a classifier tries to tell from drafts. Repeat for several.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Read at most so many samples of each source.")
    ] = None,
    html: Annotated[
        bool, typer.Option("--html", help="Also write page.html: pairs side by side, differences marked.")
    ] = False,
    shown: Annotated[int, typer.Option("--shown", min=1, help="Pairs on the page.")] = 120,
    json_output: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Distort good responses so that they look like raw annotations (section 1 of the method).

    With a model backend every completion is kept in OUT/completions.jsonl: after an interruption the same command
    continues.
    """
    import json
    from collections import Counter
    from dataclasses import asdict

    from ..distortion.llm import open_backend
    from ..distortion.mixture import distort_sources
    from ..distortion.realism import annotations_by_way, realism
    from ..distortion.retrieval import index_descriptions
    from ..pf1m.sources import parse_source
    from ..presets import load_preset
    from ..progress import Progress
    from ..records import to_json
    from ..sources import load_source
    from ..storage import Quarantine, write_json, write_jsonl

    chosen = load_preset(preset, setting or (), seed)
    config = chosen.distortion
    parsed = [_to_distort(text) for text in source or _preset_sources(chosen, out)]
    raw_sources = [parse_source(text) for text in compare or ()]
    polite_sources = [entry for entry in parsed if entry.task == "instruction"]
    caption_sources = [entry for entry in parsed if entry.task == "caption"]
    (out / "quarantine.jsonl").unlink(missing_ok=True)
    quarantine = Quarantine(out / "quarantine.jsonl")
    refused = Quarantine(out / "quarantine.jsonl")  # apart: a source's share of bad records doesn't count these
    backend = open_backend(config, cache=out / "completions.jsonl", quarantine=refused)

    def samples(entries: list[SourceSpec]) -> Iterator[Sample]:
        for entry in entries:
            most = min((count for count in (entry.limit, limit) if count is not None), default=None)
            yield from load_source(
                entry.name, entry.root, split=entry.split, limit=most, seed=chosen.seed, quarantine=quarantine
            )

    roots = {entry.name: entry.root for entry in polite_sources}
    counts: Counter[str] = Counter()
    kept = []
    with Progress("reading captions", unit="samples") as progress:
        descriptions = index_descriptions(_counted(samples(caption_sources), progress))
    with Progress("distorting", config.pairs, "pairs") as progress:
        polite = samples(polite_sources)
        pairs = distort_sources(polite, descriptions, config, chosen.seed, backend=backend, counts=counts)

        def written() -> Iterator[dict[str, Any]]:
            for pair in _counted(pairs, progress):
                if html or raw_sources:
                    kept.append(pair)
                yield to_json(pair)

        total = write_jsonl(out / "pairs.jsonl", written())
    summary: dict[str, Any] = {
        "pairs": total,
        "parts": {name: count for name, count in counts.items() if not name.startswith("rejected:")},
        "rejected": {
            name.removeprefix("rejected:"): count for name, count in counts.items() if name.startswith("rejected:")
        },
        "quarantined": len(quarantine) + len(refused),
        "preset": chosen.name,
        "seed": chosen.seed,
        "backend": config.backend,
        "sources": roots,
    }
    if raw_sources:
        results = realism(kept, annotations_by_way(samples(raw_sources)), seed=chosen.seed)
        summary["told_apart"] = {way: asdict(result) for way, result in results.items()}
    write_json(out / "summary.json", summary)
    if html:
        _write_page(out, kept, shown, chosen.seed, roots)
    if json_output:
        print(json.dumps(summary))
    else:
        parts = ", ".join(f"{count} {name}" for name, count in summary["parts"].items())
        print(f"{total} pairs in {out / 'pairs.jsonl'}: {parts}")
        for way, result in summary.get("told_apart", {}).items():
            figures = f"{result['accuracy']:.3f} ± {result['standard_error']:.3f} (0.5 is by chance)"
            print(f"told from raw annotations, {way}: {figures}; the very same text: {result['exact']:.2f}")
        print(f"drafts rejected: {sum(summary['rejected'].values())}; records put aside: {summary['quarantined']}")


def _preset_sources(chosen: Preset, out: Path) -> list[str]:
    """A preset's polite sources and captions as ``NAME=ROOT``; renders Scenes first if it names no data folder."""
    root: str | Path | None = chosen.sources.root
    captions = chosen.sources.captions
    if root is None:
        if not chosen.sources.scenes:
            from ..pipeline.steps.scenes import no_data

            raise no_data(chosen)
        from ..scenes.writers import write_scenes

        root, captions = out / "scenes", ("llava-instruct",)
        unneeded = dict.fromkeys(("raw_scenes", "calibration_scenes", "evaluation_scenes", "held_out_scenes"), 1)
        write_scenes(root, chosen.scenes.model_copy(update=unneeded), chosen.seed)
    polite = [f"{name}={Path(root) / name}" for name in chosen.sources.polite]
    return polite + [
        f"mscoco-captions={Path(root) / name}" for name in captions if (Path(root) / name / "annotations").is_dir()
    ]


def _to_distort(text: str) -> SourceSpec:
    """The source that `text` gives; `ConfigError` if it cannot be distorted."""
    from ..errors import ConfigError
    from ..pf1m.sources import parse_source

    source = parse_source(text)
    if source.task not in DISTORTED:
        raise ConfigError(
            f"{source.name} cannot be distorted: its task is {source.task!r}",
            remedy="Give " + " and ".join(f"{use} ({task})" for task, use in DISTORTED.items()) + ".",
        )
    return source


def _counted(items: Iterable[T], progress: Progress) -> Iterator[T]:
    for item in items:
        progress.update()
        yield item


def _write_page(out: Path, pairs: list, shown: int, seed: int, roots: dict[str, str]) -> None:
    import os

    from ..distortion.page import pairs_page
    from ..seeding import generator
    from ..storage import atomic_write

    chosen = generator(seed, "page").sample(pairs, min(shown, len(pairs)))
    paths = {
        image: Path(roots[pair.source]) / image for pair in chosen for image in pair.images if pair.source in roots
    }
    page = pairs_page(
        chosen,
        note=f"{len(chosen)} of {len(pairs)} pairs, drawn at random. Marked: what the draft lost or has instead.",
        picture=lambda image: Path(os.path.relpath(paths[image], out)).as_posix() if image in paths else None,
    )
    with atomic_write(out / "page.html") as file:
        file.write(page)
