"""The released JSON and Parquet: every field there and back."""

import json

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.pf1m.parquet import dataset_card, read_parquet, write_parquet
from flamingo_lib.pf1m.record import Pf1mRecord, from_rewrite, parse_record, read_pf1m, write_pf1m
from flamingo_lib.records import Rewrite, Sample, Verdict
from flamingo_lib.sources import load_source

RELEASED_QUESTION = {
    "input": "<img_path>mscoco_2014/train2014/COCO_train2014_000000000009.jpg<img_path>\nWhat is in the bowl?",
    "output": 'The bowl holds broccoli — très "frais" 🥦.\nEnjoy!',
    "original": "broccoli",
    "rouge_score": 0.2857,
    "reward": -1.2345,
    "nli_similarity": [-3.1, 5.25, 0.0001],
}
RELEASED_CAPTION = {
    "input": "Look: <img_path>a/1.png<img_path> and <img_path>b ü/2.png<img_path>. Describe both.",
    "output": "First.\n\nSecond.",
    "original": "one\ntwo\n\nThe followings are ...\ncat: [0.1, 0.2, 0.3, 0.4]",
    "rouge_score": 1.0,
    "reward": 2.0,
    "sts_similarity": 0.7312,
    "filtered_paragraphs": [[11.25, "Gone.\nReally \u2028 gone."]],
    "paragraph_clip_scores": [20.5, 19.0],
}


def rewrite(**changes):
    sample = Sample("vqa/7", "vqa-v2", "vqa", ("train/1.jpg",), "What color?", "red")
    scores = {
        "rouge_score": 1 / 3,
        "reward": 1.23456789,
        "nli_similarity": [-1.00004, 2.00006, 0.5],
        "sts_similarity": None,
    }
    return Rewrite(sample, **{"output": "It is red.", "scores": scores, **changes})


def records():
    return [parse_record(RELEASED_QUESTION), parse_record(RELEASED_CAPTION), from_rewrite(rewrite())]


def test_released_records_come_back_as_they_were(tmp_path):
    path = tmp_path / "PF-1M.json"
    path.write_text(json.dumps([RELEASED_QUESTION, RELEASED_CAPTION]), encoding="utf-8")
    read = list(read_pf1m(path))
    assert [record.to_json() for record in read] == [RELEASED_QUESTION, RELEASED_CAPTION]
    assert read[0].images == ("mscoco_2014/train2014/COCO_train2014_000000000009.jpg",)
    assert read[0].instruction == "What is in the bowl?"
    assert read[1].images == ("a/1.png", "b ü/2.png") and read[1].instruction == "Look:  and . Describe both."


def test_json_there_and_back(tmp_path):
    for own in (False, True):
        assert write_pf1m(tmp_path / "a.json", records(), own=own) == 3
        plain = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
        assert plain[:2] == ([RELEASED_QUESTION, RELEASED_CAPTION] if not own else plain[:2])
        back = list(read_pf1m(tmp_path / "a.json"))
        assert [record.to_json() for record in back] == [record.to_json() for record in records()]
    assert back == records()
    write_pf1m(tmp_path / "none.json", [])
    assert list(read_pf1m(tmp_path / "none.json")) == []


def test_parquet_there_and_back_also_through_datasets(tmp_path):
    from datasets import load_dataset

    assert write_parquet(tmp_path, records()) == 3
    assert list(read_parquet(tmp_path)) == records()
    (tmp_path / "README.md").write_text(card({"vqa-v2": 3}), encoding="utf-8")
    (tmp_path / "pf1m.json").write_text("[]")
    loaded = load_dataset(str(tmp_path), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.num_rows == 3 and loaded[0]["output"] == RELEASED_QUESTION["output"]
    assert loaded[1]["filtered_paragraphs"] == [{"score": 11.25, "text": "Gone.\nReally \u2028 gone."}]
    assert loaded[2]["source"] == "vqa-v2" and loaded[2]["sts_similarity"] is None


def test_parquet_in_several_files(tmp_path, monkeypatch):
    from flamingo_lib.pf1m import parquet as dataset

    monkeypatch.setattr(dataset, "ROWS_A_FILE", 4)
    monkeypatch.setattr(dataset, "ROWS_IN_MEMORY", 3)
    made = [Pf1mRecord(f"q{index}", "a", "b") for index in range(12)]
    for count, files in ((12, 3), (9, 3), (4, 1), (0, 1)):
        assert write_parquet(tmp_path, made[:count]) == count
        assert len(list((tmp_path / "data").iterdir())) == files
        assert list(read_parquet(tmp_path)) == made[:count]


def test_a_rewrite_as_a_record():
    record = from_rewrite(rewrite())
    assert record.to_json() == {
        "input": "<img_path>vqa-v2/train/1.jpg<img_path>What color?", "output": "It is red.", "original": "red",
        "rouge_score": 0.3333, "reward": 1.2346, "nli_similarity": [-1.0, 2.0001, 0.5],
    }  # fmt: skip
    assert (record.id, record.source, record.task) == ("vqa/7", "vqa-v2", "vqa")


def test_the_filters_edit_is_the_output_and_only_several_paragraphs_are_listed():
    scores = {"sts_similarity": 0.51234, "paragraph_clip_scores": [20.12346], "filtered_paragraphs": []}
    one = from_rewrite(rewrite(scores=scores)).to_json()
    assert "paragraph_clip_scores" not in one and one["sts_similarity"] == 0.5123
    scores["filtered_paragraphs"] = [[9.99999, "Gone."]]
    edited = rewrite(scores=scores, output="Stays.\n\nGone.", verdicts=(Verdict(True, "clip", edit="Stays."),))
    two = from_rewrite(edited).to_json()
    assert (
        two["output"] == "Stays."
        and two["filtered_paragraphs"] == [[10.0, "Gone."]]
        and two["paragraph_clip_scores"] == [20.1235]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output": None}, "'output' is missing"),
        ({"original": 3}, "'original' is missing or not text"),
        ({"colour": 1}, "unknown field 'colour'"),
        ({"nli_similarity": [1.0, 2.0]}, "not three numbers"),
        ({"reward": "high"}, "wrong type"),
        ({"filtered_paragraphs": [3]}, "wrong type"),
    ],
)
def test_a_bad_record_is_named(tmp_path, change, message):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([RELEASED_QUESTION, RELEASED_QUESTION | change]))
    with pytest.raises(DataError, match=f"{message}.*a.json"):
        list(read_pf1m(path))


def test_a_cut_off_file_is_an_error(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([RELEASED_QUESTION, RELEASED_CAPTION])[:-40])
    with pytest.raises(DataError, match="cut off"):
        list(read_pf1m(path))
    with pytest.raises(DataError, match="missing"):
        list(read_pf1m(tmp_path / "none.json"))
    with pytest.raises(DataError, match="no data"):
        list(read_parquet(tmp_path))


def test_our_file_is_a_source_for_training(tmp_path):
    (tmp_path / "vqa-v2" / "train").mkdir(parents=True)
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "vqa-v2" / "train" / "1.jpg")
    write_pf1m(tmp_path / "pf1m.json", [from_rewrite(rewrite())])
    samples = list(load_source("pf-1m", tmp_path))
    assert [(sample.instruction, sample.raw, sample.images) for sample in samples] == [
        ("What color?", "It is red.", ("vqa-v2/train/1.jpg",))
    ]


def card(counts, alarms=()):
    return dataset_card(
        title="PF-1M (tiny)", counts=counts, funnel="| source | in |\n|---|---:|\n| all | 4 |", judges={"nli": "tiny"},
        thresholds={"min_words": 3, "chain": ("length", "nli")}, rewriter="rewriter-tiny",
        created_by="flamingo-lib 0.1", alarms=alarms,
    )  # fmt: skip


def test_the_card_names_sources_licences_and_counts():
    text = card({"vqa-v2": 1200, "my-own": 7})
    assert "1,207 visual instructions" in text and "1K<n<10K" in text
    assert "VQA" in text and "CC BY" in text and "| my-own | 7 | not known |" in text
    assert "chain `length nli`" in text and "Alarms" not in text
    assert card({"vqa-v2": 1}, ["1 alarm rings.", "refusals: 9.0% of 10"]).endswith(
        "## Alarms about the whole\n1 alarm rings. `funnel.html` shows all.\n\n- refusals: 9.0% of 10\n"
    )
