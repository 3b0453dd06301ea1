"""The image loader: the same pixels by every form, bounds before any decoding, and reasons that say what a file is."""

from __future__ import annotations

import io
import resource
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flamingo_lib.errors import DataError
from flamingo_lib.images import MAX_SIDE, ImageError, crop_to_ratio, describe_content, image_size, load_image

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8))
RAMP = np.linspace(0, 65535, 2400).reshape(40, 60).astype(np.uint16)


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def save_rgba(path: Path) -> None:
    clear = np.zeros((40, 60, 4), np.uint8)
    clear[..., 0], clear[10:30, 10:50, 3] = 200, 255
    Image.fromarray(clear, "RGBA").save(path)


FORMS = {
    "plain.png": lambda path: NOISE.save(path),
    "rgba.png": save_rgba,
    "palette.png": lambda path: NOISE.quantize(8).save(path, transparency=0),
    "hole.gif": lambda path: NOISE.quantize(8).save(path, transparency=0),
    "key.png": lambda path: NOISE.save(path, transparency=NOISE.getpixel((0, 0))),
    "grey_key.png": lambda path: NOISE.convert("L").save(path, transparency=7),
    "deep.png": lambda path: Image.fromarray(RAMP).save(path),
    "deep_key.png": lambda path: Image.fromarray(RAMP).save(path, transparency=int(RAMP[0, 5])),
    "deep.tif": lambda path: Image.fromarray(RAMP.astype(np.int32)).save(path),
    "float.tif": lambda path: Image.fromarray((RAMP / 65535).astype(np.float32)).save(path),
    "turned.jpg": lambda path: NOISE.save(path, exif=turned()),
    "turned.png": lambda path: NOISE.save(path, exif=turned()),
    "cmyk.jpg": lambda path: NOISE.convert("CMYK").save(path),
    "la.png": lambda path: Image.new("LA", (60, 40), (120, 0)).save(path),
    "bit.png": lambda path: NOISE.convert("1").save(path),
    "shades.webp": lambda path: NOISE.convert("RGBA").save(path, lossless=True),
}


@pytest.mark.parametrize("name", FORMS)
def test_path_bytes_and_opened_image_give_the_same_pixels(tmp_path: Path, name):
    path = tmp_path / name
    FORMS[name](path)
    by_path = load_image(path)
    assert by_path.mode == "RGB" and by_path.size == ((40, 60) if "turned" in name else (60, 40))
    with open(path, "rb") as file:
        assert image_size(file, name) == by_path.size
    for other in (str(path), path.read_bytes(), Image.open(path)):
        assert np.array_equal(np.asarray(load_image(other)), np.asarray(by_path))


def test_transparent_is_white_and_deep_shades_are_scaled(tmp_path: Path):
    assert load_image(Image.new("LA", (2, 2), (120, 0))).getpixel((0, 0)) == (255, 255, 255)
    assert load_image(Image.new("La", (2, 2), (0, 0))).getpixel((0, 0)) == (255, 255, 255)
    Image.fromarray(RAMP).save(tmp_path / "key.png", transparency=0)
    assert load_image(tmp_path / "key.png").getpixel((0, 0)) == (255, 255, 255)
    shades = np.asarray(load_image(Image.fromarray(RAMP)))[..., 0]
    assert shades.min() == 0 and shades.max() == 255 and len(np.unique(shades)) == 256
    large = np.asarray(load_image(Image.fromarray((RAMP.astype(np.int32) * 1000)[:, :30])))[..., 0]
    assert large.max() == 255 and len(np.unique(large)) > 150


def test_sixteen_bit_colors_with_a_transparent_one(tmp_path: Path):
    """Pillow keeps 8 of the 16 bits of each shade, and all 16 of the transparent color."""
    rows = b"".join(b"\0" + struct.pack(">6H", 0x1234, 0x5678, 0x9ABC, 0xFFFF, 0, 0) for _ in range(2))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    (tmp_path / "deep.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0))
        + chunk(b"tRNS", struct.pack(">3H", 0x1234, 0x5678, 0x9ABC))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    image = load_image(tmp_path / "deep.png")
    assert image.getpixel((0, 0)) == (255, 255, 255) and image.getpixel((1, 1)) == (255, 0, 0)


def test_an_rgb_image_is_returned_itself_and_arrays_are_taken():
    assert load_image(NOISE) is NOISE
    assert np.array_equal(np.asarray(load_image(np.asarray(NOISE))), np.asarray(NOISE))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((4, 4), np.uint8), "shape"),
        (np.zeros((4, 4, 3), np.float32), "float32"),
        (np.full((4, 4, 3), np.nan, np.float32), "NaN"),
        (7, "not an image: int"),
        (b"", "not an image"),
        ("nowhere.png", "missing.*nowhere.png"),
        ("a\0b", "not a path"),
        (Image.fromarray(np.full((2, 2), np.inf, np.float32)), "NaN or Inf"),
    ],
)
def test_what_is_no_image_is_refused_with_its_reason(given, message):
    with pytest.raises(DataError, match=message):
        load_image(given)


def broken_middle() -> bytes:
    """A PNG with a whole head, a whole end and right checksums around a spoilt stream."""
    buffer = io.BytesIO()
    NOISE.save(buffer, "PNG")
    raw = bytearray(buffer.getvalue())
    start = raw.index(b"IDAT")
    (length,) = struct.unpack(">I", raw[start - 4 : start])
    raw[start + 400 : start + 1000] = bytes(600)
    raw[start + 4 + length : start + 8 + length] = struct.pack(">I", zlib.crc32(bytes(raw[start : start + 4 + length])))
    return bytes(raw)


def test_an_image_broken_in_the_middle_is_found_by_size_and_load(tmp_path: Path):
    path = tmp_path / "middle.png"
    path.write_bytes(broken_middle())
    for work in (
        lambda: load_image(path),
        lambda: image_size(io.BytesIO(path.read_bytes()), path),
        lambda: load_image(Image.open(path)),
    ):
        with pytest.raises(ImageError, match=r"truncated or broken.*middle.png"):
            work()


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
def test_damaged_files_of_every_format_load_or_raise_an_image_error(fmt):
    buffer = io.BytesIO()
    NOISE.save(buffer, fmt)
    whole, random = buffer.getvalue(), np.random.default_rng(0)
    for _ in range(40):
        data = bytearray(whole)
        for at in random.integers(0, len(data), 8):
            data[at] = random.integers(0, 256)
        for work in (load_image, lambda data: image_size(io.BytesIO(data), "x")):
            try:
                work(bytes(data))
            except ImageError as error:
                assert "x" in str(error) or "image bytes" in str(error)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "Git LFS pointer"),
        (b"\xef\xbb\xbf <!DOCTYPE html><html>", "HTML page"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript|EPS"),
        (b"PK\x03\x04rest", "ZIP"),
        (b'{"error": "not found"}', "JSON"),
        (bytes(100), "zeros"),
        ("\ufeff[1]".encode("utf-16-le"), "UTF-16 text"),
        (b"Not found\n", "a text file"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "HEIC"),
        (bytes(range(128, 255)), "not an image that can be read"),
    ],
)
def test_what_stands_in_place_of_an_image_is_named(tmp_path: Path, content, words):
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(
        ImageError, match=rf"not an image.*({words}).*photo.jpg|not an image.*photo.jpg|({words})"
    ) as told:
        load_image(tmp_path / "photo.jpg")
    assert any(word in str(told.value) for word in words.split("|"))


def test_describe_content_knows_nothing_of_an_image():
    buffer = io.BytesIO()
    NOISE.save(buffer, "JPEG")
    assert describe_content(buffer.getvalue()[:1024]) == ""


def test_a_link_to_nothing_and_an_empty_file(tmp_path: Path):
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "empty.png").touch()
    with pytest.raises(ImageError, match="link to a file that is not there"):
        load_image(tmp_path / "link.png")
    with pytest.raises(ImageError, match="zero bytes"):
        load_image(tmp_path / "empty.png")


def test_sides_and_pixels_are_bounded_in_every_form(tmp_path: Path):
    tall = Image.new("1", (1, MAX_SIDE + 1))
    tall.save(tmp_path / "tall.png")
    for given in (tall, tmp_path / "tall.png", (tmp_path / "tall.png").read_bytes()):
        with pytest.raises(ImageError, match="enormous.*a side over"):
            load_image(given)
    with pytest.raises(ImageError, match="enormous: 60 x 40"):
        load_image(NOISE, max_pixels=2000)


def test_crop_to_ratio_keeps_the_middle():
    band = Image.new("RGB", (1, 20_000), "red")
    band.paste("blue", (0, 9_990, 1, 10_010))
    middle = crop_to_ratio(band)
    assert middle.size == (1, 64) and middle.getpixel((0, 32)) == (0, 0, 255)
    assert crop_to_ratio(band.transpose(Image.Transpose.ROTATE_90)).size == (64, 1)
    assert crop_to_ratio(NOISE) is NOISE


CHILD = """
import resource, sys
from PIL import Image
from flamingo_lib.model.images import FlamingoImageProcessor
held = int(open("/proc/self/statm").read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (held + (1 << 30), resource.RLIM_INFINITY))
for name in sys.argv[1:]:
    pixels = FlamingoImageProcessor(size=336).pixels([name])
    assert pixels.shape == (1, 3, 336, 336) and float((pixels.amax((2, 3)) - pixels.amin((2, 3))).max()) < 0.05
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_AS") or not Path("/proc/self/statm").exists(), reason="needs Linux")
def test_a_line_of_pixels_takes_little_memory(tmp_path: Path):
    names = [str(tmp_path / "tall.png"), str(tmp_path / "wide.png")]
    for name, size in zip(names, ((1, 20_000), (20_000, 1)), strict=True):
        Image.new("RGB", size, "red").save(name)
    done = subprocess.run([sys.executable, "-c", CHILD, *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
