"""The paper's numbers as they are shipped: consistent with each other, and found where tables look for them."""

import re
from pathlib import Path

import numpy as np

from flamingo_lib.evaluation import paper
from flamingo_lib.evaluation.bradley_terry import nearness

METHOD = Path(__file__).parents[2] / "docs" / "method.md"


def test_the_source_is_named():
    assert "Polite_Flamingo.pdf" in paper.paper_numbers()["source"]


def test_tables_have_a_value_for_each_column():
    for number, ours in ((1, "Clever Flamingo 7B"), (2, "Clever Flamingo")):
        columns, rows = paper.paper_table(number)
        assert {len(row) for row in rows.values()} == {len(columns)} == {6} and ours in rows
    assert paper.paper_table(1)[1]["Clever Flamingo 7B"] == [24.3, 24.1, 24.7, 43.3, 43.6, 29.0]
    assert paper.paper_generations() == {"generation 1": [-1.19, 0.1153, 23.88], "generation 2": [-0.68, 0.0, 23.25]}


def test_win_rates_of_the_two_halves_add_up():
    models, rates, samples = paper.paper_win_matrix()
    assert rates.shape == (len(models), len(models)) == (9, 9) and samples == 52000
    assert np.abs(rates + rates.T - 1).max() < 0.011, "one row was printed with another rounding"


def test_every_stage_and_ablation_is_found():
    assert paper.paper_u("stage2") == (0.287, 0.3715, -1.12) and paper.paper_u("raw")[2] == -2.13
    assert all(paper.paper_u(model) is not None for model in paper.PAPER_STAGES)
    assert paper.paper_u("no_filter") is None


def test_figures_of_judges_and_rewards():
    rows, answers = paper.paper_judged()
    assert len(rows) == 5 and answers == 600 and all(len(row) == 4 and max(row) <= answers for row in rows.values())
    assert paper.paper_median_rewards()["PF-1M (0.97M)"] == -0.50


def rows_of(figure):
    """Tables of a figure in docs/method.md, as lists of cells."""
    part = METHOD.read_text().split(f"**{figure}.**")[1].split("\n**")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"]


def test_figures_9_and_6_are_those_of_the_methods_page():
    names = {"stage2": "stage 2", "raw": "on raw annotations", "no_stage1": "without stage 1"}
    rows = {cells[0]: [float(cell) for cell in cells[1:]] for cells in rows_of("Figure 9")[2:]}
    for model, name in names.items():
        assert [round(value + 1e-9, 3) for value in paper.paper_u(model)] == rows[name]
    assert [float(cell.strip("*")) for cell in rows_of("Figure 6")[2]] == list(paper.paper_median_rewards().values())


def test_how_near_the_papers_matrix_is_to_bradley_terry():
    fit = nearness(*paper.paper_win_matrix())
    assert f"{100 * fit.mean_gap:.1f} points off on average, {100 * fit.largest_gap:.1f} at most" in re.sub(
        r"\s+", " ", METHOD.read_text()
    )
