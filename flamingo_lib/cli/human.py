"""`flamingo judge-pairs` and `agreement`: human evaluation, blind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .tables import aligned


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("judge-pairs")(judge_pairs)
    app.command("agreement")(agreement)


def judge_pairs(
    a: Annotated[Path, typer.Argument(help="one system's answers: JSON lines with id, instruction, response, images")],
    b: Annotated[Path, typer.Argument(help="the other system's answers to the same questions")],
    out: Annotated[Path, typer.Option("--out", help="the page; OUT.pairs.json keeps which answer is whose")],
    images: Annotated[Path, typer.Option(help="folder that image paths are relative to")] = Path(),
    limit: Annotated[int | None, typer.Option(min=1, help="draw at most so many pairs")] = None,
    seed: Annotated[int, typer.Option(help="of sides, order and draw")] = 0,
    reference: Annotated[bool, typer.Option(help="show the answer known to be right")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print what was written as JSON")] = False,
) -> None:
    """Make a page on which people rate pairs of answers without knowing whose they are.

    The page is one file that needs no network; each annotator opens it, rates with keys or buttons, and saves a file of
    ratings for `flamingo agreement`.
    """
    from ..evaluation.human.page import write_judging_page
    from ..evaluation.human.pairs import make_pairs, write_pairs

    pairs = make_pairs(a, b, seed=seed, limit=limit)
    write_judging_page(out, pairs, images, reference=reference)
    key = out.with_name(out.name + ".pairs.json")
    write_pairs(key, pairs)
    if as_json:
        print(json.dumps({"pairs": len(pairs.pairs), "page": str(out), "key": str(key)}))
        return
    print(f"{len(pairs.pairs):,} pairs in {out}; which answer is whose is in {key}: don't hand that out")


def agreement(
    ratings: Annotated[list[Path], typer.Argument(help="files that annotators saved from the page")],
    pairs: Annotated[Path, typer.Option(help="OUT.pairs.json, written with the page")],
    reward: Annotated[
        str | None, typer.Option(help="reward judge to compare with people: tiny, a folder or a hub name")
    ] = "tiny",
    nli: Annotated[str | None, typer.Option(help="NLI judge to compare with the labels; needs references")] = "tiny",
    seed: Annotated[int, typer.Option(help="of the bootstrap")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print the figures as JSON")] = False,
) -> None:
    """How far annotators agree, whom they prefer, and whether the judges agree with them.

    Prints Cohen's and Krippendorff's agreement, Bradley-Terry scores with bootstrap intervals, with and without a
    length covariate, the labels, and how often the reward and NLI judges say what people say.
    """
    from ..evaluation.human.pairs import read_pairs
    from ..evaluation.human.ratings import read_ratings
    from ..evaluation.human.summary import summarize, summary_rows

    known = read_pairs(pairs)
    found = summarize(known, read_ratings(ratings, known), reward=reward, nli=nli, seed=seed)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    print(aligned([["", "value"], *summary_rows(found)], left=1))
