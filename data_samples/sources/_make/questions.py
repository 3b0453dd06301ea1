"""Samples of the question sets, the changes, and the sets held out for evaluation."""

from __future__ import annotations

from pathlib import Path

from .core import INFO, LICENSES
from .drawing import Thing, drawn, picture, save
from .files import write_json, write_lines, write_text


def image_editing_requests(root: Path) -> None:
    root = root / "dataset/adobe"
    for split, count in (("train", 1), ("valid", 3), ("test", 3)):
        name = f"Zhopped.com_{split}"
        placed = drawn(root / f"images/{name}_a.jpg", name)
        save(picture(placed[:1]), root / f"images/{name}_b.jpg")
        texts = [f"Remove the {placed[1].name} ", f"take away teh {placed[1].shape}", "crop out the right one"][:count]
        write_json(
            root / f"{split}.json",
            [{"img0": f"{name}_a.jpg", "img1": f"{name}_b.jpg", "sents": texts, "uid": f"{name}_0"}],
        )


def levir_cc(root: Path) -> None:
    images = []
    for number, (split, changed) in enumerate((("train", 1), ("val", 0), ("test", 1))):
        name = f"{split}_{number:06d}.png"
        placed = drawn(root / f"images/{split}/A/{name}", f"levir{name}", width=64, height=64)
        later = [Thing("red", "square", 4, 4, 12), *placed] if changed else placed
        save(picture(later, 64, 64), root / f"images/{split}/B/{name}")
        texts = (
            [" a red house appears in the corner .", " a house is built ."]
            if changed
            else [" there is no difference .", " the scene is the same as before ."]
        )
        sentences = [
            {"tokens": text.split(), "raw": text, "imgid": number, "sentid": number * 5 + place}
            for place, text in enumerate((texts * 3)[:5])
        ]
        images.append(
            {
                "filepath": split,
                "filename": name,
                "imgid": number,
                "sentences": sentences,
                "split": split,
                "sentids": [item["sentid"] for item in sentences],
                "changeflag": changed,
            }
        )
    write_json(root / "LevirCCcaptions.json", {"images": images, "dataset": "LEVIR-CC"})


def vqa_e(root: Path) -> None:
    for split, number in (("train", 9), ("val", 42)):
        placed = drawn(root / f"{split}2014/COCO_{split}2014_{number:012d}.jpg", f"coco{number}")
        record = {
            "answer_type": "other",
            "img_id": number,
            "explanation": [f"a {placed[0].name} and a {placed[1].name} on a pale ground", 0.83],
            "question": f"What color is the {placed[0].shape}?",
            "answers": [placed[0].color] * 9 + ["pale"],
            "question_type": "what color is the",
            "multiple_choice_answer": placed[0].color,
        }
        write_json(root / f"VQA-E_{split}_set.json", [record])


def scienceqa(root: Path) -> None:
    root = root / "data/scienceqa"
    problems, splits = {}, {}
    for pid, split in (("1", "train"), ("2", "train"), ("15", "val"), ("31", "test")):
        pictured = pid != "2"
        placed = drawn(root / f"images/{split}/{pid}/image.png", f"sqa{pid}") if pictured else []
        color = placed[0].color if placed else "green"
        problems[pid] = {
            "question": "Which color does the shape on the left have?" if pictured else "Which of these is a color?",
            "choices": ["the color of a stone", color, "no color"],
            "answer": 1,
            "hint": "A color is what the eye sees of light." if pid == "1" else "",
            "image": "image.png" if pictured else None,
            "task": "closed choice",
            "grade": "grade2",
            "subject": "natural science",
            "topic": "physics",
            "category": "Light",
            "skill": "Name colors",
            "lecture": "Objects reflect light.",
            "solution": f"Look at the shape. It is {color}." if pid != "31" else "",
            "split": split,
        }
        splits.setdefault(split, []).append(pid)
    write_json(root / "problems.json", problems)
    write_json(
        root / "pid_splits.json",
        {
            **splits,
            "trainval": splits["train"] + splits["val"],
            "minitrain": ["1"],
            "minival": ["15"],
            "minitest": ["31"],
        },
    )


def textvqa(root: Path) -> None:
    for split, folder, name in (
        ("train", "train", "0054c91397f2fe05"),
        ("val", "train", "003a8ae2ef43b901"),
        ("test", "test", "00685bc495504d61"),
    ):
        placed = drawn(root / f"{folder}_images/{name}.jpg", f"textvqa{name}")
        record = {
            "question": f"what is written on the {placed[0].shape}?",
            "image_id": name,
            "image_classes": ["Sign"],
            "flickr_original_url": "https://example.org/o.jpg",
            "flickr_300k_url": "https://example.org/s.jpg",
            "image_width": 96,
            "image_height": 72,
            "question_tokens": ["what", "is", "written"],
            "question_id": len(name) + ord(name[5]),
            "set_name": split,
        }
        if split != "test":
            record["answers"] = ["stop", "Nokia", "stop", "nokia", "nokia", "", "halt", "nokia", "stop", "nokia"]
        write_json(
            root / f"TextVQA_0.5.1_{split}.json",
            {"dataset_type": split, "dataset_name": "textvqa", "dataset_version": "0.5.1", "data": [record]},
        )


def ocr_vqa(root: Path) -> None:
    records = {}
    for number, ending in ((1, "jpg"), (2, "gif"), (3, "png")):
        name = f"000{number}57343"
        placed = drawn(root / f"images/{name}.{ending}", f"ocr{name}", width=48, height=72)
        records[name] = {
            "imageURL": f"http://ecx.images-amazon.com/images/I/51{name}.{ending}",
            "questions": ["Who wrote this book?", "What is the title of this book?", "Is this a comedy book?"],
            "answers": ["A. Shape", f"The {placed[0].name}", "No"],
            "title": f"The {placed[0].name}",
            "authorName": "A. Shape",
            "genre": "Art",
            "split": number,
        }
    write_json(root / "dataset.json", records)


def pointqa(root: Path) -> None:
    local, twice = {}, {}
    for number, folder in ((2317521, "VG_100K"), (2405722, "VG_100K_2"), (2388203, "VG_100K")):
        placed = drawn(root / f"{folder}/{number}.jpg", f"point{number}")
        objects = [
            {
                "names": [thing.shape],
                "attributes": [thing.color],
                "x": thing.x,
                "y": thing.y,
                "w": thing.side,
                "h": thing.side,
            }
            for thing in placed
        ]
        points = [
            {"x": thing.x + thing.side // 2, "y": thing.y + thing.side // 2, "ans": thing.color} for thing in placed
        ]
        local[str(number)] = [
            {
                "id": number,
                "question": "What color is the shape?",
                "all_ans": sorted({thing.color for thing in placed}),
                "all_objs": objects,
                "points": points,
            }
        ]
        twice[str(number)] = [
            {
                "id": number,
                "obj_question": "How many shapes are there?",
                "super_question": "How many of these things are there?",
                "general_question": "How many of these are there?",
                "ans": "2",
                "bbox": objects[0],
                "point": {**points[0], "ans": "2"},
                "obj_type": "shapes",
                "supercategory": "thing",
            }
        ]
    write_json(root / "Datasets/LocalQA/localqa_dataset.json", local)
    write_json(root / "Datasets/LookTwiceQA/looktwiceqa_dataset.json", twice)
    for split, ids in (("train", ["2317521"]), ("val", ["2405722"]), ("testdev", ["2388203"]), ("testfinal", [])):
        write_json(root / f"Datasets/LocalQA/localqa_{split}_imgs.json", ids)
    for split, ids in (("train", ["2317521", "2405722"]), ("val", ["2388203"]), ("test", [])):
        write_json(root / f"Datasets/LookTwiceQA/looktwiceqa_{split}_imgs.json", ids)


def ok_vqa(root: Path) -> None:
    number = 42
    placed = drawn(root / f"val2014/COCO_val2014_{number:012d}.jpg", f"coco{number}")
    texts = ["painting"] * 4 + ["paintings", "paint", "drawing", "painting", "art", "painting"]
    answers = [
        {
            "answer_id": place,
            "raw_answer": text,
            "answer_confidence": "yes",
            "answer": text.removesuffix("ing").removesuffix("ings"),
        }
        for place, text in enumerate(texts, start=1)
    ]
    question = {"image_id": number, "question": f"Which craft made the {placed[0].shape}?", "question_id": 425}
    annotation = {
        "image_id": number,
        "answer_type": "other",
        "question_type": "six",
        "question_id": 425,
        "answers": answers,
        "confidence": 5,
    }
    head = {"info": INFO, "license": LICENSES[0], "data_type": "mscoco", "data_subtype": "val2014"}
    write_json(
        root / "OpenEnded_mscoco_val2014_questions.json", {**head, "task_type": "Open-Ended", "questions": [question]}
    )
    write_json(root / "mscoco_val2014_annotations.json", {**head, "annotations": [annotation]})


def grid_3d(root: Path) -> None:
    root = root / "grid-3d"
    records = []
    for index in (3, 12):
        placed = drawn(root / f"images/{index}.png", f"grid{index}")
        records.append(
            {
                "img_idx": index,
                "question": ["is", "there", "a", placed[0].color, placed[0].shape, "?"],
                "answer": "True",
                "task": "Existence Prediction",
            }
        )
        words = ["what", "is", "the", "color", "of", "the", placed[1].shape, "?"]
        records.append(
            {"img_idx": index, "question": words, "answer": placed[1].color, "task": "Orientation Prediction"}
        )
    write_json(root / "questions.json", records)
    for split, positions in (("train", [0, 3]), ("val", [1]), ("test", [2])):
        write_json(root / f"{split}_idxs.json", positions)
    write_json(root / "train_idxs_small.json", [0])


def nlvr2(root: Path) -> None:
    for split, directory in (("train", 17), ("dev", None)):
        pair = f"{split}-{5 if split == 'train' else 850}-0"
        folder = root / "images" / split / (str(directory) if directory is not None else "")
        first = drawn(folder / f"{pair}-img0.png", f"{pair}a", 2)
        drawn(folder / f"{pair}-img1.png", f"{pair}b", 3)
        records = []
        for place, (sentence, label) in enumerate(
            ((f"One image holds a {first[0].name}.", "True"), ("Both images hold four shapes", "False"))
        ):
            record = {
                "identifier": f"{pair}-{place}",
                "sentence": sentence,
                "label": label,
                "left_url": "https://example.org/l.jpg",
                "right_url": "https://example.org/r.jpg",
                "writer": 18,
                "validation": {"21": label},
                "query": "shapes",
                "synset": "shape",
            }
            records.append({**record, "directory": directory} if directory is not None else record)
        write_lines(root / f"nlvr2/data/{split}.json", records)


def iconqa(root: Path) -> None:
    base = root / "iconqa_data/iconqa/train"
    placed = drawn(base / "choose_txt/41/image.png", "icon41")
    head = {"ques_type": "choose_txt", "grade": "grade1", "label": "S2"}
    write_json(
        base / "choose_txt/41/data.json",
        {
            "question": "Which shape is on the left?",
            "choices": [placed[1].shape + "s", placed[0].shape],
            "answer": 1,
            **head,
        },
    )
    drawn(base / "choose_img/52/image.png", "icon52")
    for place in range(3):
        drawn(base / f"choose_img/52/choice_{place}.png", f"icon52{place}", 1, 48, 48)
    names = [f"choice_{place}.png" for place in range(3)]
    write_json(
        base / "choose_img/52/data.json",
        {"question": "Which one fits?", "choices": names, "answer": 2, **head, "ques_type": "choose_img"},
    )
    drawn(base / "fill_in_blank/63/image.png", "icon63", 3)
    write_json(
        base / "fill_in_blank/63/data.json",
        {"question": "How many shapes are there? _", "answer": "3", **head, "ques_type": "fill_in_blank"},
    )


def chartqa(root: Path) -> None:
    root = root / "ChartQA Dataset"
    for split, name in (("train", "two_col_101"), ("val", "two_col_102"), ("test", "multi_col_1")):
        placed = drawn(root / f"{split}/png/{name}.png", name)
        human = [
            {"imgname": f"{name}.png", "query": f"What is the value of the {placed[0].color} bar?", "label": "0.57"}
        ]
        machine = [{"imgname": f"{name}.png", "query": "How many bars are there?", "label": "2"}]
        write_json(root / f"{split}/{split}_human.json", human)
        write_json(root / f"{split}/{split}_augmented.json", machine)


def ai2d(root: Path) -> None:
    root = root / "ai2d"
    for number, held in ((0, False), (1, True)):
        placed = drawn(root / f"images/{number}.png", f"ai2d{number}")
        questions = {
            f"What is the {placed[0].color} thing?": {
                "abcLabel": False,
                "answerTexts": [placed[0].shape, "a cloud", "a tree", "a house"],
                "correctAnswer": 0,
                "questionId": f"{number}.png-0",
            },
            f"Which letter stands on the {placed[1].shape}?": {
                "abcLabel": True,
                "answerTexts": ["A", "B", "C", "D"],
                "correctAnswer": 1,
                "questionId": f"{number}.png-1",
            },
        }
        text = {
            f"T{place}": {
                "id": f"T{place}",
                "rectangle": [thing.xyxy[:2], thing.xyxy[2:]],
                "replacementText": letter,
                "value": thing.shape,
            }
            for place, (letter, thing) in enumerate(zip("AB", placed, strict=True))
        }
        write_json(root / f"questions/{number}.png.json", {"imageName": f"{number}.png", "questions": questions})
        write_json(
            root / f"annotations/{number}.png.json",
            {"text": text, "blobs": {}, "arrows": {}, "arrowHeads": {}, "relationships": {}},
        )
        if held:
            write_text(root.parent / "ai2d_test_ids.csv", f"{number}\n")
    write_json(root / "categories.json", {"0.png": "shapes", "1.png": "shapes"})


MAKERS = {
    "image-editing-requests": image_editing_requests,
    "levir-cc": levir_cc,
    "vqa-e": vqa_e,
    "scienceqa": scienceqa,
    "textvqa": textvqa,
    "ocr-vqa": ocr_vqa,
    "pointqa": pointqa,
    "ok-vqa": ok_vqa,
    "grid-3d": grid_3d,
    "nlvr2": nlvr2,
    "iconqa": iconqa,
    "chartqa": chartqa,
    "ai2d": ai2d,
}
