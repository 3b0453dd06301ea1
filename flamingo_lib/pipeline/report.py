"""``report.html``: one page with every figure of a run, what the steps have to show, and links to the notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ..pages import write_page
from .cards import STYLE
from .metrics import FIGURES, rounded
from .run_folder import Workspace

PAGE_STYLE = """
table.fl code{font-size:13px}.wide{overflow-x:auto}
.ok{color:color-mix(in srgb,#2e9e5b 80%,CanvasText);font-weight:600}.missed{color:color-mix(in srgb,#d0454c 80%,CanvasText);font-weight:600}
"""


def write_report(workspace: Workspace, values: Mapping[str, Any]) -> Path:
    """Write the page into the run folder; `values` are the figures of `metrics.collect`.

    Steps may leave HTML fragments for it in their folder's ``report/``, which are shown in order under their title,
    the file's name without a leading number.
    """
    fragments = [
        (step.title, path)
        for name, step in workspace.steps.items()
        for path in sorted((workspace.folder / name / "report").glob("*.html"))
    ]
    body = [
        "<h2>Figures</h2><div class='wide'>",
        figure_table(values),
        "</div>",
    ]
    for _, path in fragments:
        title = path.stem.split("_", 1)[-1].replace("_", " ")
        body.append(
            f"<h2>{escape(title[:1].upper() + title[1:])}</h2><div class='wide'>{path.read_text('utf-8')}</div>"
        )
    body += [
        "<h2>Steps</h2><div class='wide'>",
        step_table(workspace),
        "</div>",
        notebook_links(workspace.folder / "notebooks"),
    ]
    note = f"Preset {values['preset']}, seed {values['seed']}, commit {str(values['commit'])[:12]}."
    return write_page(
        workspace.folder / "report.html", workspace.folder.name, STYLE, *body, note=note, style=PAGE_STYLE
    )


def figure_table(values: Mapping[str, Any]) -> str:
    """Every figure with its bound and whether it is reached."""
    rows = []
    for figure in FIGURES:
        if figure.key not in values:
            continue
        reached = figure.reached(values[figure.key])
        mark = {True: "<td class='ok'>✓ reached</td>", False: "<td class='missed'>✗ missed</td>", None: "<td></td>"}[
            reached
        ]
        rows.append(
            f"<tr><td><code>{figure.key}</code></td><td class='n'>{rounded(values[figure.key])}</td>"
            f"<td>{figure.bound}</td>{mark}<td>{escape(figure.title)}</td></tr>"
        )
    head = "<tr><th>figure</th><th class='n'>value</th><th>bound</th><th></th><th>meaning</th></tr>"
    return f"<table class='fl'>{head}{''.join(rows)}</table>"


def step_table(workspace: Workspace) -> str:
    """What was done, and how long it took when it was."""
    rows = "".join(
        f"<tr><td>{name}</td><td>{escape(result.title)}</td><td class='n'>{result.seconds:,.1f}</td></tr>"
        for name, result in workspace.results().items()
    )
    return f"<table class='fl'><tr><th>step</th><th></th><th class='n'>seconds</th></tr>{rows}</table>"


def notebook_links(folder: Path) -> str:
    """Links to the executed notebooks beside the page; empty if there are none."""
    names: Sequence[str] = sorted(
        path.name for path in folder.glob("[0-9][0-9]_*.ipynb") if path.suffixes == [".ipynb"]
    )
    links = "".join(f"<li><a href='notebooks/{escape(name, quote=True)}'>{escape(name)}</a></li>" for name in names)
    return f"<h2>Notebooks</h2><ul>{links}</ul>" if links else ""
