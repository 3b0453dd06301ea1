import random

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.scenes.changes import find_change
from flamingo_lib.scenes.graph import CHANGES, COLORS, HELD_OUT_PAIRS, SHAPES, Scene, draw_scene, edit_scene


def valid(scene: Scene) -> bool:
    inside = all(
        item.cell == int(item.cy * 3) * 3 + int(item.cx * 3)
        and int(item.box().x1 * 3) == int(item.box().x2 * 3) == item.column
        and int(item.box().y1 * 3) == int(item.box().y2 * 3) == item.row
        for item in scene.objects
    )
    apart = (
        len({item.cell for item in scene.objects}) == len({item.pair for item in scene.objects}) == len(scene.objects)
    )
    return inside and apart and 1 <= len(scene.objects) <= 4


def test_objects_lie_inside_cells_of_their_own(scenes):
    assert all(valid(scene) for scene in scenes)


def test_a_scene_depends_on_its_seed_and_id_alone():
    assert draw_scene(0, "a") == draw_scene(0, "a")
    assert draw_scene(0, "a").objects != draw_scene(0, "b").objects
    assert draw_scene(0, "a").objects != draw_scene(1, "a").objects


def test_held_out_pairs_occur_in_held_out_scenes_only(scenes):
    for scene in scenes:
        pairs = [item.pair for item in scene.objects if item.pair in HELD_OUT_PAIRS]
        assert len(pairs) == (1 if scene.held_out else 0)
        assert scene.focus == (tuple(item for item in scene.objects if item.pair in HELD_OUT_PAIRS) or scene.objects)


def test_every_shape_and_color_also_occurs_held_in(scenes):
    seen = [item for scene in scenes if not scene.held_out for item in scene.objects]
    assert {item.shape for item in seen} == set(SHAPES)
    assert {item.color for item in seen} == set(COLORS)


def test_scenes_travel_through_json(scenes):
    assert all(Scene.from_json(scene.to_json()) == scene for scene in scenes[:50])


@pytest.mark.parametrize(
    "values", [{}, {"id": "x", "objects": [{"shape": "ring"}], "background": [1, 2, 3], "held_out": False}]
)
def test_a_broken_scene_is_refused(values):
    with pytest.raises(DataError, match="not a scene"):
        Scene.from_json(values)


@pytest.mark.parametrize("kind", CHANGES)
def test_an_edit_changes_one_thing_and_keeps_the_scene_valid(scenes, kind):
    generator = random.Random(0)
    done = 0
    for scene in scenes:
        after, change = edit_scene(scene, generator, kind)
        assert valid(after)
        assert find_change(scene, after) == change
        assert len(set(scene.objects) ^ set(after.objects)) == (1 if change.kind in ("added", "removed") else 2)
        done += change.kind == kind
    assert done > len(scenes) / 2


def test_an_unknown_edit_is_refused(scene):
    with pytest.raises(DataError, match="no change"):
        edit_scene(scene, random.Random(0), "melted")
