"""Judges that need no weights."""

import numpy as np

from flamingo_lib.judges.panel import Judges


def fake_nli(questions, originals, rewrites):
    """Entailment where the answer is said, else contradiction."""
    hits = [original.lower() in rewrite.lower() for original, rewrite in zip(originals, rewrites, strict=True)]
    return np.array([[0.0, 1.0, -1.0] if hit else [1.0, 0.0, -1.0] for hit in hits]).reshape(-1, 3)


def fake_reward(instructions, responses):
    """The number of words."""
    return np.array([len(text.split()) for text in responses], np.float32)


def fake_sts(first, second):
    """The share of common words."""
    pairs = [(set(a.lower().split()), set(b.lower().split())) for a, b in zip(first, second, strict=True)]
    return np.array([len(a & b) / max(1, len(a | b)) for a, b in pairs])


def fake_clip(images, texts):
    """The number of images, for each paragraph."""
    return [np.full(len(text), float(len(group))) for group, text in zip(images, texts, strict=True)]


JUDGES = Judges(sts=fake_sts, nli=fake_nli, reward=fake_reward, clip=fake_clip)


class FakeGenerator:
    """Answers every chat with its instruction's length, or with a fixed text; counts what it was asked.

    Attributes:
        fail_after: raise after so many batches, as a killed run.
    """

    def __init__(self, text="", fail_after=None):
        self.text, self.fail_after, self.batches, self.chats = text, fail_after, 0, []
        self.open_image = str
        self.opened = 0

    def __call__(self, chats, images, *, description="answering"):
        if self.fail_after is not None and self.batches >= self.fail_after:
            raise KeyboardInterrupt
        self.batches += 1
        self.chats += chats
        for row in images:
            for key in row:
                assert self.open_image(key).mode == "RGB"
                self.opened += 1
        asked = [chat if isinstance(chat, str) else chat[-1].instruction for chat in chats]
        return [self.text or f"A text of {len(text)} signs." for text in asked]

    def complete(self, prompts, images, *, description="answering"):
        return self(prompts, images)

    def forget_images(self):
        """Nothing is kept."""
