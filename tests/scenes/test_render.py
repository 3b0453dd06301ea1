import colorsys
from itertools import pairwise

import numpy as np
from PIL import Image

from flamingo_lib.scenes.graph import COLORS, SHAPES, Scene, SceneObject, draw_scene
from flamingo_lib.scenes.render import RGB, contact_sheet, render, render_array


def alone(shape: str, color: str, size: str = "large") -> Scene:
    return Scene("one", (SceneObject(shape, color, size, 4, 0.49, 0.51, 0.13 if size == "large" else 0.08),))


def painted(scene: Scene, size: int = 224) -> np.ndarray:
    """Where the picture has the object's hue or darkness: a mask found in the pixels, not from the drawing code."""
    pixels = np.asarray(render(scene, size), dtype=float)
    empty = np.asarray(render(Scene("empty", (), scene.background), size), dtype=float)
    wanted = np.array(RGB[scene.objects[0].color], dtype=float)
    return np.abs(pixels - wanted).sum(-1) < np.abs(pixels - empty).sum(-1)


def test_boxes_enclose_what_is_drawn():
    for shape in SHAPES:
        scene = alone(shape, "red")
        rows, columns = np.nonzero(painted(scene))
        box = scene.objects[0].box()
        found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / 224
        assert np.abs(found - [box.x1, box.y1, box.x2, box.y2]).max() < 2.2 / 224, shape


def test_shapes_cover_different_areas():
    areas = {shape: painted(alone(shape, "blue")).sum() for shape in SHAPES}
    assert areas["square"] > areas["ring"] > areas["star"]
    assert areas["circle"] > areas["triangle"]
    assert not painted(alone("ring", "blue"))[int(0.51 * 224), int(0.49 * 224)]


def test_colors_are_told_apart_by_hue():
    def hue(color: str) -> float:
        pixel = np.asarray(render(alone("square", color)), dtype=float)[int(0.51 * 224), int(0.49 * 224)] / 255
        return colorsys.rgb_to_hsv(*pixel)[0] if color != "black" else -1.0

    hues = sorted(hue(color) for color in COLORS)
    assert min(b - a for a, b in pairwise(hues)) > 0.03


def test_edges_are_antialiased_and_shadows_are_soft():
    scene = alone("square", "black")
    shades = np.unique(np.asarray(render(scene).convert("L")))
    assert len(shades) > 40
    empty = np.asarray(render(Scene("empty", (), scene.background)).convert("L"), dtype=int)
    darker = empty - np.asarray(render(scene).convert("L"), dtype=int)
    box = scene.objects[0].box()
    below, beside = round(box.y2 * 224) + 2, round(box.x1 * 224) - 5
    assert darker[below, 112] > 5
    assert darker[112, beside] < 4


def test_pictures_are_deterministic_and_sized():
    scene = draw_scene(0, "a")
    assert render(scene, 100).size == (100, 100)
    assert np.array_equal(np.asarray(render(scene)), np.asarray(render(scene)))


def test_the_model_sees_the_scaled_picture(scenes):
    for scene in scenes[:5]:
        array = render_array(scene)
        assert array.shape == (72, 72, 3) and array.dtype == np.uint8
        assert np.array_equal(array, np.asarray(render(scene, 224).resize((72, 72), Image.Resampling.BICUBIC)))


def test_a_contact_sheet_has_all_scenes(scenes):
    sheet = contact_sheet(scenes[:5], columns=3, size=40, gap=4)
    assert sheet.size == (3 * 44 + 4, 2 * 44 + 4)
