"""Each kind of bad input: the record goes to the quarantine with file, record and reason; nothing else is lost; too
many stop the run.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flamingo_lib.errors import DataError
from flamingo_lib.sources import CATALOG, load_source, open_images
from flamingo_lib.storage import Quarantine

from .pictures import bomb_png

JPEG = "train2014/COCO_train2014_000000000025.jpg"


def reasons(aside):
    return [entry["reason"] for entry in aside]


def ids(samples):
    return {sample.id for sample in samples}


def test_a_missing_file_is_named_with_a_way_out(copy_of, read):
    root = copy_of("vqa-v2")
    (root / "v2_mscoco_train2014_annotations.json").unlink()
    with pytest.raises(
        DataError, match=r"annotations file of vqa-v2 \(train\) is missing.*v2_mscoco_train2014.*visualqa.org"
    ):
        read("vqa-v2", root, "train")
    with pytest.raises(DataError, match="questions file of gqa"):
        read("gqa", root)


@pytest.mark.parametrize("name", [name for name, row in CATALOG.items() if row.format not in ("elevater", "point-qa")])
def test_an_empty_folder_is_a_clear_error_for_every_dataset(name, tmp_path):
    with pytest.raises(DataError, match="missing"):
        list(load_source(name, tmp_path))


@pytest.mark.parametrize("name", ["elevater", "elevater-mnist", "elevater-oxford-flowers", "pointqa"])
def test_an_empty_folder_of_a_set_with_several_layouts(name, tmp_path):
    with pytest.raises(DataError, match="found|missing"):
        list(load_source(name, tmp_path))


def test_truncated_json_gives_all_whole_records(copy_of, read):
    root = copy_of("a-okvqa")
    file = root / "aokvqa_v1p0_train.json"
    text = file.read_text()
    file.write_text(text[: text.rindex("rationales")])
    samples, aside = read("a-okvqa", root, "train")
    assert len(samples) == 1
    assert aside == [
        {
            "file": "aokvqa_v1p0_train.json",
            "record": "after 0",
            "reason": "the file is cut off in the middle of a record",
        }
    ]


def test_a_truncated_coco_file_keeps_what_is_whole(copy_of, read):
    root = copy_of("mscoco-captions")
    file = root / "annotations/captions_train2014.json"
    text = file.read_text()
    file.write_text(text[: text.rindex('"caption"')])
    samples, aside = read("mscoco-captions", root, "train", boxes=False)
    assert len(samples) == 3 and reasons(aside) == ["the file is cut off in the middle of a record"]
    assert sorted(len(sample.raw.split("\n")) for sample in samples) == [4, 5, 5]


@pytest.mark.parametrize(
    ("name", "file", "field"),
    [
        ("a-okvqa", "aokvqa_v1p0_train.json", "question"),
        ("gqa", "train_balanced_questions.json", "imageId"),
        ("clevr", "CLEVR_v1.0/questions/CLEVR_train_questions.json", "image_filename"),
        ("textvqa", "TextVQA_0.5.1_train.json", "question"),
        ("vqa-e", "VQA-E_train_set.json", "explanation"),
        ("llava-instruct", "detail_23k.json", "conversations"),
        ("alpaca-gpt4", "data/alpaca_gpt4_data.json", "instruction"),
        ("pf-1m", "PF-1M.json", "original"),
        ("image-editing-requests", "dataset/adobe/train.json", "img1"),
        ("chartqa", "ChartQA Dataset/train/train_human.json", "query"),
        ("levir-cc", "LevirCCcaptions.json", "sentences"),
        ("scienceqa", "data/scienceqa/problems.json", "choices"),
        ("vqa-v2", "v2_mscoco_train2014_annotations.json", "question_id"),
        ("mscoco-captions", "annotations/captions_train2014.json", "caption"),
    ],
)
def test_a_record_that_lacks_a_field_goes_alone(copy_of, read, edit_json, name, file, field):
    root = copy_of(name)
    before, _ = read(name, root)

    def change(content):
        records = content
        for section in ("questions", "data", "images", "annotations"):
            if isinstance(content, dict) and isinstance(content.get(section), list):
                records = content[section]
        first = records[0] if isinstance(records, list) else next(iter(records.values()))
        del first[field]

    edit_json(root / file, change)
    samples, aside = read(name, root)
    assert len(aside) >= 1 and any(f"a field is missing: {field}" == entry["reason"] for entry in aside)
    if name != "vqa-v2":  # there the question is left without an answer, which is told as well
        assert all(entry["file"] == file for entry in aside)
    assert ids(samples) <= ids(before) and len(samples) >= len(before) - 1


@pytest.mark.parametrize("wrong", [None, 7, [], "text", {"question": 3}, [1, 2]])
def test_a_record_of_another_shape_goes_alone(copy_of, read, edit_json, wrong):
    for name, file, section in (
        ("a-okvqa", "aokvqa_v1p0_train.json", None),
        ("gqa", "train_balanced_questions.json", None),
        ("clevr", "CLEVR_v1.0/questions/CLEVR_train_questions.json", "questions"),
        ("vqa-v2", "v2_OpenEnded_mscoco_train2014_questions.json", "questions"),
        ("ultrachat", None, None),
        ("mscoco-captions", "annotations/captions_train2014.json", "annotations"),
    ):
        root = copy_of(name)
        before = len(read(name, root)[0])
        path = root / file if file else next(root.glob("*.json"))
        if name == "ultrachat":
            path.write_text(path.read_text() + json.dumps(wrong) + "\n")
        else:

            def change(content, section=section):
                records = content[section] if section else content
                if isinstance(records, list):
                    records.insert(1, wrong)
                else:
                    records["new"] = wrong

            edit_json(path, change)
        samples, aside = read(name, root)
        assert len(samples) == before and len(aside) == 1, name
        import shutil

        shutil.rmtree(root)


def damage_missing(path: Path) -> None:
    path.unlink()


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


def damage_truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def damage_other(path: Path) -> None:
    path.write_text("<html>gone</html>")


def damage_enormous(path: Path) -> None:
    path.write_bytes(bomb_png(9000, 9000))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_missing, "the image is missing"),
        (damage_empty, "the image file is empty"),
        (damage_truncated, "the image is truncated or broken"),
        (damage_other, "not an image"),
        (damage_enormous, "the image is enormous"),
    ],
)
def test_a_bad_image_takes_its_own_records_along_and_no_others(copy_of, read, damage, message):
    root = copy_of("mscoco-captions")
    damage(root / JPEG)
    samples, aside = read("mscoco-captions", root)
    assert ids(samples) == {"mscoco-captions/train/9", "mscoco-captions/train/30", "mscoco-captions/val/42"}
    assert [(entry["file"], entry["record"]) for entry in aside] == [("annotations/captions_train2014.json", "25")]
    assert message in aside[0]["reason"] and JPEG in aside[0]["reason"]
    root = copy_of("vqa-v2")
    damage(root / JPEG)
    samples, aside = read("vqa-v2", root)
    assert len(samples) == 6 and len(aside) == 3  # three questions about that image


def save_cmyk(path: Path) -> None:
    Image.open(path).convert("CMYK").save(path)


def save_palette(path: Path) -> None:
    Image.open(path).quantize(16).save(path, "PNG")


def save_deep(path: Path) -> None:
    Image.fromarray((np.asarray(Image.open(path).convert("L")).astype(np.uint16)) * 257).save(path, "PNG")


def save_turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.open(path).save(path, exif=exif)


def save_moving(path: Path) -> None:
    first = Image.open(path).convert("RGB")
    first.save(path, "GIF", save_all=True, append_images=[Image.new("RGB", first.size)], duration=40)


@pytest.mark.parametrize("save", [save_cmyk, save_palette, save_deep, save_turned, save_moving])
def test_odd_but_sound_images_are_kept(copy_of, read, save):
    root = copy_of("mscoco-captions")
    plain = open_images(next(iter(read("mscoco-captions", root, "train")[0])), root)[0]
    path = root / "train2014/COCO_train2014_000000000009.jpg"
    save(path)
    samples, aside = read("mscoco-captions", root, "train")
    assert len(samples) == 3 and not aside
    image = open_images(samples[0], root)[0]
    assert image.mode == "RGB" and image.size == (plain.size[::-1] if save is save_turned else plain.size)
    if save is not save_turned:
        shades = [np.asarray(one.convert("L")).astype(int) for one in (plain, image)]
        assert np.abs(shades[0] - shades[1]).mean() < 12


@pytest.mark.parametrize("place", ["../outside.jpg", "/etc/hostname", "a/../../../outside.jpg", "..\\outside.jpg"])
def test_an_image_path_that_leaves_the_root(copy_of, read, edit_json, place):
    for check in (True, False):
        root = copy_of("llava-instruct")
        Image.new("RGB", (8, 8)).save(root.parent / "outside.jpg")
        edit_json(root / "detail_23k.json", lambda content: content[0].update(image=place))
        samples, aside = read("llava-instruct", root, check_images=check)
        assert len(samples) == 2
        assert [(entry["file"], entry["record"]) for entry in aside] == [("detail_23k.json", "000000000301")]
        assert "leaves the root" in aside[0]["reason"]
        import shutil

        shutil.rmtree(root)


def test_fields_of_another_kind_than_text_or_list(copy_of, read, edit_json):
    root = copy_of("elevater-resisc-45")
    before = len(read("elevater-resisc-45", root, "train")[0])
    file = next(root.rglob("train.json"))
    edit_json(file, lambda content: content["images"][0].update(file_name=None))
    samples, aside = read("elevater-resisc-45", root, "train")
    assert len(samples) == before - 1 and aside[0]["reason"] == "the field file_name is not text"
    assert (aside[0]["file"], aside[0]["record"]) == (file.relative_to(root).as_posix(), "images 0")
    root = copy_of("pointqa")
    file = next(root.rglob("localqa_dataset.json"))
    edit_json(file, lambda content: next(iter(content.values()))[0].update(points=-1))
    samples, aside = read("pointqa", root, "train")
    assert samples and len(aside) == 1 and aside[0]["reason"].startswith("malformed")


def test_a_file_name_that_no_file_can_have(copy_of, read, edit_json):
    root = copy_of("mscoco-captions")
    edit_json(
        root / "annotations/captions_train2014.json", lambda content: content["images"][0].update(file_name="a" * 5000)
    )
    samples, aside = read("mscoco-captions", root, "train")
    assert (
        len(samples) == 2
        and [entry["record"] for entry in aside] == ["9"]
        and "the image is missing" in aside[0]["reason"]
    )


def test_text_after_the_end_of_the_json_is_told(copy_of, read):
    for name, file in (
        ("a-okvqa", "aokvqa_v1p0_train.json"),
        ("mscoco-captions", "annotations/captions_train2014.json"),
    ):
        root = copy_of(name)
        before, _ = read(name, root, "train")
        path = root / file
        path.write_bytes(path.read_bytes() * 2)
        samples, aside = read(name, root, "train")
        assert ids(samples) == ids(before)
        assert [(entry["file"], entry["reason"]) for entry in aside] == [
            (file, "there is more text after the end of the JSON")
        ]


def test_a_compressed_file_that_is_cut_off_or_none(copy_of, read):
    root = copy_of("oasst-1")
    path = next(root.glob("*.gz"))
    whole = path.read_bytes()
    before, _ = read("oasst-1", root)
    path.write_bytes(whole[:-4])  # without the last part of its checksum
    samples, aside = read("oasst-1", root)
    assert ids(samples) == ids(before) and len(aside) == 1
    assert aside[0]["record"].startswith("after line") and "cut off" in aside[0]["reason"]
    path.write_bytes(b"hello")
    with pytest.raises(DataError, match="cut off or broken.*Download it again"):
        read("oasst-1", root)


def test_labels_keep_their_numbers_where_a_line_of_the_label_map_cannot_be_read(copy_of, read):
    root = copy_of("elevater")
    before = {sample.images: sample.meta["labels"] for sample in read("elevater", root, "train")[0]}
    lines = (root / "labels.txt").read_bytes().splitlines()
    for line, reasons_first in ((b"caf\xe9", ["not UTF-8"]), (b"", [])):
        (root / "labels.txt").write_bytes(b"\n".join([line, *lines[1:]]) + b"\n")
        samples, aside = read("elevater", root, "train")
        assert samples and all(sample.meta["labels"] == before[sample.images] for sample in samples)
        assert len(samples) + len(aside) - len(reasons_first) == len(before)
        assert reasons(aside)[: len(reasons_first)] == reasons_first
        assert set(reasons(aside)[len(reasons_first) :]) == {"a label that the label map does not name: 0"}


@pytest.mark.parametrize(
    ("name", "file", "section"),
    [
        ("rsicd", "dataset_rsicd.json", "images"),
        ("levir-cc", "LevirCCcaptions.json", "images"),
        ("ocr-vqa", "dataset.json", None),
    ],
)
def test_a_record_without_a_split_is_in_one_split_only(copy_of, read, edit_json, name, file, section):
    root = copy_of(name)
    before = len(read(name, root)[0])

    def change(content):
        records = content[section] if section else list(content.values())
        first = next(record for record in records if record["split"] in ("train", 1))
        for key in ("split", "filepath"):
            first.pop(key, None)

    edit_json(root / file, change)
    samples, _ = read(name, root)
    assert len(samples) == before


def test_a_link_that_leaves_the_root(copy_of, read):
    root = copy_of("mscoco-captions")
    (root / JPEG).rename(root.parent / "elsewhere.jpg")
    (root / JPEG).symlink_to(root.parent / "elsewhere.jpg")
    samples, aside = read("mscoco-captions", root, "train")
    assert len(samples) == 2 and "leaves the root" in aside[0]["reason"]


@pytest.mark.parametrize(
    ("bbox", "message"),
    [
        ([90, 10, 60, 20], "outside the image"),
        ([50, 10, -20, 5], "x2 < x1"),
        ([5, 5, 0, 10], "without area"),
        (["a", 1, 2, 3], "not four numbers"),
    ],
)
def test_an_impossible_box_goes_and_its_caption_stays(copy_of, read, edit_json, bbox, message):
    root = copy_of("mscoco-captions")
    edit_json(
        root / "annotations/instances_train2014.json", lambda content: content["annotations"][0].update(bbox=bbox)
    )
    samples, aside = read("mscoco-captions", root, "train")
    assert len(samples) == 3 and [len(sample.boxes) for sample in samples] == [1, 2, 2]
    assert [(entry["file"], entry["record"]) for entry in aside] == [("annotations/instances_train2014.json", "900")]
    assert message in aside[0]["reason"]


def test_an_impossible_box_takes_a_detection_image_along_since_its_counts_would_be_wrong(copy_of, read):
    root = copy_of("dior")
    path = root / "Annotations/Horizontal Bounding Boxes/00001.xml"
    path.write_text(path.read_text().replace("<xmin>", "<xmin>99", 1))
    samples, aside = read("dior", root)
    assert len(samples) == 2 and aside[0]["record"] == "00001" and "box" in aside[0]["reason"]


def test_bad_annotation_files_of_one_image_each(copy_of, read):
    root = copy_of("dior")
    folder = root / "Annotations/Horizontal Bounding Boxes"
    (folder / "00001.xml").write_text("<annotation><object>")
    (folder / "05863.xml").write_text('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>')
    (folder / "11726.xml").unlink()
    samples, aside = read("dior", root)
    assert not samples
    assert [entry["reason"].split(":")[0] for entry in aside] == [
        "not valid XML",
        "XML that declares entities is refused",
        "the annotation file is missing",
    ]
    root = copy_of("dota")
    path = root / "train/labelTxt/P0001.txt"
    path.write_text(
        path.read_text().replace("large-vehicle", "large-vehicle", 1).replace("\n", "\nx 1 2 3 4 5 6 7 ship 0\n", 3)
    )
    samples, aside = read("dota", root)
    assert len(samples) == 1 and "not numbers" in aside[0]["reason"]


@pytest.mark.parametrize(
    ("name", "file", "change"),
    [
        (
            "vqa-v2",
            "v2_mscoco_train2014_annotations.json",
            lambda content: content["annotations"][0].update(multiple_choice_answer="", answers=[]),
        ),
        (
            "gqa",
            "train_balanced_questions.json",
            lambda content: next(iter(content.values())).update(answer=" ", fullAnswer=""),
        ),
        (
            "clevr",
            "CLEVR_v1.0/questions/CLEVR_train_questions.json",
            lambda content: content["questions"][0].update(answer=""),
        ),
        ("textvqa", "TextVQA_0.5.1_train.json", lambda content: content["data"][0].update(answers=["", " "])),
        ("spot-the-diff", "data/annotations/train.json", lambda content: content[1].update(sentences=[])),
        (
            "a-okvqa",
            "aokvqa_v1p0_train.json",
            lambda content: [content[0].pop(key) for key in ("correct_choice_idx", "direct_answers")] and None,
        ),
        ("image2paragraph", "paragraphs_v1.json", lambda content: content[0].update(paragraph="  ")),
        ("alpaca-gpt4", "data/alpaca_gpt4_data.json", lambda content: content[0].update(output="")),
        ("sharegpt", "sg_90k_part1_html_cleaned.json", lambda content: content[0].update(conversations=[])),
        ("llava-instruct", "detail_23k.json", lambda content: content[0]["conversations"][1].update(value=" ")),
        (
            "rsicd",
            "dataset_rsicd.json",
            lambda content: [item.update(raw="") for item in content["images"][0]["sentences"]] and None,
        ),
    ],
)
def test_an_empty_annotation(copy_of, read, edit_json, name, file, change):
    root = copy_of(name)
    before = len(read(name, root)[0])
    edit_json(root / file, change)
    samples, aside = read(name, root)
    assert len(samples) == before - 1 and len(aside) == 1
    assert aside[0]["reason"].startswith("empty annotation") and aside[0]["file"] == file and aside[0]["record"]


@pytest.mark.parametrize(
    ("name", "file", "section"),
    [
        ("a-okvqa", "aokvqa_v1p0_train.json", None),
        ("vqa-v2", "v2_OpenEnded_mscoco_train2014_questions.json", "questions"),
        ("vqa-v2", "v2_mscoco_train2014_annotations.json", "annotations"),
        ("clevr", "CLEVR_v1.0/questions/CLEVR_train_questions.json", "questions"),
        ("mscoco-captions", "annotations/captions_train2014.json", "images"),
        ("textvqa", "TextVQA_0.5.1_train.json", "data"),
        ("levir-cc", "LevirCCcaptions.json", "images"),
    ],
)
def test_duplicate_ids_keep_the_first(copy_of, read, edit_json, name, file, section):
    root = copy_of(name)
    before, _ = read(name, root)

    def change(content):
        records = content[section] if section else content
        records.append({**records[0]})

    edit_json(root / file, change)
    samples, aside = read(name, root)
    assert ids(samples) == ids(before) and len(samples) == len(before)
    assert (
        len(aside) == 1
        and aside[0]["reason"].startswith("duplicate id")
        and aside[0]["file"] == file
        and aside[0]["record"]
    )


def test_ids_that_repeat_by_design_are_numbered(samples_root, read):
    samples, aside = read("sharegpt", samples_root / "sharegpt")
    assert not aside and len(ids(samples)) == 3


def test_text_that_is_not_utf8(copy_of, read):
    root = copy_of("alpaca-gpt4")
    path = root / "data/alpaca_gpt4_data.json"
    path.write_bytes(path.read_bytes().replace(b"fruits", b"fr\xfc\xe9its", 1))
    samples, aside = read("alpaca-gpt4", root)
    assert len(samples) == 1 and aside == [{"file": "data/alpaca_gpt4_data.json", "record": "0", "reason": "not UTF-8"}]
    root = copy_of("flickr30k")
    path = root / "results_20130124.token"
    path.write_bytes(path.read_bytes().replace(b"A ", b"\xff ", 1))
    samples, aside = read("flickr30k", root)
    assert len(samples) == 2 and reasons(aside) == ["not UTF-8"] and aside[0]["record"] == "line 1"
    root = copy_of("ultrachat")
    path = next(root.glob("*.json"))
    path.write_text(path.read_text().replace("boil", "boil\\ud83d"))  # half of a surrogate pair
    samples, aside = read("ultrachat", root)
    assert len(samples) == 1 and "not UTF-8" in aside[0]["reason"]


def test_broken_lines_of_json_lines_and_tables(copy_of, read):
    root = copy_of("ultrachat")
    path = next(root.glob("*.json"))
    path.write_text(path.read_text() + '{"id": "9", "data": ["a"\n\n' + '{"id": "10", "data": ["Q?", "A."]}\n')
    samples, aside = read("ultrachat", root)
    assert len(samples) == 3 and aside[0]["record"] == "line 3" and "not valid JSON" in aside[0]["reason"]
    root = copy_of("cc3m")
    path = root / "Train_GCC-training.tsv"
    path.write_text(path.read_text().replace("\t", " ", 1))
    samples, aside = read("cc3m", root)
    assert len(samples) == 2 and aside[0]["record"] == "line 1" and "malformed" in aside[0]["reason"]
    root = copy_of("elevater")
    index = root / "train.txt"
    index.write_text(index.read_text() + "train.zip@red circle/0.png 99\nnolabel\ntrain.zip@red circle/1.png -1\n")
    samples, aside = read("elevater", root, "train")
    assert len(samples) == 9 and len(aside) == 3


def test_a_pickle_that_would_run_code_is_refused(copy_of, read):
    import os
    import pickle

    class Harm:
        def __reduce__(self):
            return (os.system, ("touch /tmp/should-not-exist",))

    root = copy_of("refcocog")
    (root / "refcocog/refs(umd).p").write_bytes(pickle.dumps([Harm()]))
    with pytest.raises(DataError, match="pickle is broken or unsafe"):
        read("refcocog", root)


def test_the_quarantine_file_says_file_record_and_reason(copy_of, tmp_path):
    root = copy_of("mscoco-captions")
    (root / JPEG).unlink()
    quarantine = Quarantine(tmp_path / "out" / "quarantine.jsonl", max_share=0.5)
    samples = list(load_source("mscoco-captions", root, quarantine=quarantine))
    assert len(samples) == 3
    lines = [json.loads(line) for line in (tmp_path / "out" / "quarantine.jsonl").read_text().splitlines()]
    assert [set(line) for line in lines] == [{"file", "record", "reason"}]
    assert quarantine.counts() == {"the image is missing": 1}


def test_over_the_allowed_share_the_run_stops_and_says_why(copy_of):
    root = copy_of("vqa-v2")
    (root / JPEG).unlink()
    stops = r"3 of \d+ records cannot be used, more than the allowed 10%; the first: the image is missing: .*000025.jpg"
    with pytest.raises(DataError, match=stops):
        list(load_source("vqa-v2", root, min_failures=2))
    assert len(list(load_source("vqa-v2", root))) == 6  # three alone, in so small a file, stop nothing
    assert len(list(load_source("vqa-v2", root, quarantine=Quarantine(max_share=0.5)))) == 6
    shared = Quarantine(max_share=0.5)  # what other sources put aside before does not count against this one
    for number in range(100):
        shared.add(file="other", record=number, reason="other")
    assert len(list(load_source("vqa-v2", root, quarantine=shared))) == 6


def test_a_hopeless_source_stops_early(tmp_path):
    lines = "".join(
        json.dumps({"id": str(number), "data": ["Q?", "A."] if number < 800 else []}) + "\n" for number in range(5000)
    )
    (tmp_path / "ultrachat_release.json").write_text(lines + "{" * 100)
    count = 0
    with pytest.raises(DataError, match="more than the allowed"):
        for _ in load_source("ultrachat", tmp_path):
            count += 1
    assert count == 800


def test_counts_are_logged_where_there_is_no_quarantine(copy_of, caplog):
    root = copy_of("ocr-vqa")
    (root / "images/000157343.jpg").unlink()
    with caplog.at_level(logging.WARNING):
        list(load_source("ocr-vqa", root))
    assert "ocr-vqa: 1 of" in caplog.text and "the image is missing" in caplog.text


def test_unlabelled_splits_are_read_only_when_asked_for(copy_of, samples_root, read):
    assert {sample.meta["split"] for sample in read("textvqa", samples_root / "textvqa")[0]} == {"train", "val"}
    samples, aside = read("textvqa", samples_root / "textvqa", "test")
    assert not samples and "publish no answers" in aside[0]["reason"]
    root = copy_of("vqa-v2")
    questions = {"questions": [{"image_id": 9, "question": "What?", "question_id": 1}]}
    (root / "v2_OpenEnded_mscoco_test2015_questions.json").write_text(json.dumps(questions))
    samples, aside = read("vqa-v2", root, "test")
    assert not samples and "publish no answers" in aside[0]["reason"]
    assert len(read("vqa-v2", root)[0]) == 9
