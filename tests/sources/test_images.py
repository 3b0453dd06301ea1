"""Pictures of every kind come out as upright 8-bit RGB, or as an error that says why not."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flamingo_lib.errors import DataError
from flamingo_lib.sources.images import LINK_TARGETS, ImageError, image_bytes, locate, open_image, probe, resolve

from .pictures import bomb_png

RED, BLUE = (200, 30, 40), (30, 60, 200)


def two_halves(width: int = 40, height: int = 20) -> Image.Image:
    """Left half red, right half blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def close(pixel, color, tolerance: int = 12) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(pixel, color, strict=True))


def test_exif_rotation_is_undone(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: what is stored must be rotated by 90 degrees clockwise
    two_halves().save(tmp_path / "turned.jpg", exif=exif, quality=95)
    image = open_image(tmp_path, "turned.jpg")
    assert image.size == probe(tmp_path, "turned.jpg") == (20, 40)
    assert close(image.getpixel((10, 5)), RED) and close(image.getpixel((10, 35)), BLUE)


def test_cmyk_palette_grey_and_one_bit(tmp_path: Path):
    two_halves().convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    assert close(open_image(tmp_path, "cmyk.jpg").getpixel((5, 5)), RED, 30)
    two_halves().quantize(8).save(tmp_path / "palette.png")
    assert close(open_image(tmp_path, "palette.png").getpixel((35, 5)), BLUE)
    Image.new("L", (4, 4), 77).save(tmp_path / "grey.png")
    assert open_image(tmp_path, "grey.png").getpixel((1, 1)) == (77, 77, 77)
    Image.new("1", (4, 4), 1).save(tmp_path / "bit.png")
    assert open_image(tmp_path, "bit.png").getpixel((1, 1)) == (255, 255, 255)
    assert all(open_image(tmp_path, path.name).mode == "RGB" for path in tmp_path.iterdir())


@pytest.mark.parametrize("mode", ["I;16", "I"])
def test_sixteen_bits_keep_their_shades(tmp_path: Path, mode):
    ramp = np.linspace(0, 65535, 16).astype(np.uint16).reshape(1, 16)
    image = Image.fromarray(ramp) if mode == "I;16" else Image.fromarray(ramp.astype(np.int32))
    name = "deep.png" if mode == "I;16" else "deep.tif"
    image.save(tmp_path / name)
    shades = np.asarray(open_image(tmp_path, name))[0, :, 0]
    assert shades[0] == 0 and shades[-1] == 255
    assert np.all(np.diff(shades.astype(int)) == 17)


def test_float_pictures(tmp_path: Path):
    Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)).save(tmp_path / "float.tif")
    assert [open_image(tmp_path, "float.tif").getpixel((x, 0))[0] for x in range(3)] == [0, 128, 255]


def test_transparency_lies_on_white(tmp_path: Path):
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert open_image(tmp_path, "clear.png").getpixel((2, 2)) == (255, 255, 255)
    palette = two_halves(4, 4).quantize(4)
    palette.save(tmp_path / "hole.gif", transparency=palette.getpixel((0, 0)))
    assert open_image(tmp_path, "hole.gif").getpixel((0, 0)) == (255, 255, 255)


def test_animation_shows_its_first_frame(tmp_path: Path):
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, BLUE)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:], duration=50)
    assert close(open_image(tmp_path, "moving.gif").getpixel((4, 4)), RED)
    assert probe(tmp_path, "moving.gif") == (8, 8)


@pytest.mark.parametrize("name", ["cut.jpg", "cut.png", "cut.gif", "cut.tif", "cut.webp"])
def test_a_truncated_picture_is_an_error_in_probe_and_open(tmp_path: Path, name):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    whole = tmp_path / f"whole.{name.split('.')[1]}"
    noise.save(whole)
    (tmp_path / name).write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert probe(tmp_path, whole.name) == (64, 64)
    for work in (open_image, probe):
        with pytest.raises(ImageError, match=r"truncated|broken|not an image"):
            work(tmp_path, name)


def test_bytes_after_the_end_do_no_harm(tmp_path: Path):
    two_halves().save(tmp_path / "more.jpg")
    with open(tmp_path / "more.jpg", "ab") as file:
        file.write(b"\0\0 written by a camera")
    assert probe(tmp_path, "more.jpg") == open_image(tmp_path, "more.jpg").size == (40, 20)


def test_missing_empty_enormous_and_other_files(tmp_path: Path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "page.jpg").write_text("<html>404</html>")
    (tmp_path / "large.png").write_bytes(bomb_png(3000, 2000))
    cases = {
        "nowhere.jpg": "missing",
        "empty.jpg": "zero bytes",
        "page.jpg": "not an image",
        "large.png": "enormous: 3000 x 2000",
    }
    for name, message in cases.items():
        for work in (open_image, probe):
            with pytest.raises(ImageError, match=message):
                work(tmp_path, name, max_pixels=5_000_000)


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path):
    (tmp_path / "bomb.png").write_bytes(bomb_png(20_000, 20_000))
    with pytest.raises(ImageError, match="enormous"):
        open_image(tmp_path, "bomb.png", max_pixels=10**12)
    with pytest.raises(ImageError, match="enormous"):
        probe(tmp_path, "bomb.png")


@pytest.mark.parametrize("path", ["../secret.png", "a/../../secret.png", "/etc/hostname", "", "a\0b.png"])
def test_paths_that_leave_the_root_are_refused(tmp_path: Path, path):
    root = tmp_path / "root"
    root.mkdir()
    two_halves().save(tmp_path / "secret.png")
    with pytest.raises(ImageError, match=r"leaves the root|not a path"):
        open_image(root, path)


def test_links_that_leave_the_root_are_refused_and_others_are_not(tmp_path: Path, monkeypatch):
    root = tmp_path / "root"
    root.mkdir()
    two_halves().save(tmp_path / "secret.png")
    two_halves().save(root / "mine.png")
    (root / "out.png").symlink_to(tmp_path / "secret.png")
    (root / "in.png").symlink_to(root / "mine.png")
    with pytest.raises(ImageError, match="leaves the root"):
        open_image(root, "out.png")
    assert open_image(root, "in.png").size == (40, 20)
    monkeypatch.setenv("FLAMINGO_IMAGE_ROOTS", f"/nowhere{os.pathsep}{tmp_path}")
    assert open_image(root, "out.png").size == (40, 20)
    with pytest.raises(ImageError, match="leaves the root"):
        open_image(root, "../secret.png")
    assert resolve(root, "mine.png") == (root / "mine.png").resolve()


def test_zip_members(tmp_path: Path):
    two_halves().save(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "some folder/a.png")
        archive.writestr("empty.png", b"")
    assert (
        open_image(tmp_path, "set.zip@some folder/a.png").size
        == probe(tmp_path, "set.zip@some folder/a.png")
        == (40, 20)
    )
    for place, message in (
        ("set.zip@b.png", "missing from its archive"),
        ("set.zip@empty.png", "zero bytes"),
        ("no.zip@a.png", "no such container"),
    ):
        with pytest.raises(DataError, match=message):
            open_image(tmp_path, place)
    (tmp_path / "bad.zip").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="archive is broken"):
        open_image(tmp_path, "bad.zip@a.png")


def test_plain_files_go_before_members_of_archives(tmp_path: Path):
    for name in ("train@2x.png", "test@home/2.png", "pages.zip@old/3.png", "set.zip@a.png", "meta@1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        two_halves().save(tmp_path / name, "PNG")
        assert open_image(tmp_path, name).size == probe(tmp_path, name) == (40, 20)
        assert locate(tmp_path, name) == ((tmp_path / name).resolve(), "")


def test_members_of_archives_below_folders_with_a_sign(tmp_path: Path):
    (tmp_path / "at@home").mkdir()
    two_halves().save(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "at@home/set.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "b@2x.png")
    assert open_image(tmp_path, "at@home/set.zip@b@2x.png").size == (40, 20)
    assert image_bytes(tmp_path, "at@home/set.zip@b@2x.png") == (tmp_path / "a.png").read_bytes()
    with pytest.raises(ImageError, match="the image is missing.*train@3x.png"):
        open_image(tmp_path, "train@3x.png")


def test_a_link_out_names_the_variable_and_a_path_out_does_not(tmp_path: Path):
    (tmp_path / "root").mkdir()
    two_halves().save(tmp_path / "out.png")
    (tmp_path / "root/link.png").symlink_to(tmp_path / "out.png")
    with pytest.raises(ImageError, match=f"{LINK_TARGETS}={tmp_path}"):
        open_image(tmp_path / "root", "link.png")
    with pytest.raises(ImageError) as told:
        open_image(tmp_path / "root", "../out.png")
    assert LINK_TARGETS not in str(told.value)


def test_a_spoilt_member_of_an_archive_is_an_error_of_its_own(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.bmp")
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "a.bmp", "a.bmp")
    raw = bytearray((tmp_path / "set.zip").read_bytes())
    for damage in (b"\xff" * 40, bytes(40)):
        raw[60:100] = damage
        (tmp_path / "set.zip").write_bytes(raw)
        with pytest.raises(DataError, match="truncated or broken.*set.zip, record a.bmp"):
            open_image(tmp_path, "set.zip@a.bmp")


def test_links_in_a_circle_folders_and_odd_names(tmp_path: Path):
    (tmp_path / "a.png").symlink_to(tmp_path / "b.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "folder.png").mkdir()
    for name in ("a.png", "folder.png", "x" * 5000, "\ud83d.png"):
        for work in (open_image, probe, image_bytes):
            with pytest.raises(ImageError):
                work(tmp_path, name)
