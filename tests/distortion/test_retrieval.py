"""Captions and boxes as the draft of a description."""

from dataclasses import replace

from flamingo_lib.distortion.retrieval import image_key, index_descriptions, is_description, retrieve
from flamingo_lib.records import Box, Sample, Turn
from flamingo_lib.sources.boxes import BOX_PREAMBLE, captions_and_boxes

BOXES = (Box("red circle", 0.1, 0.2, 0.3, 0.45678),)


def captioned(image, captions, boxes=(), meta=True):
    raw = captions_and_boxes(captions, boxes)
    return Sample(
        f"s/train/{image}",
        "s",
        "caption",
        (image,),
        "Describe.",
        raw,
        boxes,
        meta={"captions": captions} if meta else {},
    )


def test_releases_of_coco_share_their_images():
    names = (
        "train2014/COCO_train2014_000000000042.jpg",
        "train2017/000000000042.jpg",
        "images/COCO_val2014_000000000042.jpg",
        "000000000042.png",
    )
    assert {image_key(name) for name in names} == {"coco:42"}
    assert image_key("VG_100K/42.jpg") == "VG_100K/42.jpg" and image_key("42.jpg") == "42.jpg"


def test_the_draft_is_captions_then_boxes_under_the_preamble():
    index = index_descriptions(
        [captioned("train2014/COCO_train2014_000000000042.jpg", ("a red circle", "one circle"), BOXES)]
    )
    assert (
        retrieve("train2017/000000000042.jpg", index)
        == f"a red circle\none circle\n\n{BOX_PREAMBLE}\nred circle: [0.100, 0.200, 0.300, 0.457]"
    )
    assert retrieve("train2017/000000000043.jpg", index) == ""
    assert retrieve("a.jpg", {"a.jpg": (("a dog",), ())}) == "a dog"


def test_captions_are_read_from_the_draft_and_joined_over_sets():
    index = index_descriptions(
        [
            captioned("000000000001.jpg", ("one", "two"), BOXES, meta=False),
            captioned("000000000001.jpg", ("two", "three")),
        ]
    )
    assert index["coco:1"] == (("one", "two", "three"), BOXES)


def test_only_detailed_descriptions_of_one_image_are_retrieved_for(polite_samples):
    detail = next(sample for sample in polite_samples if "/detail/" in sample.id)
    assert is_description(detail)
    assert not is_description(replace(detail, id="llava-instruct/conversation/1"))
    assert not is_description(replace(detail, images=()))
    assert not is_description(replace(detail, turns=(Turn("a", "b"), Turn("c", "d"))))
