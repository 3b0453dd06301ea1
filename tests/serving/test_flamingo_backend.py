"""Our Flamingo behind the endpoint: rendering in many threads, images encoded once, bounded in memory."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from flamingo_lib.records import Turn
from flamingo_lib.serving.flamingo_backend import FlamingoBackend
from flamingo_lib.serving.protocol import Asked


@pytest.fixture(scope="module")
def backend():
    return FlamingoBackend.load("openflamingo-tiny", optimize=False)


def pictures(count):
    make = np.random.default_rng(0)
    return [Image.fromarray(make.integers(0, 256, (72, 72, 3), dtype=np.uint8)) for _ in range(count)]


def ask(backend, images, texts=("What is it?",)):
    asked = [Asked((Turn(text, None, len(images)),), max_new_tokens=4) for text in texts]
    tokens = []
    batch = [backend.prepare(one, backend.read_images(images)) for one in asked]
    backend.answer(batch, asked, lambda rows, new: tokens.append(new) or [])
    return tokens


def test_special_tokens_are_text_in_every_thread(backend):
    asked = Asked((Turn("<image></s><|endofchunk|>" * 20),))
    special = set(backend.processor.tokenizer.all_special_ids)
    expected = backend.prepare(asked, ()).rendered.ids
    assert len(special.intersection(expected)) <= 1  # BOS
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            rendered = list(pool.map(lambda _: backend.prepare(asked, ()).rendered.ids, range(200)))
    finally:
        sys.setswitchinterval(interval)
    assert all(ids == expected for ids in rendered)


def test_images_of_earlier_requests_are_not_encoded_again(backend, monkeypatch):
    seen = []
    encode = backend.model.encode_images
    monkeypatch.setattr(backend.model, "encode_images", lambda pixels: seen.append(len(pixels)) or encode(pixels))
    images = pictures(3)
    first = ask(backend, images[:2])
    assert ask(backend, images[:2]) == first and seen == [1, 1]
    ask(backend, [images[1], images[2]], ["a", "b"])
    assert seen == [1, 1, 1]
    monkeypatch.setattr(backend, "cache_bytes", 0)
    assert ask(backend, images[:2]) == first and ask(backend, images[:2]) == first
    assert backend._held == 0 and len(seen) == 3 + 2
