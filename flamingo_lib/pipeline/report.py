"""``report.html``: one page with every figure of a run, what the steps have to show, and links to the notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..evaluation.claims import claims_table, stored_claims
from ..html import Markup, badge, bullets, code, join, link, read_fragment, section, table, write_page
from .metrics import FIGURES, rounded
from .run_folder import Workspace


def write_report(workspace: Workspace, values: Mapping[str, Any]) -> Path:
    """Write the page into the run folder; `values` are the figures of `metrics.collect`.

    The claims of the shipped study come first, where there is one, each with this run's value. Steps may leave HTML
    fragments for the page in their folder's ``report/``, which are shown in order under their title, the file's name
    without a leading number.
    """
    claims = stored_claims()
    body = [section("Claims", claims_table(claims, values))] if claims is not None else []
    body.append(section("Figures", figure_table(values)))
    for name in workspace.steps:
        for path in sorted((workspace.folder / name / "report").glob("*.html")):
            title = path.stem.split("_", 1)[-1].replace("_", " ")
            body.append(section(title[:1].upper() + title[1:], read_fragment(path)))
    body += [section("Steps", step_table(workspace)), notebook_links(workspace.folder / "notebooks")]
    note = f"Preset {values['preset']}, seed {values['seed']}, commit {str(values['commit'])[:12]}."
    return write_page(workspace.folder / "report.html", workspace.folder.name, *body, note=note)


def figure_table(values: Mapping[str, Any]) -> Markup:
    """Every figure with its bound and whether it is reached."""
    marks = {True: badge("reached", "good"), False: badge("missed", "bad"), None: ""}
    rows = [
        (
            code(figure.key),
            rounded(values[figure.key]),
            figure.bound,
            marks[figure.reached(values[figure.key])],
            figure.title,
        )
        for figure in FIGURES
        if figure.key in values
    ]
    return table(("figure", "value", "bound", "", "meaning"), rows)


def step_table(workspace: Workspace) -> Markup:
    """The steps done, and the time each took."""
    rows = [(name, result.title, f"{result.seconds:,.1f}") for name, result in workspace.results().items()]
    return table(("step", "", "seconds"), rows)


def notebook_links(folder: Path) -> Markup:
    """Links to the executed notebooks beside the page; empty if there are none."""
    names: Sequence[str] = sorted(
        path.name for path in folder.glob("[0-9][0-9]_*.ipynb") if path.suffixes == [".ipynb"]
    )
    links = bullets(link(f"notebooks/{name}", name) for name in names)
    return section("Notebooks", links) if names else join([])
