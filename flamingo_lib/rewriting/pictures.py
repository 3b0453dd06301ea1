"""Opening the pictures of samples of many datasets."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ..records import Sample
from ..sources.image_files import Roots, dataset_folder
from ..sources.images import open_images


class Pictures:
    """Callable: a sample's pictures as RGB with its mark drawn on.

    Args:
        roots: a folder with one subfolder a dataset, named as in the catalogue; or the folder of each dataset by its
            name.
    """

    def __init__(self, roots: Roots) -> None:
        self.roots = roots

    def folder(self, source: str) -> Path:
        """The folder that `source`'s image paths are relative to; `DataError` if it is not known."""
        return dataset_folder(self.roots, source)

    def __call__(self, sample: Sample) -> list[Image.Image]:
        """The pictures in the order of the instruction; `ImageError` if one cannot be used."""
        return open_images(sample, self.folder(sample.source)) if sample.images else []


def picture_key(sample: Sample) -> tuple:
    """Key of a sample's pixels: source, files, and the mark drawn on them."""
    return sample.source, sample.images, repr(sample.meta.get("mark"))
