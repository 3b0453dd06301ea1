"""Samples of the sets that the default pipeline reads: COCO captions, VQA, dialogues and their like."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

from .drawing import COLORS, Thing, drawn, picture, save
from .files import write_json, write_lines, write_text

CATEGORIES = {"circle": 1, "square": 3, "triangle": 7}


def _captions(placed: list[Thing]) -> list[str]:
    first, second = placed[0], placed[-1]
    return [
        f"A {first.name} and a {second.name}.",
        f"a {first.name} next to a {second.name} ",
        f"There is a {second.name} to the right of a {first.name}.",
        f"Two shapes: a {first.name} and a {second.name}",
        f"The {first.name} is on the left, the {second.name} on the right.",
    ]


def _coco_image(number: int, split: str, width: int = 96, height: int = 72) -> dict:
    return {
        "license": 3,
        "file_name": f"COCO_{split}2014_{number:012d}.jpg",
        "coco_url": f"http://images.cocodataset.org/{split}2014/COCO_{split}2014_{number:012d}.jpg",
        "height": height,
        "width": width,
        "date_captured": "2013-11-14 17:02:52",
        "id": number,
    }


def _instance(number: int, image: int, thing: Thing, crowd: int = 0) -> dict:
    x, y, w, h = thing.xywh
    outline: object = [[x, y, x + w, y, x + w, y + h, x, y + h]] if not crowd else {"counts": [10, 5], "size": [72, 96]}
    category = CATEGORIES[thing.shape]
    return {
        "segmentation": outline,
        "area": w * h,
        "iscrowd": crowd,
        "image_id": image,
        "bbox": [x, y, w, h],
        "category_id": category,
        "id": number,
    }


def _categories() -> list[dict]:
    return [{"supercategory": "shape", "id": number, "name": name} for name, number in CATEGORIES.items()]


INFO = {"description": "records in the official format over pictures of our own", "version": "1.0", "year": 2014}
LICENSES = [{"id": 3, "name": "a licence", "url": "http://example.org"}]


def mscoco_captions(root: Path) -> None:
    for split, numbers in (("train", (9, 25, 30)), ("val", (42,))):
        images, captions, instances = [], [], []
        for number in numbers:
            placed = drawn(root / f"{split}2014/COCO_{split}2014_{number:012d}.jpg", f"coco{number}")
            images.append(_coco_image(number, split))
            for place, text in enumerate(_captions(placed)):
                captions.append({"image_id": number, "id": number * 10 + place, "caption": text})
            instances += [_instance(number * 100 + place, number, thing) for place, thing in enumerate(placed)]
        instances.append(_instance(900_000_000_001, numbers[0], placed[0], crowd=1))
        head = {"info": INFO, "images": images, "licenses": LICENSES}
        write_json(root / f"annotations/captions_{split}2014.json", {**head, "annotations": captions})
        write_json(
            root / f"annotations/instances_{split}2014.json",
            {**head, "annotations": instances, "categories": _categories()},
        )


def refcocog(root: Path) -> None:
    refs, images, instances = [], [], []
    for place, (number, split) in enumerate(((61, "train"), (72, "train"), (83, "val"), (94, "test"))):
        placed = drawn(root / f"train2014/COCO_train2014_{number:012d}.jpg", f"ref{number}")
        images.append(_coco_image(number, "train"))
        for which, thing in enumerate(placed):
            annotation = number * 10 + which
            instances.append(_instance(annotation, number, thing))
            texts = [f"the {thing.name}", f"a {thing.color} shape on the {'left' if which == 0 else 'right'}"]
            reference = place * 2 + which
            sentences = [
                {"tokens": text.split(), "raw": text, "sent_id": reference * 2 + at, "sent": text}
                for at, text in enumerate(texts)
            ]
            refs.append(
                {
                    "sent_ids": [item["sent_id"] for item in sentences],
                    "file_name": f"COCO_train2014_{number:012d}_{annotation}.jpg",
                    "ann_id": annotation,
                    "ref_id": reference,
                    "image_id": number,
                    "split": split,
                    "sentences": sentences,
                    "category_id": CATEGORIES[thing.shape],
                }
            )
    (root / "refcocog").mkdir(parents=True, exist_ok=True)
    with open(root / "refcocog/refs(umd).p", "wb") as file:
        pickle.dump(refs, file, protocol=2)
    write_json(
        root / "refcocog/instances.json",
        {"info": INFO, "images": images, "licenses": LICENSES, "annotations": instances, "categories": _categories()},
    )


def _answers(first: str, second: str = "") -> list[dict]:
    texts = [first] * 7 + [second or first] * 3
    return [
        {"answer": text, "answer_confidence": "yes", "answer_id": place} for place, text in enumerate(texts, start=1)
    ]


def vqa_v2(root: Path) -> None:
    for split, numbers in (("train", (9, 25)), ("val", (42,))):
        questions, annotations = [], []
        for number in numbers:
            placed = drawn(root / f"{split}2014/COCO_{split}2014_{number:012d}.jpg", f"coco{number}")
            asked = [
                (f"What color is the {placed[0].shape}?", placed[0].color, "other"),
                ("How many shapes are there?", "2", "number"),
                (f"Is there a {placed[1].name}?", "yes", "yes/no"),
            ]
            for place, (question, answer, kind) in enumerate(asked):
                questions.append({"image_id": number, "question": question, "question_id": number * 1000 + place})
                annotations.append(
                    {
                        "question_type": question.split()[0].lower(),
                        "multiple_choice_answer": answer,
                        "answers": _answers(answer, "no idea"),
                        "image_id": number,
                        "answer_type": kind,
                        "question_id": number * 1000 + place,
                    }
                )
        head = {
            "info": INFO,
            "task_type": "Open-Ended",
            "data_type": "mscoco",
            "license": LICENSES[0],
            "data_subtype": f"{split}2014",
        }
        write_json(root / f"v2_OpenEnded_mscoco_{split}2014_questions.json", {**head, "questions": questions})
        write_json(
            root / f"v2_mscoco_{split}2014_annotations.json", {**head, "annotations": list(reversed(annotations))}
        )


def a_okvqa(root: Path) -> None:
    for split, numbers in (("train", (101, 102)), ("val", (103,))):
        records = []
        for number in numbers:
            placed = drawn(root / f"{split}2017/{number:012d}.jpg", f"aok{number}")
            right = placed[0].color
            choices = sorted({right, *[color for color in COLORS if color != right][:3]})
            records.append(
                {
                    "split": split,
                    "image_id": number,
                    "question_id": f"22MexNkBPpdZGX6sxb{number}",
                    "question": f"Which paint was used for the {placed[0].shape} on the left?",
                    "choices": choices,
                    "correct_choice_idx": choices.index(right),
                    "direct_answers": [right] * 8 + ["dark " + right] * 2,
                    "difficult_direct_answer": False,
                    "rationales": [
                        f"The {placed[0].shape} is {right}.",
                        f"{right} paint makes things {right}",
                        f"The {placed[0].shape} is {right}.",
                    ],
                }
            )
        write_json(root / f"aokvqa_v1p0_{split}.json", records)


def clevr(root: Path) -> None:
    root = root / "CLEVR_v1.0"
    for split, count in (("train", 2), ("val", 1)):
        questions = []
        for index in range(count):
            name = f"CLEVR_{split}_{index:06d}.png"
            placed = drawn(root / f"images/{split}/{name}", f"clevr{split}{index}")
            asked = [
                (f"What shape is the {placed[0].color} thing?", placed[0].shape),
                (f"Are there any {placed[1].color} {placed[1].shape}s?", "yes"),
                ("How many things are there?", "2"),
            ]
            for question, answer in asked:
                questions.append(
                    {
                        "split": split,
                        "image_filename": name,
                        "image_index": index,
                        "image": name.removesuffix(".png"),
                        "question": question,
                        "answer": answer,
                        "program": [
                            {"inputs": [], "function": "scene", "value_inputs": []},
                            {"inputs": [0], "function": "count", "value_inputs": []},
                        ],
                        "question_index": len(questions),
                        "question_family_index": 2,
                    }
                )
        info = {
            "split": split,
            "license": "Creative Commons Attribution (CC BY 4.0)",
            "version": "1.0",
            "date": "2/14/2017",
        }
        write_json(root / f"questions/CLEVR_{split}_questions.json", {"info": info, "questions": questions})


def gqa(root: Path) -> None:
    for split, images in (("train", ("2354786", "n161313")), ("val", ("2375429",))):
        questions = {}
        for place, image in enumerate(images):
            placed = drawn(root / f"images/{image}.jpg", f"gqa{image}")
            thing = placed[0]
            questions[f"0293{place}997{split}"] = {
                "semantic": [{"operation": "select", "dependencies": [], "argument": f"{thing.shape} (1)"}],
                "entailed": [],
                "equivalent": [],
                "question": f"What is the color of the {thing.shape}?",
                "imageId": image,
                "isBalanced": True,
                "groups": {"global": "color", "local": f"10q-{thing.shape}_color"},
                "answer": thing.color,
                "semanticStr": f"select: {thing.shape} (1)->query: color [0]",
                "annotations": {"answer": {}, "question": {"6": "1"}, "fullAnswer": {"1": "1"}},
                "types": {"detailed": "directOf", "semantic": "attr", "structural": "query"},
                "fullAnswer": f"The {thing.shape} is {thing.color}.",
            }
        write_json(root / f"{split}_balanced_questions.json", questions)


def vsr(root: Path) -> None:
    records = []
    for number in (201, 202):
        placed = drawn(root / f"images/{number:012d}.jpg", f"vsr{number}")
        for relation, label in (("left of", 1), ("right of", 0)):
            records.append(
                {
                    "image": f"{number:012d}.jpg",
                    "image_link": f"http://images.cocodataset.org/train2017/{number:012d}.jpg",
                    "caption": f"The {placed[0].name} is {relation} the {placed[1].name}.",
                    "label": label,
                    "relation": relation,
                    "annotator_id": 31,
                    "vote_true_validator_id": "[2, 18]" if label else "[]",
                    "vote_false_validator_id": "[]" if label else "[2, 18]",
                    "reference_frame": "viewer",
                }
            )
    write_lines(root / "data/splits/random/train.jsonl", records[:2])
    write_lines(root / "data/splits/random/dev.jsonl", records[2:3])
    write_lines(root / "data/splits/random/test.jsonl", records[3:])
    zero = [
        {key: value for key, value in record.items() if key != "reference_frame"} | {"subj": "a", "obj": "b"}
        for record in records
    ]
    write_lines(root / "data/splits/zeroshot/test.jsonl", zero)


def spot_the_diff(root: Path) -> None:
    for split, names in (("train", ("7201", "7202")), ("val", ("7203",))):
        records = []
        for name in names:
            placed = drawn(root / f"resized_images/{name}.png", f"diff{name}", width=64, height=64)
            moved = Thing(
                placed[1].color,
                "circle" if placed[1].shape != "circle" else "square",
                placed[1].x,
                placed[1].y,
                placed[1].side,
            )
            save(picture([placed[0], moved], 64, 64), root / f"resized_images/{name}_2.png")
            records.append({"img_id": name, "sentences": [f"the {placed[1].name} became a {moved.name}"]})
        records.append(
            {"img_id": names[0], "sentences": ["one shape on the right is another now", "nothing else is different "]}
        )
        write_json(root / f"data/annotations/{split}.json", records)


def llava_instruct(root: Path) -> None:
    names = {"detail_23k": 301, "conversation_58k": 302, "complex_reasoning_77k": 303}
    for file, number in names.items():
        placed = drawn(root / f"train2017/{number:012d}.jpg", f"llava{number}")
        first, second = placed
        if file == "conversation_58k":
            talk = [
                (f"What color is the {first.shape}?\n<image>", f"The {first.shape} in the picture is {first.color}."),
                ("Is there anything else?", f"Yes, there is also a {second.name} to its right."),
            ]
        elif file == "detail_23k":
            talk = [
                (
                    "<image>\nCan you describe the picture?",
                    f"The picture shows a {first.name} on the left and a {second.name} on the right.",
                )
            ]
        else:
            talk = [
                (
                    f"<image>\nWhy might someone confuse the {first.shape} with the {second.shape}?",
                    (
                        f"The two shapes stand close to each other. However, the {first.shape} is {first.color}, so "
                        f"they can be told apart."
                    ),
                )
            ]
        conversations = [
            {"from": role, "value": text} for turn in talk for role, text in zip(("human", "gpt"), turn, strict=True)
        ]
        write_json(
            root / f"{file}.json",
            [{"id": f"{number:012d}", "image": f"{number:012d}.jpg", "conversations": conversations}],
        )


def ultrachat(root: Path) -> None:
    talks = [
        [
            "How long should I boil an egg?",
            "For a soft egg, about six minutes are enough.",
            "And a hard one?",
            "A hard egg takes about ten minutes.",
        ],
        ["Name a large river.", "The Amazon in South America is one of the largest rivers."],
    ]
    records = [{"id": str(place), "data": talk} for place, talk in enumerate(talks)]
    write_lines(root / "ultrachat_release_230407_Questions about the World [Part I + Part II].json", records)


def sharegpt(root: Path) -> None:
    html = (
        '<div class="markdown"><p>Here are two ways:</p><ol><li>Use <code>len</code>.</li><li>Count them.</li></ol>'
        "<pre><code>n = len(x)\n</code></pre></div>"
    )
    records = [
        {
            "id": "QWJhYvA_0",
            "conversations": [
                {"from": "human", "value": "How do I count the items of a list?"},
                {"from": "gpt", "value": html},
                {"from": "human", "value": "Thanks!"},
                {"from": "gpt", "value": "You are welcome. Feel free to ask if anything else comes up."},
            ],
        },
        {
            "id": "i6IyJda_0",
            "conversations": [
                {"from": "gpt", "value": "(an answer whose question was cut off)"},
                {"from": "user", "value": "What is a good name for a grey cat?"},
                {"from": "chatgpt", "value": "Ash would be a lovely name for a grey cat."},
                {"from": "human", "value": "And for a dog?"},
            ],
        },
        {
            "id": "QWJhYvA_0",
            "conversations": [
                {"from": "human", "value": "Say hello."},
                {"from": "gpt", "value": "Hello! How can I help you?"},
            ],
        },
    ]
    write_json(root / "sg_90k_part1_html_cleaned.json", records)


def elevater(root: Path) -> None:
    """An index over a zip archive, with labels.txt beside it."""
    names = ["red circle", "blue square", "green triangle"]
    for split, count in (("train", 3), ("test", 1)):
        lines = []
        root.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(root / f"{split}.zip", "w", zipfile.ZIP_STORED) as archive:
            for label, name in enumerate(names):
                color, shape = name.split()
                for index in range(count):
                    inner = f"{name}/{index}.png"
                    member = zipfile.ZipInfo(inner, date_time=(2021, 10, 7, 0, 0, 0))
                    archive.writestr(member, _png(picture([Thing(color, shape, 6 + 3 * index, 8, 30)], 48, 48)))
                    lines.append(f"{split}.zip@{inner} {label}")
        write_text(root / f"{split}.txt", "\n".join(lines) + "\n")
    write_text(root / "labels.txt", "\n".join(names) + "\n")


def _png(image) -> bytes:
    import io

    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


MAKERS = {
    "mscoco-captions": mscoco_captions,
    "refcocog": refcocog,
    "vqa-v2": vqa_v2,
    "a-okvqa": a_okvqa,
    "clevr": clevr,
    "gqa": gqa,
    "vsr": vsr,
    "spot-the-diff": spot_the_diff,
    "llava-instruct": llava_instruct,
    "ultrachat": ultrachat,
    "sharegpt": sharegpt,
    "elevater": elevater,
}
