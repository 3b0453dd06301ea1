"""Tables 1 to 3 from a handful of predictions whose values are known by hand."""

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.tables import is_unchanged, table_1, table_2, table_3
from tests.evaluation.synthetic import predicted


def ours(exhibit):
    """Rows of our models, by model, as (column, value) of what was measured; the interval is left out."""
    table = exhibit.tables[0]
    rows = [row for row in table.rows if row[1] == "ours"]
    return {
        row[0]: {
            name: str(cell).split()[0] for name, cell in zip(table.header[2:], row[2:], strict=True) if cell != "–"
        }
        for row in rows
    }


def test_table_1_takes_each_source_by_its_measure():
    items = [
        predicted("stage3", 0, pool="captions", source="mscoco-captions", rouge_l=0.2),
        predicted("stage3", 1, pool="captions", source="mscoco-captions", rouge_l=0.3),
        predicted("stage3", 0, pool="held_out_source", source="vsr", nli=1, rouge_l=0.9),
        predicted("stage3", 1, pool="held_out_source", source="vsr", nli=0),
        predicted("base", 0, pool="captions", source="own-captions", rouge_l=0.5),
        predicted("base", 0, pool="held_out_source", source="nlvr2", nli=1),
    ]
    found = table_1(items)
    assert ours(found) == {
        "base, zero-shot": {"own-captions Rouge-L": "50.0"},
        "stage 3": {"COCO Rouge-L": "25.0", "VSR NLI": "50.0"},
    }
    assert "Clever Flamingo 7B" in {row[0] for row in found.tables[0].rows}
    assert found.notes == ("Not measured in this run: TextCaps Rouge-L, Img2P Rouge-L, OK-VQA NLI, Grid-3D NLI.",)
    assert found.figure is not None and "Clever Flamingo 7B" in found.markup()


def test_table_2_has_the_papers_two_units():
    items = [predicted("stage3", 0, pool="captions", source="spot-the-diff", sts=0.4, rouge_l=0.2)]
    found = table_2(items)
    assert ours(found) == {"stage 3": {"Spot-the-Diff STS": "40.0", "Spot-the-Diff Rouge-L": "0.200"}}
    paper = next(row for row in found.tables[0].rows if row[0] == "Otter")
    assert paper[1:4] == ("paper", "39.5", "0.129")


def rewrite(model, number, response, reward):
    return predicted(model, number, pool="rewrites", response=response, reward=reward, clipscore=20 + reward)


def test_table_3_compares_the_generations_on_the_same_annotations():
    items = [rewrite("rewriter", number, "Red." if number < 2 else "It is red.", 0.0) for number in range(4)]
    items += [rewrite("rewriter_second_generation", number, "It is red.", 1.0 + number) for number in range(3)]
    rows = {(row[0], row[1]): row[2:] for row in table_3(items).tables[0].rows}
    assert rows["generation 1", "paper"] == ("-1.19", "11.5", "23.88")
    assert rows["generation 1", "ours"][0].value == 0 and rows["generation 1", "ours"][1].startswith("50.0 ")
    assert rows["generation 2", "ours"][0].value == 2 and rows["generation 2", "ours"][1].startswith("0.0 ")
    apart = rows["2 minus 1", "ours"]
    assert (apart[0].value, apart[0].n) == (2.0, 3) and apart[1].startswith("-66.7 ") and apart[2].startswith("2.00 ")
    assert rows["2 minus 1", "paper"] == ("+0.51", "-11.5", "-0.63")


def test_one_generation_is_shown_alone():
    found = table_3([rewrite("rewriter", 0, "It is red.", 0.5)])
    assert "Without stored predictions: PF rewrites, second generation." in found.notes
    assert [row[:2] for row in found.tables[0].rows if row[1] == "ours"] == [("generation 1", "ours")]


def test_generations_of_different_annotations_have_no_difference():
    items = [rewrite("rewriter", 0, "It is red.", 0.5), rewrite("rewriter_second_generation", 1, "It is red.", 0.5)]
    found = table_3(items)
    assert not any(row[0] == "2 minus 1" and row[1] == "ours" for row in found.tables[0].rows)
    assert any("no annotation in common" in note for note in found.notes)


def test_unchanged_rewrites_have_the_annotations_words():
    assert is_unchanged(predicted("rewriter", 0, response=" RED. "))
    assert not is_unchanged(predicted("rewriter", 0, response="It is red."))
    assert is_unchanged(predicted("rewriter", 0, response="It is red.", unchanged=1))


@pytest.mark.parametrize("table", [table_1, table_2, table_3])
def test_without_predictions_the_papers_numbers_stand_alone(table):
    found = table([])
    assert found.figure is None and not ours(found) and found.notes[0].startswith("Nothing to show: no stored")
    assert "paper" in found.markup()


def test_a_score_that_is_no_number_is_an_error():
    with pytest.raises(DataError, match="captions/000"):
        table_1([predicted("base", 0, pool="captions", source="textcaps", rouge_l=float("nan"))])
