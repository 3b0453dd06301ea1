"""Polite samples and annotations of the Scenes world, without pictures."""

import random

import pytest

from flamingo_lib.records import Sample, Turn
from flamingo_lib.scenes.annotations import caption
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.scenes.language import conversation, paragraph, text_dialogue
from flamingo_lib.scenes.questions import ask


def make_samples(scenes: int, texts: int) -> list[Sample]:
    """A detailed description and a conversation a scene, and text-only dialogues of one or two turns."""
    samples = []
    for index in range(scenes):
        generator = random.Random(f"samples/{index}")
        scene = draw_scene(11, f"scene-{index}")
        images = (f"train2017/{index:012d}.jpg",)
        samples.append(
            Sample(
                f"llava-instruct/detail/{index}",
                "llava-instruct",
                "instruction",
                images,
                "Describe the image in detail.",
                paragraph(generator, scene),
            )
        )
        turns = tuple(Turn(*turn) for turn in conversation(generator, scene, [ask(scene, generator) for _ in range(2)]))
        first = turns[0]
        samples.append(
            Sample(
                f"llava-instruct/conversation/{index}",
                "llava-instruct",
                "instruction",
                images,
                first.instruction,
                first.response,
                turns=turns,
            )
        )
    for index in range(texts):
        generator = random.Random(f"texts/{index}")
        turns = tuple(Turn(*text_dialogue(generator)[:2]) for _ in range(1 + index % 2))
        first = turns[0]
        samples.append(
            Sample(
                f"ultrachat/train/{index}",
                "ultrachat",
                "instruction",
                (),
                first.instruction,
                first.response,
                turns=turns if index % 2 else (),
            )
        )
    return samples


def make_captions(scenes: int) -> list[Sample]:
    """The same scenes as a captioning set under the names of another COCO release, captions and boxes apart."""
    samples = []
    for index in range(scenes):
        scene = draw_scene(11, f"scene-{index}")
        captions = tuple(caption(random.Random(f"caption/{index}/{number}"), scene) for number in range(5))
        boxes = tuple(item.box() for item in scene.objects)
        image = f"train2014/COCO_train2014_{index:012d}.jpg"
        samples.append(
            Sample(
                f"mscoco-captions/train/{index}",
                "mscoco-captions",
                "caption",
                (image,),
                "Describe.",
                "\n".join(captions),
                boxes,
                meta={"captions": captions},
            )
        )
    return samples


@pytest.fixture(scope="session")
def polite_samples():
    return make_samples(120, 120)


@pytest.fixture(scope="session")
def caption_samples():
    return make_captions(120)
