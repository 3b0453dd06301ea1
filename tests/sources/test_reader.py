"""What every reader shares: invisible text is none, shares are those of samples, reasons are in plain words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.images import ImageError
from flamingo_lib.sources import load_source
from flamingo_lib.sources.reader import BadRecord, reason_of
from flamingo_lib.storage import Quarantine

HIDDEN = "\u200b\ufeff\u00ad"

FIELDS = [
    ("a-okvqa", "aokvqa_v1p0_train.json", (0, "question")),
    ("a-okvqa", "aokvqa_v1p0_train.json", (0, "choices", 0)),
    ("ai2d", "ai2d/questions/0.png.json", ("questions", 0, "answerTexts", 0)),
    ("alpaca-gpt4", "data/alpaca_gpt4_data.json", (0, "instruction")),
    ("alpaca-gpt4", "data/alpaca_gpt4_data.json", (0, "output")),
    ("chartqa", "ChartQA Dataset/train/train_human.json", (0, "query")),
    ("chartqa", "ChartQA Dataset/train/train_human.json", (0, "label")),
    ("clevr", "CLEVR_v1.0/questions/CLEVR_train_questions.json", ("questions", 0, "question")),
    ("gqa", "train_balanced_questions.json", (0, "question")),
    ("gqa", "train_balanced_questions.json", (0, "answer")),
    ("image2paragraph", "paragraphs_v1.json", (0, "paragraph")),
    ("levir-cc", "LevirCCcaptions.json", ("images", 0, "sentences", 0, "raw")),
    ("llava-instruct", "detail_23k.json", (0, "conversations", 1, "value")),
    ("mscoco-captions", "annotations/captions_train2014.json", ("annotations", 0, "caption")),
    ("ocr-vqa", "dataset.json", (0, "questions", 0)),
    ("ocr-vqa", "dataset.json", (0, "answers", 0)),
    ("pf-1m", "PF-1M.json", (0, "output")),
    ("rsitmd", "dataset_RSITMD.json", ("images", 0, "sentences", 0, "raw")),
    ("scienceqa", "data/scienceqa/problems.json", (0, "question")),
    ("scienceqa", "data/scienceqa/problems.json", (0, "choices", 0)),
    ("sharegpt", "sg_90k_part1_html_cleaned.json", (0, "conversations", 1, "value")),
    ("textcaps", "TextCaps_0.1_train.json", ("data", 0, "caption_str")),
    ("textvqa", "TextVQA_0.5.1_train.json", ("data", 0, "question")),
    ("vqa-e", "VQA-E_train_set.json", (0, "explanation")),
    ("vqa-e", "VQA-E_train_set.json", (0, "multiple_choice_answer")),
    ("vqa-v2", "v2_OpenEnded_mscoco_train2014_questions.json", ("questions", 0, "question")),
    ("vqa-v2", "v2_mscoco_train2014_annotations.json", ("annotations", 0, "multiple_choice_answer")),
]


def hide(content, path) -> None:
    """Put invisible text at `path`; a number stands for a position or, in an object, for the key of that position."""
    for step in path[:-1]:
        content = content[list(content)[step] if isinstance(content, dict) and isinstance(step, int) else step]
    content[path[-1]] = [HIDDEN, 1.0] if isinstance(content[path[-1]], list) else HIDDEN


@pytest.mark.parametrize(("name", "file", "path"), FIELDS, ids=lambda value: value if isinstance(value, str) else None)
def test_invisible_text_is_none_in_every_reader_and_field(copy_of, read, edit_json, name, file, path):
    root = copy_of(name)
    before, _ = read(name, root)
    edit_json(root / file, lambda content: hide(content, path))
    samples, aside = read(name, root)
    texts = [text for s in samples for text in (s.instruction, s.raw, *[t.instruction + t.response for t in s.turns])]
    assert texts and not any(character in text for text in texts for character in HIDDEN)
    assert len(samples) == len(before) or (len(samples) == len(before) - 1 and aside)


@pytest.mark.parametrize(
    "answer", ["\u200b", '<div class="markdown"><p>\u200b</p></div>', "\u00a0\u200d", "\u2060\ufeff"]
)
def test_an_answer_of_invisible_characters_is_empty(tmp_path: Path, read, answer):
    def chat(key: str, text: str) -> dict:
        return {"id": key, "conversations": [{"from": "human", "value": "Name one."}, {"from": "gpt", "value": text}]}

    (tmp_path / "sg_90k_part1.json").write_text(
        json.dumps([chat("a", answer), chat("b", "Visible \u200b all the same")])
    )
    samples, aside = read("sharegpt", tmp_path)
    assert [sample.raw for sample in samples] == ["Visible \u200b all the same"]
    assert [(entry["record"], entry["reason"].split(":")[0]) for entry in aside] == [("a", "empty annotation")]


def vqa(root: Path, count: int, bad: int) -> None:
    """`count` questions, the first `bad` about an image that isn't there."""
    questions = [{"image_id": 7 if n < bad else 1, "question": "What?", "question_id": n} for n in range(count)]
    notes = [{"question_id": n, "image_id": 1, "multiple_choice_answer": "red", "answers": []} for n in range(count)]
    for name, values in (
        ("v2_OpenEnded_mscoco_val2014_questions.json", {"questions": questions}),
        ("v2_mscoco_val2014_annotations.json", {"annotations": notes}),
    ):
        (root / name).write_text(json.dumps(values))


def test_the_share_of_bad_records_is_one_of_samples(tmp_path: Path, samples_root):
    (tmp_path / "val2014").mkdir()
    image = next((samples_root / "vqa-v2").rglob("*.jpg"))
    shutil.copy(image, tmp_path / "val2014/COCO_val2014_000000000001.jpg")
    vqa(tmp_path, 100, 15)  # of 100 questions in two files
    told = r"15 of 100 records cannot be used, more than the allowed 10%.*flamingo sources check vqa-v2"
    with pytest.raises(DataError, match=told):
        list(load_source("vqa-v2", tmp_path, "val"))
    vqa(tmp_path, 100, 9)
    assert len(list(load_source("vqa-v2", tmp_path, "val"))) == 91


@pytest.mark.parametrize("name", ["textcaps", "flickr30k", "spot-the-diff", "refcocog", "ai2d", "ocr-vqa", "pointqa"])
def test_parts_of_good_samples_do_not_count(samples_root, name):
    from flamingo_lib.sources.catalog import find_row
    from flamingo_lib.sources.formats import READERS
    from flamingo_lib.sources.loading import _default_splits
    from flamingo_lib.sources.locator import Locator
    from flamingo_lib.sources.reader import Reader

    row = find_row(name)
    locator = Locator(samples_root / name, row.splits)
    for split in _default_splits(row, locator):
        reader = Reader(
            row, locator, split, seed=0, quarantine=Quarantine(), check_images=True, options=row.options, seen=set()
        )
        samples = list(READERS[row.format](reader))
        assert reader.total == len(samples) + reader.bad


def raised(work) -> BaseException:
    try:
        work()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (lambda: [][0], "a list has fewer entries"),
        (lambda: len(7), "another type"),
        (lambda: None.strip(), "another type"),
        (lambda: int("many"), "'many' is not a number"),
        (lambda: float("x"), "'x' is not a number"),
        (lambda: dict(["abc"]), "more or fewer parts"),
        (lambda: json.loads("{"), "not valid JSON: Expecting property name"),
        (lambda: b"\xff".decode(), "not UTF-8"),
        (lambda: {}["answer"], "a field is missing: answer"),
    ],
)
def test_reasons_are_not_in_pythons_words(work, reason):
    told = reason_of(raised(work))
    assert reason in told
    assert not any(word in told for word in ("indices", "object has no", "NoneType", "unpack", "range"))


def test_reasons_of_our_own_are_kept():
    assert reason_of(BadRecord("why")) == "why"
    assert (
        reason_of(ImageError("the image is missing", file="a.jpg", remedy="Get it.")) == "the image is missing: a.jpg"
    )


def test_a_link_out_of_the_root_names_the_way_out(copy_of, tmp_path, monkeypatch):
    root = copy_of("llava-instruct")
    (root / "train2017").rename(tmp_path / "shared")
    (root / "train2017").symlink_to(tmp_path / "shared")
    with pytest.raises(DataError, match="FLAMINGO_IMAGE_ROOTS"):
        list(load_source("llava-instruct", root, "detail"))
    monkeypatch.setenv("FLAMINGO_IMAGE_ROOTS", str(tmp_path / "shared"))
    assert list(load_source("llava-instruct", root, "detail"))


def test_a_pointer_in_place_of_an_annotation_file_is_named(copy_of, read):
    root = copy_of("a-okvqa")
    (root / "aokvqa_v1p0_train.json").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    with pytest.raises(DataError, match="Git LFS pointer.*aokvqa_v1p0_train.json"):
        read("a-okvqa", root, "train")
