import random

import pytest

from flamingo_lib.scenes.changes import check_change, curt_change, describe_change
from flamingo_lib.scenes.graph import CHANGES, Change, Scene, edit_scene


def pairs(scenes):
    generator = random.Random(3)
    for kind in CHANGES:
        for scene in scenes[:200]:
            yield generator, scene, *edit_scene(scene, generator, kind)


def test_descriptions_of_a_change_are_true(scenes):
    for generator, before, after, change in pairs(scenes):
        for text in (describe_change(generator, change), curt_change(generator, change)):
            assert check_change(before, after, text).ok, text


def test_descriptions_of_another_change_are_false(scenes):
    for generator, before, after, change in pairs(scenes):
        _, other = edit_scene(before, generator)
        if (other.kind, other.subject.pair) == (change.kind, change.subject.pair):
            continue
        assert not check_change(before, after, describe_change(generator, other)).ok
        assert not check_change(before, after, describe_change(generator, None)).ok


def test_no_change_is_told_as_such(scene):
    generator = random.Random(0)
    for _ in range(20):
        assert check_change(scene, scene, describe_change(generator, None)).ok
        assert check_change(scene, scene, curt_change(generator, None)).ok


def moved(scene: Scene) -> tuple[Scene, Change]:
    return edit_scene(scene, random.Random(1), "moved")


@pytest.mark.parametrize("text", ["", "I would be happy to help!", "What a nice picture.", "Is the circle gone?"])
def test_text_that_tells_nothing_is_not_ok(scene, text):
    after, _ = moved(scene)
    report = check_change(scene, after, text)
    assert not report.told and not report.ok and report.false_claims == ()


def test_wrong_details_are_named(scene):
    after, change = moved(scene)
    item = change.after
    right = f"The {item.name()} moved to the {item.position}."
    assert check_change(scene, after, right).ok
    elsewhere = "top right" if item.position != "top right" else "bottom left"
    assert check_change(scene, after, f"The {item.name()} moved to the {elsewhere}.").false_claims == ("where it is",)
    assert check_change(scene, after, f"The green cross moved to the {item.position}.").false_claims == ("green cross",)
    assert check_change(scene, after, f"The {item.name()} has turned green.").false_claims == (
        "something was recolored",
    )
