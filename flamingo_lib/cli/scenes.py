"""`flamingo scenes`: write the default datasets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command()
    def scenes(
        out: Annotated[
            Path,
            typer.Option("--out", help="folder for the datasets; an older one that this command wrote is replaced"),
        ],
        preset: Annotated[str, typer.Option("--preset", help="size of the program: tiny, small or paper")] = "tiny",
        seed: Annotated[int, typer.Option("--seed", help="seed of every random choice")] = 0,
        settings: Annotated[
            list[str] | None, typer.Option("--set", help="key=value, such as scenes.raw_scenes=100; may be repeated")
        ] = None,
        sheet: Annotated[
            Path | None, typer.Option("--sheet", help="also draw the first 24 raw scenes into this picture")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="print the manifest as JSON")] = False,
    ) -> None:
        """Render Scenes and write them as datasets in their official formats, with the truth about every picture."""
        from ..errors import FlamingoError
        from ..presets import load_preset
        from ..scenes.graph import draw_scene
        from ..scenes.render import contact_sheet
        from ..scenes.writers import MANIFEST, write_scenes

        config = load_preset(preset, settings or (), seed).scenes
        if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MANIFEST).is_file())):
            raise FlamingoError(
                "there is something else already", file=out, remedy="Choose a new folder; nothing was changed."
            )
        manifest = write_scenes(out, config, seed)
        if sheet is not None:
            sheet.parent.mkdir(parents=True, exist_ok=True)
            contact_sheet([draw_scene(seed, f"raw-{number:06d}") for number in range(24)]).save(sheet)
        if as_json:
            print(json.dumps(manifest, indent=2))
            return
        for source, splits in manifest["records"].items():
            print(f"{source:16}  " + "  ".join(f"{split} {number:,}" for split, number in splits.items()))
        print(f"written to {out}")
