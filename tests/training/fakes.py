"""A chat template over characters, so that what a window holds can be read as text."""

from dataclasses import dataclass
from types import SimpleNamespace

SYSTEM = "S:"
IMAGE = "@"


@dataclass(frozen=True)
class Turn:
    instruction: str
    response: str | None = None
    images: int = 0
    draft: str | None = None


class CharTemplate:
    """`[@@instruction>response$` a turn; ids are code points; text after a turn's image looks at the latest one."""

    def render(self, turns, *, system=True, generation_prompt=False):
        ids, mask, attended, owner, images = [], [], [], [], 0
        if system:
            ids, mask, attended, owner = [ord(c) for c in SYSTEM], [False] * 2, [0] * 2, [0] * 2
        for number, turn in enumerate(turns, start=1):
            before = images
            for character in "[" + IMAGE * turn.images + turn.instruction + ">":
                images += character == IMAGE
                ids.append(ord(character))
                mask.append(False)
                attended.append(images if images > before else 0)
            for character in turn.response + "$":
                ids.append(ord(character))
                mask.append(True)
                attended.append(images if images > before else 0)
            owner += [number] * (len(ids) - len(owner))
        return SimpleNamespace(ids=ids, loss_mask=mask, attended=attended, turn=owner, n_images=images)


def text(ids):
    return "".join(chr(int(i)) for i in ids)
