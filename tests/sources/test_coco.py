"""COCO captions in bulk: the fast reader says what a plain loop over the file says, whatever the ids and the captions
look like.
"""

from __future__ import annotations

import json
import random
from dataclasses import FrozenInstanceError

import pytest

from flamingo_lib.records import Sample, from_json, to_json
from flamingo_lib.sources.formats import coco

WORDS = ["a", "man", "red  horse", "two\tdogs", "caf\u00e9", "wide\u2003road", "\U0001f600", "tree", "\n", "\x0b"]

IDS = {
    "small": lambda number: number,
    "spread": lambda number: number * 2**40 - 2**50,
    "over 64 bits": lambda number: 2**63 + number,
    "text": lambda number: f"image {number}",
    "mixed": lambda number: number if number % 3 else f"image {number}",
}


def captions_of(draw: random.Random, name, images: int) -> list[dict]:
    """Captions in any order, some blank, some twice, some of images that nobody lists."""
    captions = []
    for number in range(images * 5):
        text = " ".join(draw.choices(WORDS, k=draw.randint(0, 3))) + draw.choice(["", "", " ", "\n"])
        captions.append({"image_id": name(draw.randrange(images + 1)), "id": number, "caption": text})
    return captions


def expected(content: dict) -> dict:
    """Image id -> its captions in the file's order, with single spaces, each once; images without any are left out."""
    found: dict = {image["id"]: [] for image in content["images"]}
    for record in content["annotations"]:
        text = " ".join(record["caption"].split())
        if record["image_id"] in found and text and text not in found[record["image_id"]]:
            found[record["image_id"]].append(text)
    return {image: texts for image, texts in found.items() if texts}


@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("images", [1, 7, 2_500])
def test_captions_are_those_of_a_plain_loop(tmp_path, read, kind, images):
    draw = random.Random(f"{kind} {images}")
    listed = [
        {"id": IDS[kind](number), "file_name": f"{number}.jpg", "width": 9, "height": 9} for number in range(images)
    ]
    draw.shuffle(listed)
    content = {"images": listed, "annotations": captions_of(draw, IDS[kind], images)}
    (tmp_path / "annotations").mkdir()
    for ascii_only in (True, False):
        (tmp_path / "annotations/captions_train2014.json").write_text(
            json.dumps(content, ensure_ascii=ascii_only), encoding="utf-8"
        )
        samples, aside = read("mscoco-captions", tmp_path, "train", check_images=False)
        wanted = expected(content)
        assert [(sample.meta["image_id"], list(sample.meta["captions"])) for sample in samples] == list(wanted.items())
        assert [sample.raw for sample in samples] == ["\n".join(texts) for texts in wanted.values()]
        known = {image["id"] for image in listed}
        blank = sum(record["image_id"] in known and not record["caption"].strip() for record in content["annotations"])
        reasons = [entry["reason"] for entry in aside]
        assert reasons.count("empty annotation: a caption without text") == blank
        assert reasons.count("empty annotation: no caption") == images - len(wanted)
        strays = {record["image_id"] for record in content["annotations"]} - known
        assert len(aside) == blank + images - len(wanted) + len(strays)


@pytest.mark.parametrize(
    ("texts", "indices"),
    [
        ([], []),
        ([""], [0]),
        (["a b", "c"], []),
        (["a  b", "c", "", "d\te", "f g"], [0, 2, 3]),
        (["", "", "a", "\x00"], [0, 1, 3]),
        (["a\u2003b", "b", "c\u00a0d", "\u3000"], [0, 2, 3]),
        (["\u00e9  b", "caf\u00e9", "x\ny\nz", "\ud83d"], [0, 2]),
    ],
)
def test_untidy_captions_are_found_at_their_indices(texts, indices):
    assert coco._untidy(texts) == indices


def test_a_caption_given_twice_by_one_image_only_counts_for_that_image(tmp_path, read):
    texts = {1: ["Same words.", "Other words.", "Same words."], 2: ["Same words.", "More words."]}
    content = {
        "images": [{"id": image, "file_name": f"{image}.jpg"} for image in texts],
        "annotations": [{"image_id": image, "caption": text} for image, given in texts.items() for text in given],
    }
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/captions_val2014.json").write_text(json.dumps(content))
    samples, _ = read("mscoco-captions", tmp_path, "val", check_images=False)
    assert [sample.raw for sample in samples] == ["Same words.\nOther words.", "Same words.\nMore words."]


def test_samples_are_whole_and_cannot_be_written(samples_root, read):
    sample = read("mscoco-captions", samples_root / "mscoco-captions", "train")[0][0]
    assert type(sample) is Sample
    assert to_json(from_json(Sample, to_json(sample))) == to_json(sample)
    with pytest.raises(FrozenInstanceError):
        sample.raw = "other"
    with pytest.raises(TypeError):
        sample.meta["split"] = "other"
