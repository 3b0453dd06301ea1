"""`flamingo sources`: the catalogue of datasets; check, look at and export a copy of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

Name = Annotated[str, typer.Argument(help="catalogue name, see `flamingo sources list`")]
Root = Annotated[Path, typer.Argument(help="the dataset's folder, as its makers lay it out")]
Split = Annotated[str | None, typer.Option("--split", help="one split; all that are there by default")]
Seed = Annotated[int, typer.Option("--seed", help="seed of wordings, marks and choices")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="stop after so many samples")]
Json = Annotated[bool, typer.Option("--json", help="print JSON")]


def _row_values(row: Any) -> dict[str, Any]:
    return {
        "name": row.name,
        "title": row.title,
        "task": row.task,
        "format": row.format,
        "files": {role: [pattern.replace("|", "") for pattern in patterns] for role, patterns in row.files.items()},
        "splits": list(row.splits),
        "adopted": row.paper_samples,
        "group": row.group or None,
        "licence": row.licence,
        "homepage": row.homepage,
        "citation": row.citation,
        "notes": row.notes,
    }


def _clip(text: str, length: int) -> str:
    text = text.replace("\n", " / ")
    return text if len(text) <= length else text[: length - 1] + "…"


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    sources = typer.Typer(
        help="The datasets that can be read: list them, check a copy, look at it, export it.", no_args_is_help=True
    )
    app.add_typer(sources, name="sources")

    @sources.command("list")
    def list_sources(as_json: Json = False) -> None:
        """Print the catalogue: name, task, samples the paper adopted, splits, licence as its makers state it."""
        from ..sources import CATALOG

        rows = [_row_values(row) for row in CATALOG.values()]
        if as_json:
            print(json.dumps(rows, indent=2, ensure_ascii=False))
            return
        print(f"{'name':<24}{'task':<15}{'adopted':>9}  {'splits':<34}licence")
        for row in rows:
            adopted = f"{row['adopted']:,}" if row["adopted"] else "-"
            adopted += "*" if row["group"] else " "
            print(
                f"{row['name']:<24}{row['task']:<15}{adopted:>10} "
                f"{_clip(' '.join(row['splits']), 33):<34}{row['licence']}"
            )
        print("* of the whole group: RET-3 is rsicd, rsitmd and ucm-captions; ELEVATER-IC the fifteen elevater-* sets")

    @sources.command()
    def check(
        name: Name,
        root: Root,
        split: Split = None,
        limit: Limit = None,
        seed: Seed = 0,
        quarantine: Annotated[
            Path | None, typer.Option("--quarantine", help="also write the records put aside to this file")
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Check a dataset's folder: files found and missing, samples, quarantined records and why; three samples."""
        from ..sources.checking import check_source, export_line

        if quarantine is not None:
            quarantine.unlink(missing_ok=True)
        report = check_source(name, root, split=split, limit=limit, seed=seed, quarantine_path=quarantine)
        if as_json:
            splits = {
                item.split: {
                    "found": item.found,
                    "missing": item.missing,
                    "samples": item.samples,
                    "bad": item.bad,
                    "reasons": dict(item.reasons),
                    "error": item.error or None,
                }
                for item in report.splits
            }
            values = {
                "name": name,
                "samples": report.samples,
                "splits": splits,
                "examples": [export_line(sample) for sample in report.examples],
            }
            print(json.dumps(values, indent=2, ensure_ascii=False))
        else:
            for item in report.splits:
                print(f"{item.split}: {item.samples:,} samples, {item.bad:,} records put aside")
                for role, files in item.found.items():
                    print(
                        f"  found    {role}: {files[0]}" + (f" and {len(files) - 1:,} more" if len(files) > 1 else "")
                    )
                for role, pattern in item.missing.items():
                    print(f"  missing  {role}: {pattern}")
                for reason, count in item.reasons.most_common():
                    print(f"  aside    {count:,} x {reason}")
                if item.error:
                    print(f"  stopped  {item.error}")
            for sample in report.examples:
                print(f"\n{sample.id}\n  images       {', '.join(sample.images) or '-'}")
                print(f"  instruction  {_clip(sample.instruction, 100)}\n  raw          {_clip(sample.raw, 100)}")
        if report.samples == 0:
            raise typer.Exit(1)

    @sources.command()
    def show(
        name: Name,
        root: Root,
        out: Annotated[Path, typer.Option("--out", help="the page to write, one HTML file")],
        split: Split = None,
        count: Annotated[int, typer.Option("--count", min=1, help="how many samples to show")] = 24,
        seed: Seed = 0,
    ) -> None:
        """Write a contact sheet: pictures with their marks and boxes, instruction, raw annotation."""
        from ..seeding import generator
        from ..sources import find_row, load_source, open_images
        from ..sources.sheet import sample_sheet
        from ..storage import Quarantine, atomic_write

        row = find_row(name)
        quarantine = Quarantine(max_share=1.0)
        pool = list(load_source(name, root, split, limit=count * 20, seed=seed, quarantine=quarantine))
        chosen = sorted(generator(seed, "sheet", name).sample(range(len(pool)), min(count, len(pool))))
        seen = f"{len(chosen)} of the first {len(pool)} samples; {len(quarantine)} records put aside"
        about = f"{row.title}, {row.task}. {seen}. Licence: {row.licence}."
        page = sample_sheet(
            ((pool[index], open_images(pool[index], root)) for index in chosen), title=name, about=about
        )
        with atomic_write(out) as file:
            file.write(page)
        print(f"{len(chosen)} samples written to {out}")

    @sources.command()
    def export(
        name: Name,
        root: Root,
        out: Annotated[Path, typer.Option("--out", help="the file to write, one JSON object a line")],
        split: Split = None,
        limit: Limit = None,
        seed: Seed = 0,
        quarantine: Annotated[
            Path | None,
            typer.Option(
                "--quarantine",
                help="where records go that cannot be used; quarantine.jsonl beside the export by default",
            ),
        ] = None,
        max_share: Annotated[
            float | None,
            typer.Option(
                "--max-share",
                min=0,
                max=1,
                help="share of unusable records over which to stop; the catalogue's by default",
            ),
        ] = None,
        images: Annotated[bool, typer.Option(help="make sure that every image is there and can be used")] = True,
        as_json: Json = False,
    ) -> None:
        """Export samples as JSON lines.

        Fields: id, images (relative to ROOT), task, instruction, raw, n_turns; boxes, mark, turns if any.
        """
        from ..progress import track
        from ..sources import find_row, load_source
        from ..sources.checking import export_line
        from ..storage import Quarantine, write_jsonl

        aside = quarantine or out.parent / "quarantine.jsonl"
        aside.unlink(missing_ok=True)
        kept = Quarantine(aside, max_share=find_row(name).max_share if max_share is None else max_share)
        strict = {} if max_share is None else {"min_failures": 0}
        stream = load_source(name, root, split, limit=limit, seed=seed, quarantine=kept, check_images=images, **strict)
        count = write_jsonl(out, (export_line(sample) for sample in track(stream, f"reading {name}", unit="samples")))
        if as_json:
            print(
                json.dumps(
                    {
                        "samples": count,
                        "bad": len(kept),
                        "reasons": dict(kept.counts()),
                        "out": str(out),
                        "quarantine": str(aside),
                    }
                )
            )
            return
        print(f"{count:,} samples written to {out}")
        if len(kept):
            print(f"{len(kept):,} records put aside in {aside}")
            for reason, number in kept.counts().most_common():
                print(f"  {number:,} x {reason}")
