"""Records and judges for the tests of the filters."""

import numpy as np

from flamingo_lib.records import Rewrite, Sample


def rewrite(
    output,
    raw="red",
    task="vqa",
    instruction="What color is it?",
    id="s/1",
    source="s",
    images=("a.png",),
    flags=(),
    meta=None,
):
    sample = Sample(id=id, source=source, task=task, images=images, instruction=instruction, raw=raw, meta=meta or {})
    return Rewrite(sample, output, flags)


class FakeNli:
    """Contradiction exactly where the original's last word is missing in the rewrite; counts its calls."""

    def __init__(self):
        self.seen = []

    def __call__(self, questions, originals, rewrites):
        self.seen.append(list(rewrites))
        there = [original.split()[-1] in text for original, text in zip(originals, rewrites, strict=True)]
        return np.array([[-1.0, 2.0, 0.0] if yes else [3.0, -2.0, 0.5] for yes in there]).reshape(-1, 3)


class FakeSts:
    """The share of the original's words in the rewrite."""

    def __call__(self, first, second):
        pairs = [(set(a.split()), set(b.split())) for a, b in zip(first, second, strict=True)]
        return np.array([len(a & b) / len(a) for a, b in pairs])


class FakeClip:
    """30 for paragraphs that hold the word "true", else 10."""

    def __call__(self, images, paragraphs):
        return [np.array([30.0 if "true" in paragraph else 10.0 for paragraph in some]) for some in paragraphs]


class FakeReward:
    """The number of words."""

    def __call__(self, instructions, responses):
        return np.array([float(len(response.split())) for response in responses])
