"""Samples of the captioning and the detection sets."""

from __future__ import annotations

from pathlib import Path

from .drawing import Thing, drawn, picture, save, things
from .files import write_json, write_text


def _karpathy(name: str, split: str, texts: list[str], number: int, **more: object) -> dict:
    sentences = [
        {"tokens": text.lower().strip(" .").split(), "raw": text, "imgid": number, "sentid": number * 5 + place}
        for place, text in enumerate(texts)
    ]
    return {
        "filename": name,
        "imgid": number,
        "sentences": sentences,
        "split": split,
        "sentids": [item["sentid"] for item in sentences],
        **more,
    }


def _five(placed: list[Thing]) -> list[str]:
    a, b = placed[0].name, placed[-1].name
    return [
        f"A {a} and a {b} .",
        f"Two shapes , a {a} and a {b} .",
        f"The {a} is left of the {b} .",
        f"A {b} stands beside a {a} .",
        f"There are a {a} and a {b} .",
    ]


def flickr30k(root: Path) -> None:
    lines = []
    for number in (1000092795, 10002456):
        placed = drawn(root / f"flickr30k_images/{number}.jpg", f"flickr{number}")
        lines += [f"{number}.jpg#{place}\t{text}" for place, text in enumerate(_five(placed))]
    write_text(root / "results_20130124.token", "\n".join(lines) + "\n")


def textcaps(root: Path) -> None:
    for split, folder, names in (
        ("train", "train", ("dd49cda0a5e2e9b3", "e3b0c44298fc1c14")),
        ("val", "train", ("a19b7e1f6d2c3f58",)),
        ("test", "test", ("0ff1ce15bada55e5",)),
    ):
        data = []
        for name in names:
            placed = drawn(root / f"{folder}_images/{name}.jpg", f"textcaps{name}")
            texts = [f"A {placed[0].name} with the word {word} beside it." for word in ("stop", "go", "slow")]
            base = {
                "image_id": name,
                "image_classes": ["Poster"],
                "flickr_original_url": "https://example.org/o.jpg",
                "flickr_300k_url": "https://example.org/s.jpg",
                "image_width": 96,
                "image_height": 72,
                "set_name": split,
                "image_name": name,
                "image_path": f"{split}/{name}.jpg",
            }
            if split == "test":
                data.append(base)
                continue
            for text in texts:
                words = text.lower().split()
                data.append(
                    {
                        **base,
                        "caption_id": len(data),
                        "caption_str": text,
                        "caption_tokens": words,
                        "reference_strs": texts,
                    }
                )
        write_json(
            root / f"TextCaps_0.1_{split}.json",
            {"dataset_type": split, "dataset_name": "textcaps", "dataset_version": "0.1", "data": data},
        )


def image2paragraph(root: Path) -> None:
    records = []
    for folder, number, split in (
        ("VG_100K", 2356347, "train"),
        ("VG_100K_2", 2317429, "val"),
        ("VG_100K", 2414610, "test"),
    ):
        placed = drawn(root / f"{folder}/{number}.jpg", f"im2p{number}")
        text = (
            f"a {placed[0].name} is on the left.  The {placed[1].name} is on the right. Both stand on a pale ground. "
        )
        records.append(
            {
                "url": f"https://cs.stanford.edu/people/rak248/{folder}/{number}.jpg",
                "image_id": number,
                "paragraph": text,
            }
        )
        write_json(root / f"{split}_split.json", [number])
    write_json(root / "paragraphs_v1.json", records)


def cc3m(root: Path) -> None:
    lines = []
    for index in range(3):
        placed = drawn(root / f"GCC_train_{index:09d}.jpg", f"cc3m{index}")
        lines.append(
            f'a {placed[0].name} and a {placed[1].name} , "seen" from the front\thttp://example.org/pictures/{index}.jpg?size=large'
        )
    write_text(root / "Train_GCC-training.tsv", "\n".join(lines) + "\n")


def rsicd(root: Path) -> None:
    images = []
    for number, (name, split) in enumerate(
        (("airport_1.jpg", "train"), ("beach_7.jpg", "val"), ("bridge_12.jpg", "test"))
    ):
        placed = drawn(root / f"RSICD_images/{name}", name, width=64, height=64)
        texts = _five(placed)
        images.append(_karpathy(name, split, [*texts[:2], texts[0], texts[0], texts[1]], number))
    write_json(root / "dataset_rsicd.json", {"images": images, "dataset": "rsicd"})


def rsitmd(root: Path) -> None:
    images = []
    for number, (name, split) in enumerate((("baseballfield_452.tif", "train"), ("park_3.tif", "test"))):
        placed = drawn(root / f"images/{name}", name, width=64, height=64)
        texts = _five(placed)
        images.append(_karpathy(name, split, [*texts[:4], ""], number))
    write_json(root / "dataset_RSITMD.json", {"images": images, "dataset": "rsitmd"})


def ucm_captions(root: Path) -> None:
    images = []
    for number, split in ((1, "train"), (2, "val"), (3, "test")):
        placed = drawn(root / f"imgs/{number}.tif", f"ucm{number}", width=64, height=64)
        texts = _five(placed)
        images.append(_karpathy(f"{number}.tif", split, [texts[0], texts[0], texts[1], texts[1], texts[2]], number))
    write_json(root / "dataset.json", {"images": images, "dataset": "UCM"})


def _voc(name: str, objects: list[tuple[str, list[int]]], width: int, height: int, extra: str = "") -> str:
    items = "".join(
        f"<object><name>{kind}</name>{extra}<bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for kind, (x1, y1, x2, y2) in objects
    )
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return f"<annotation><filename>{name}.jpg</filename>{size}<segmented>0</segmented>{items}</annotation>\n"


def dior(root: Path) -> None:
    classes = ("Expressway-Service-area", "airplane", "airplane", "ship")
    for split, folder, number in (("train", "trainval", 1), ("val", "trainval", 5863), ("test", "test", 11726)):
        name = f"{number:05d}"
        placed = things(f"dior{name}", 4, 120, 60)
        save(picture(placed, 120, 60), root / f"JPEGImages-{folder}/{name}.jpg")
        objects = [(kind, thing.xyxy) for kind, thing in zip(classes, placed, strict=True)]
        write_text(root / f"Annotations/Horizontal Bounding Boxes/{name}.xml", _voc(name, objects, 120, 60))
        write_text(root / f"ImageSets/Main/{split}.txt", name + "\n")


def hrrsd(root: Path) -> None:
    root = root / "OPT2017"
    extra = "<pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>"
    for split, number in (("train", 1), ("val", 2), ("test", 3)):
        name = f"{number:05d}"
        placed = things(f"hrrsd{name}", 2, 80, 60)
        save(picture(placed, 80, 60), root / f"JPEGImages/{name}.jpg")
        objects = [("T junction", placed[0].xyxy), ("storage tank", placed[1].xyxy)]
        write_text(root / f"Annotations/{name}.xml", _voc(name, objects, 80, 60, extra))
        write_text(root / f"ImageSets/Main/{split}.txt", name + "\n")


def dota(root: Path) -> None:
    for split, name in (("train", "P0001"), ("val", "P0003")):
        placed = things(f"dota{name}", 3, 96, 64)
        save(picture(placed, 96, 64), root / f"{split}/images/{name}.png")
        lines = ["imagesource:GoogleEarth", "gsd:0.146"]
        for place, (kind, thing) in enumerate(zip(("large-vehicle", "large-vehicle", "ship"), placed, strict=True)):
            x1, y1, x2, y2 = (float(value) for value in thing.xyxy)
            middle = (x1 + x2) / 2, (y1 + y2) / 2
            corners = (middle[0], y1, x2, middle[1], middle[0], y2, x1, middle[1])  # a square turned by 45 degrees
            difficult = "" if place == 2 else f" {place}"
            lines.append(" ".join(str(value) for value in corners) + f" {kind}{difficult}")
        write_text(root / f"{split}/labelTxt/{name}.txt", "\r\n".join(lines) + "\r\n")


MAKERS = {
    "flickr30k": flickr30k,
    "textcaps": textcaps,
    "image2paragraph": image2paragraph,
    "cc3m": cc3m,
    "rsicd": rsicd,
    "rsitmd": rsitmd,
    "ucm-captions": ucm_captions,
    "dior": dior,
    "hrrsd": hrrsd,
    "dota": dota,
}
