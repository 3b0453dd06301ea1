"""Images as plain files for training: marks drawn on, members of archives taken out."""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from ...records import Sample
from ...sources.images import image_bytes, locate, open_images
from ...training.examples import image_files
from ...training.packing.tokenized import Example


class PlainImages:
    """Turns the images of samples into files that anything can open.

    Args:
        root: the folder with one subfolder a dataset.
        folder: where images are put that need something drawn on them or lie in an archive.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder

    def files(self, sample: Sample) -> tuple[str, ...]:
        """The image files of `sample`, as it speaks of them."""
        root = self.root / sample.source
        if "mark" not in sample.meta and not any("@" in path and locate(root, path)[1] for path in sample.images):
            return image_files(self.root, sample.source, sample.images)
        key = self._key(sample)
        targets = [self.folder / f"{key}-{number}.png" for number in range(len(sample.images))]
        if not all(target.is_file() for target in targets):
            self.folder.mkdir(parents=True, exist_ok=True)
            for target, image in zip(targets, open_images(sample, root), strict=True):
                partial = target.with_suffix(f".{os.getpid()}.part")
                image.save(partial, "PNG")
                partial.replace(target)
        return tuple(map(str, targets))

    def _key(self, sample: Sample) -> str:
        """A hash of what decides the drawn pixels: the pictures' contents and the mark."""
        digest = blake2b(repr(sample.meta.get("mark")).encode(), digest_size=12)
        for path in sample.images:
            digest.update(blake2b(image_bytes(self.root / sample.source, path), digest_size=12).digest())
        return digest.hexdigest()

    def example(self, example: Example, sample: Sample) -> Example:
        """A training example of `sample` with its images as plain files."""
        return replace(example, images=self.files(sample))
