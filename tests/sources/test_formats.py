"""The details of each format that matter, held against the official records by hand."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from flamingo_lib.sources import open_images
from flamingo_lib.sources.boxes import BOX_PREAMBLE
from flamingo_lib.sources.marks import COLORS


def load(path):
    return json.loads(path.read_text())


def by_id(samples):
    return {sample.id.split("/", 2)[2]: sample for sample in samples}


def test_coco_merges_five_captions_and_adds_boxes(samples_root, read):
    root = samples_root / "mscoco-captions"
    samples, _ = read("mscoco-captions", root, "train")
    captions = load(root / "annotations/captions_train2014.json")
    instances = load(root / "annotations/instances_train2014.json")
    names = {item["id"]: item["name"] for item in instances["categories"]}
    for sample in samples:
        number = sample.meta["image_id"]
        image = next(item for item in captions["images"] if item["id"] == number)
        mine = [item["caption"].strip() for item in captions["annotations"] if item["image_id"] == number]
        boxes = [item for item in instances["annotations"] if item["image_id"] == number and not item["iscrowd"]]
        draft, rest = sample.raw.split("\n\n")
        assert draft.split("\n") == mine and len(mine) == 5
        assert rest.split("\n")[0] == BOX_PREAMBLE
        for line, record, box in zip(rest.split("\n")[1:], boxes, sample.boxes, strict=True):
            x, y, w, h = record["bbox"]
            corners = (x / image["width"], y / image["height"], (x + w) / image["width"], (y + h) / image["height"])
            assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx(corners)
            assert line == f"{names[record['category_id']]}: [" + ", ".join(f"{value:.3f}" for value in corners) + "]"
    without, _ = read("mscoco-captions", root, "train", boxes=False)
    assert all(BOX_PREAMBLE not in sample.raw and not sample.boxes for sample in without)


def test_coco_tidies_captions(copy_of, read, edit_json):
    root = copy_of("mscoco-captions")

    def change(content):
        texts = ["  two  spaces ", "two spaces", "a\nline", "Two spaces", ""]
        for record, text in zip(
            (item for item in content["annotations"] if item["image_id"] == 9), texts, strict=False
        ):
            record["caption"] = text

    edit_json(root / "annotations/captions_train2014.json", change)
    samples, aside = read("mscoco-captions", root, "train", boxes=False)
    assert by_id(samples)["9"].raw.split("\n") == ["two spaces", "a line", "Two spaces"]
    assert [entry["reason"] for entry in aside] == ["empty annotation: a caption without text"]


def test_coco_takes_a_caption_given_twice_once(copy_of, read, edit_json):
    root = copy_of("mscoco-captions")

    def change(content):
        texts = ["a dog", "a cat", "a dog", "A dog", "a cat"]
        for record, text in zip(
            (item for item in content["annotations"] if item["image_id"] == 9), texts, strict=False
        ):
            record["caption"] = text

    edit_json(root / "annotations/captions_train2014.json", change)
    samples, aside = read("mscoco-captions", root, "train", boxes=False)
    assert by_id(samples)["9"].raw.split("\n") == ["a dog", "a cat", "A dog"] and not aside


def test_coco_2017_files_and_annotations_before_images(copy_of, read, edit_json):
    root = copy_of("mscoco-captions")
    for kind in ("captions", "instances"):
        file = root / f"annotations/{kind}_train2014.json"
        edit_json(file, lambda content: dict(reversed(list(content.items()))))
        file.rename(root / f"annotations/{kind}_train2017.json")
    (root / "train2014").rename(root / "train2017")
    samples, aside = read("mscoco-captions", root, "train")
    assert len(samples) == 3 and not aside and all(len(sample.boxes) == 2 for sample in samples)


def test_vqa_joins_on_the_question_id(samples_root, read):
    root = samples_root / "vqa-v2"
    questions = {
        item["question_id"]: item for item in load(root / "v2_OpenEnded_mscoco_train2014_questions.json")["questions"]
    }
    answers = {item["question_id"]: item for item in load(root / "v2_mscoco_train2014_annotations.json")["annotations"]}
    samples, _ = read("vqa-v2", root, "train")
    assert len(samples) == len(questions)
    for sample in samples:
        number = int(sample.id.split("/")[-1])
        assert sample.instruction == questions[number]["question"]
        assert sample.raw == answers[number]["multiple_choice_answer"]
        assert sample.images == (f"train2014/COCO_train2014_{questions[number]['image_id']:012d}.jpg",)
        assert sample.task == "vqa" and len(sample.meta["answers"]) == 10


def test_majority_answers(samples_root, read, copy_of, edit_json):
    assert {sample.raw for sample in read("textvqa", samples_root / "textvqa")[0]} == {
        "Nokia"
    }  # five of ten, in two spellings
    ok = read("ok-vqa", samples_root / "ok-vqa")[0][0]
    assert ok.raw == "painting" and ok.meta["answers"].count("painting") == 6
    root = copy_of("vqa-v2")

    def change(content):
        record = content["annotations"][0]
        del record["multiple_choice_answer"]
        for place, item in enumerate(record["answers"]):
            item["answer"] = ["b", "a", "b", "a", "c"][place % 5]

    edit_json(root / "v2_mscoco_train2014_annotations.json", change)
    samples, _ = read("vqa-v2", root, "train")
    assert samples[0].raw == "b"  # a tie: the first given


def test_a_okvqa_joins_answer_and_rationales_and_lists_the_choices(samples_root, read):
    root = samples_root / "a-okvqa"
    records = {item["question_id"]: item for item in load(root / "aokvqa_v1p0_train.json")}
    for sample in read("a-okvqa", root, "train")[0]:
        record = records[sample.id.split("/")[-1]]
        right = record["choices"][record["correct_choice_idx"]]
        assert sample.raw.startswith(f"Answer: {right}. ")
        assert all(text.rstrip(".") in sample.raw for text in record["rationales"])
        assert sample.raw.count(record["rationales"][0].rstrip(".")) == 1  # given twice, kept once
        assert sample.instruction.startswith(record["question"]) and all(
            choice in sample.instruction for choice in record["choices"]
        )
        assert sample.task == "vqa_rationale" and sample.meta["question"] == record["question"]
    bare = read("a-okvqa", root, "train", choices=False, rationales=1)[0]
    assert all(sample.instruction == sample.meta["question"] for sample in bare)
    assert all(sample.raw.count(".") == 2 for sample in bare)


def test_vqa_e_and_scienceqa(samples_root, read, copy_of, edit_json):
    sample = read("vqa-e", samples_root / "vqa-e", "train")[0][0]
    record = load(samples_root / "vqa-e/VQA-E_train_set.json")[0]
    assert sample.raw == f"{record['multiple_choice_answer']}. {record['explanation'][0]}."
    root = copy_of("vqa-e")
    edit_json(root / "VQA-E_train_set.json", lambda content: [{**content[0], "image_id": content[0].pop("img_id")}])
    assert read("vqa-e", root, "train")[0][0].images == sample.images
    science = by_id(read("scienceqa", samples_root / "scienceqa")[0])
    problems = load(samples_root / "scienceqa/data/scienceqa/problems.json")
    for pid, sample in science.items():
        problem = problems[pid]
        assert all(
            f"({letter}) {choice}" in sample.instruction
            for letter, choice in zip("ABC", problem["choices"], strict=True)
        )
        assert problem["hint"] in sample.instruction and problem["question"] in sample.instruction
        assert (
            sample.raw
            == f"Answer: {problem['choices'][problem['answer']]}. {problem['solution'] or problem['lecture']}"
        )
        assert bool(sample.images) == bool(problem["image"])


def test_refcocog_marks_the_region_and_the_instruction_names_it(samples_root, read):
    root = samples_root / "refcocog"
    instances = load(root / "refcocog/instances.json")
    sizes = {item["id"]: (item["width"], item["height"]) for item in instances["images"]}
    samples, _ = read("refcocog", root)
    assert {sample.meta["split"] for sample in samples} == {"train", "val", "test"}
    for sample in samples:
        mark, box = sample.meta["mark"], sample.boxes[0]
        assert f"{mark['color']} {mark['kind']}" in sample.instruction
        assert mark["at"] == pytest.approx([box.x1, box.y1, box.x2, box.y2], abs=1e-4)
        width, height = sizes[sample.meta["image_id"]]
        pixels = [round(value * side) for value, side in zip(mark["at"], (width, height) * 2, strict=True)]
        assert [pixels[0], pixels[1], pixels[2] - pixels[0], pixels[3] - pixels[1]] in [
            item["bbox"] for item in instances["annotations"]
        ]
        assert "\n" in sample.raw  # two expressions, one draft
        drawn = np.asarray(open_images(sample, root)[0]).reshape(-1, 3).astype(int)
        assert (np.abs(drawn - np.array(COLORS[mark["color"]])).max(axis=1) < 8).sum() > 20
        assert sample.images[0].startswith("train2014/")


@pytest.mark.parametrize("aligned", [False, True])
def test_refcocog_in_googles_release(samples_root, tmp_path, read, aligned):
    instances = load(samples_root / "refcocog/refcocog/instances.json")
    records = instances["annotations"][:4]
    refexps = [{"refexp_id": 900 + place, "raw": f"thing {place}", "tokens": ["thing"]} for place in range(8)]
    annotations = [
        {
            "annotation_id": item["id"],
            "image_id": item["image_id"],
            "refexp_ids": [900 + 2 * place, 901 + 2 * place],
            "region_candidates": [],
        }
        for place, item in enumerate(records)
    ]
    name = "google_refexp_train_201511.json"
    content: dict = {"annotations": annotations, "refexps": refexps}
    if aligned:
        name = "google_refexp_train_201511_coco_aligned.json"
        merged = {
            str(a["annotation_id"]): {**a, "bbox": i["bbox"], "category_id": i["category_id"]}
            for a, i in zip(annotations, records, strict=True)
        }
        images = {str(item["id"]): {**item, "image_id": item["id"]} for item in instances["images"]}
        content = {
            "annotations": merged,
            "refexps": {str(item["refexp_id"]): item for item in refexps},
            "images": images,
        }
    else:
        (tmp_path / "annotations").mkdir()
        (tmp_path / "annotations/instances_train2014.json").write_text(json.dumps(instances))
    (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "train2014").mkdir()
    for path in (samples_root / "refcocog/train2014").iterdir():
        (tmp_path / "train2014" / path.name).write_bytes(path.read_bytes())
    samples, aside = read("refcocog", tmp_path, "train")
    assert not aside
    assert [sample.raw for sample in samples] == [f"thing {2 * place}\nthing {2 * place + 1}" for place in range(4)]
    reference, _ = read("refcocog", samples_root / "refcocog")
    assert [sample.boxes[0].x1 for sample in samples] == pytest.approx([sample.boxes[0].x1 for sample in reference[:4]])


def test_pointqa_points_with_a_named_arrow(samples_root, read):
    root = samples_root / "pointqa"
    local = load(root / "Datasets/LocalQA/localqa_dataset.json")
    for sample in read("pointqa", root)[0]:
        mark = sample.meta["mark"]
        assert mark["kind"] == "arrow" and f"{mark['color']} arrow" in sample.instruction
        if sample.meta["kind"] == "local":
            image, place, which = re.search(r"local-(\d+)-(\d+)-(\d+)", sample.id).groups()
            point = local[image][int(place)]["points"][int(which)]
            assert sample.raw == point["ans"]
            assert mark["at"] == pytest.approx([point["x"] / 96, point["y"] / 72], abs=1e-4)
        else:
            assert (sample.raw == "2" and "How many of these" in sample.instruction) or "shapes" in sample.instruction


def test_detection_counts_and_boxes(samples_root, read):
    sample = read("dior", samples_root / "dior", "train")[0][0]
    counts, boxes = sample.raw.split("\n\n")
    assert counts == "2 airplane, 1 expressway service area, 1 ship"
    assert len(boxes.split("\n")) == 1 + 4 == 1 + len(sample.boxes)
    assert sample.task == "detection"
    hrrsd = read("hrrsd", samples_root / "hrrsd", "val")[0][0]
    assert {box.name for box in hrrsd.boxes} == {"T junction", "storage tank"}
    dota = read("dota", samples_root / "dota", "train")[0][0]
    first = (samples_root / "dota/train/labelTxt/P0001.txt").read_text().splitlines()[2].split()
    xs, ys = [float(value) for value in first[0:8:2]], [float(value) for value in first[1:8:2]]
    box = dota.boxes[0]
    assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((min(xs) / 96, min(ys) / 64, max(xs) / 96, max(ys) / 64))
    assert dota.raw.startswith("2 large vehicle, 1 ship\n\n")


def test_detection_drafts_keep_the_largest_boxes_of_many(samples_root, read):
    few = read("dior", samples_root / "dior", "train", max_boxes=2)[0][0]
    assert len(few.boxes) == 4 and len(few.raw.split("\n\n")[1].split("\n")) == 3
    assert few.raw.startswith("2 airplane, 1 expressway")
    area = sorted(((box.x2 - box.x1) * (box.y2 - box.y1) for box in few.boxes), reverse=True)[:2]
    lines = re.findall(r"\[([\d.]+), ([\d.]+), ([\d.]+), ([\d.]+)\]", few.raw)
    shown = sorted(((float(c) - float(a)) * (float(d) - float(b)) for a, b, c, d in lines), reverse=True)
    assert shown == pytest.approx(area, abs=2e-3)


def test_dior_oriented_boxes(copy_of, read):
    root = copy_of("dior")
    horizontal = root / "Annotations/Horizontal Bounding Boxes"
    oriented = root / "Annotations/Oriented Bounding Boxes"
    horizontal.rename(oriented)
    for path in oriented.iterdir():
        text = re.sub(
            r"<bndbox><xmin>(\d+)</xmin><ymin>(\d+)</ymin><xmax>(\d+)</xmax><ymax>(\d+)</ymax></bndbox>",
            r"<robndbox><x_left_top>\1</x_left_top><y_left_top>\2</y_left_top><x_right_top>\3</x_right_top><y_right_top>\2</y_right_top>"
            r"<x_right_bottom>\3</x_right_bottom><y_right_bottom>\4</y_right_bottom><x_left_bottom>\1</x_left_bottom>"
            r"<y_left_bottom>\4</y_left_bottom></robndbox>",
            path.read_text(),
        )
        path.write_text(text)
    before = read("dior", root.parent / "dior", "train")[0]
    assert len(before) == 1 and len(before[0].boxes) == 4


def test_elevater_template_knowledge_and_few_of_each(samples_root, copy_of, read):
    root = samples_root / "elevater-dtd"
    sample = read("elevater-dtd", root, "train")[0][0]
    label, rest = sample.raw.split(". ", 1)
    assert "banded" in label and "banded" in rest
    few = read("elevater-dtd", root, "train", per_class=1)[0]
    assert [item.meta["labels"] for item in few] == [["banded"], ["blotchy"]]
    other = {
        tuple(item.images for item in read("elevater-dtd", root, "train", per_class=1, seed=seed)[0])
        for seed in range(12)
    }
    assert len(other) > 1
    assert read("elevater-stanford-cars", samples_root / "elevater-stanford-cars")[0][0].raw.count("Acura") >= 1
    many = copy_of("elevater")
    lines = (many / "train.txt").read_text().splitlines()
    (many / "train.txt").write_text("\n".join(lines * 30))  # 90 lines a class, each picture thirty times
    kept = read("elevater", many, "train")
    assert len(kept[0]) + len(kept[1]) == 3 * 32
    assert {entry["reason"].split(":")[0] for entry in kept[1]} <= {"duplicate id"}


def test_elevater_multilabel_archives_shared_and_unpacked(samples_root, copy_of, read):
    voc = read("elevater-voc-2007", samples_root / "elevater-voc-2007", "train")[0]
    assert voc[0].meta["labels"] == ["aeroplane", "bicycle"] and "an aeroplane and a bicycle" in voc[0].raw
    val = read("elevater-voc-2007", samples_root / "elevater-voc-2007", "val")[0]
    assert all("train.zip@" in sample.images[0] for sample in val)
    import zipfile

    root = copy_of("elevater")
    with zipfile.ZipFile(root / "train.zip") as archive:
        archive.extractall(root / "train")
    (root / "train.zip").unlink()
    samples, aside = read("elevater", root, "train")
    assert len(samples) == 9 and not aside and samples[0].images == ("train/red circle/0.png",)


def test_class_folders(copy_of, read):
    import zipfile

    root = copy_of("elevater")
    for split in ("train", "test"):
        with zipfile.ZipFile(root / f"{split}.zip") as archive:
            archive.extractall(root / split)
        (root / f"{split}.txt").unlink()
        (root / f"{split}.zip").unlink()
    samples, aside = read("elevater", root)
    assert not aside and {sample.meta["split"] for sample in samples} == {"train", "test"}
    assert {tuple(sample.meta["labels"]) for sample in samples} == {
        ("red circle",),
        ("blue square",),
        ("green triangle",),
    }


def test_two_image_sources(samples_root, read):
    diff = by_id(read("spot-the-diff", samples_root / "spot-the-diff", "train")[0])
    assert diff["7201"].images == ("resized_images/7201.png", "resized_images/7201_2.png")
    assert (
        len(diff["7201"].raw.split("\n")) == 3 and len(diff["7202"].raw.split("\n")) == 1
    )  # two records of one pair are merged
    edit = read("image-editing-requests", samples_root / "image-editing-requests", "valid")[0][0]
    assert len(edit.images) == 2 and len(edit.raw.split("\n")) == 3
    levir = by_id(read("levir-cc", samples_root / "levir-cc")[0])
    assert levir["train_000000"].images == ("images/train/A/train_000000.png", "images/train/B/train_000000.png")
    assert levir["train_000000"].raw == "a red house appears in the corner\na house is built"
    assert levir["val_000001"].meta["changed"] is False
    for sample in [*diff.values(), edit, *levir.values()]:
        assert sample.task == "change"


def test_karpathy_captions_are_single_and_not_blank(samples_root, read):
    rsicd = read("rsicd", samples_root / "rsicd")[0]
    assert all(len(sample.raw.split("\n")) == 2 for sample in rsicd)  # five sentences, two different ones
    assert all(len(sample.raw.split("\n")) == 4 for sample in read("rsitmd", samples_root / "rsitmd")[0])
    assert [
        len(read("ucm-captions", samples_root / "ucm-captions", split)[0]) for split in ("train", "val", "test")
    ] == [1, 1, 1]


def test_flickr30k_in_karpathys_json(samples_root, tmp_path, read):
    images = []
    for number, split in ((1000092795, "train"), (10002456, "test")):
        sentences = [{"raw": f"caption {place}.", "tokens": [], "imgid": 0, "sentid": place} for place in range(5)]
        images.append({"filename": f"{number}.jpg", "imgid": 0, "split": split, "sentids": [], "sentences": sentences})
    (tmp_path / "dataset_flickr30k.json").write_text(json.dumps({"images": images, "dataset": "flickr30k"}))
    (tmp_path / "flickr30k-images").mkdir()
    for path in (samples_root / "flickr30k/flickr30k_images").iterdir():
        (tmp_path / "flickr30k-images" / path.name).write_bytes(path.read_bytes())
    samples, aside = read("flickr30k", tmp_path)
    assert not aside and [sample.meta["split"] for sample in samples] == ["train", "test"]
    assert samples[0].raw.split("\n") == [f"caption {place}." for place in range(5)]


def test_multiple_choice_and_held_out_answers(samples_root, read):
    icon = by_id(read("iconqa", samples_root / "iconqa")[0])
    assert len(icon["choose_img-52"].images) == 4 and icon["choose_img-52"].raw == "(C)"
    assert icon["fill_in_blank-63"].raw == "3" and "Options" not in icon["fill_in_blank-63"].instruction
    assert "(A)" in icon["choose_txt-41"].instruction
    ai2d = by_id(read("ai2d", samples_root / "ai2d")[0])
    assert ai2d["1.png-0"].meta["split"] == "test" and ai2d["0.png-0"].meta["split"] == "train"
    lettered = ai2d["1.png-1"]
    assert lettered.raw == "B" and lettered.meta["mark"]["kind"] == "letters"
    assert np.any(
        np.asarray(open_images(lettered, samples_root / "ai2d")[0])
        != np.asarray(open_images(ai2d["1.png-0"], samples_root / "ai2d")[0])
    )
    vsr = read("vsr", samples_root / "vsr")[0]
    assert [sample.raw for sample in vsr] == ["yes", "no", "yes", "no"]
    assert len(read("vsr", samples_root / "vsr", "zeroshot-test")[0]) == 4
    nlvr = read("nlvr2", samples_root / "nlvr2")[0]
    assert {sample.raw for sample in nlvr} == {"True", "False"} and all(len(sample.images) == 2 for sample in nlvr)
    assert nlvr[0].images[0].endswith("17/train-5-0-img0.png")
    grid = by_id(read("grid-3d", samples_root / "grid-3d")[0])
    assert (
        grid["0"].instruction.startswith("Is there a ")
        and grid["0"].instruction.endswith("?")
        and " ?" not in grid["0"].instruction
    )
    assert [sample.raw for sample in read("chartqa", samples_root / "chartqa", "train")[0]] == ["0.57", "2"]


def test_dialogues(samples_root, read):
    chat = by_id(read("ultrachat", samples_root / "ultrachat")[0])
    assert [turn.instruction for turn in chat["0"].turns] == ["How long should I boil an egg?", "And a hard one?"]
    assert chat["1"].turns == ()
    share = by_id(read("sharegpt", samples_root / "sharegpt")[0])
    assert share["QWJhYvA_0"].raw.startswith("Here are two ways:\n\n1. Use `len`.\n2. Count them.\n\n```\nn = len(x)\n")
    assert share["i6IyJda_0"].instruction == "What is a good name for a grey cat?" and not share["i6IyJda_0"].turns
    assert "QWJhYvA_0~2" in share  # the makers' ids repeat
    llava = {sample.meta["split"]: sample for sample in read("llava-instruct", samples_root / "llava-instruct")[0]}
    assert set(llava) == {"detail", "conversation", "reasoning"}
    assert len(llava["conversation"].turns) == 2 and all(sample.images for sample in llava.values())
    assert all("<image>" not in turn.instruction for turn in llava["conversation"].turns)


def test_oasst_walks_to_the_best_ranked_replies(samples_root, read):
    sample = read("oasst-1", samples_root / "oasst-1")[0][0]
    assert [turn.response.split()[0] for turn in sample.turns] == ["Testing", "Gladly."]
    every = read("oasst-1", samples_root / "oasst-1", languages=None)[0]
    assert {item.meta["lang"] for item in every} == {"en", "de"}


def test_oasst_flat_messages_give_the_same_trees(samples_root, tmp_path, read):
    import gzip

    lines = (
        gzip.decompress((samples_root / "oasst-1/2023-04-12_oasst_ready.trees.jsonl.gz").read_bytes())
        .decode()
        .splitlines()
    )
    flat = []

    def walk(node, tree):
        flat.append({**{key: value for key, value in node.items() if key != "replies"}, **tree})
        for reply in node["replies"]:
            walk(reply, tree)

    for line in lines:
        tree = json.loads(line)
        walk(tree["prompt"], {"message_tree_id": tree["message_tree_id"], "tree_state": tree["tree_state"]})
    content = "".join(json.dumps(record) + "\n" for record in flat)
    (tmp_path / "2023-04-12_oasst_ready.messages.jsonl.gz").write_bytes(gzip.compress(content.encode()))
    samples, aside = read("oasst-1", tmp_path)
    assert not aside
    assert [sample.turns for sample in samples] == [
        sample.turns for sample in read("oasst-1", samples_root / "oasst-1")[0]
    ]


def test_instruction_lists_and_pf1m(samples_root, read):
    alpaca = read("alpaca-gpt4", samples_root / "alpaca-gpt4")[0]
    assert alpaca[1].instruction == "Put this in the past tense.\nShe walks home."
    assert len(read("alpaca-gpt4", samples_root / "alpaca-gpt4", "unnatural")[0]) == 1
    assert {sample.meta["split"] for sample in read("gpteacher", samples_root / "gpteacher")[0]} == {
        "instruct",
        "roleplay",
    }
    caption, question = read("pf-1m", samples_root / "pf-1m")[0]
    released = load(samples_root / "pf-1m/PF-1M.json")
    assert caption.instruction == "Describe the image." and caption.raw == released[0]["output"]
    assert caption.task == "caption" and question.task == "vqa"
    assert (
        caption.meta["original"] == released[0]["original"]
        and question.meta["nli_similarity"] == released[1]["nli_similarity"]
    )
    assert len(caption.boxes) == 2 and question.images == ("mscoco_2017/train2017/000000000101.jpg",)
    assert question.instruction == "Which paint was used?\nblue, red, or green?"


def test_gqa_full_answers_and_folders_of_questions(copy_of, read):
    root = copy_of("gqa")
    assert read("gqa", root, "train", full_answer=True)[0][0].raw.startswith("The ")
    content = load(root / "train_balanced_questions.json")
    (root / "train_balanced_questions.json").unlink()
    (root / "train_all_questions").mkdir()
    for place, (key, value) in enumerate(content.items()):
        (root / f"train_all_questions/train_all_questions_{place}.json").write_text(json.dumps({key: value}))
    samples, aside = read("gqa", root, "train")
    assert len(samples) == 2 and not aside
