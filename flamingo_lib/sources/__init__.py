"""Datasets as their makers publish them, read as `Sample`s.

`load_source("vqa-v2", "/data/vqa")` streams samples; `CATALOG` lists every dataset; `open_images(sample, root)` opens a
sample's pictures with its marks drawn on.
"""

from __future__ import annotations

from .catalog import CATALOG, find_row
from .catalog.spec import DatasetSpec
from .images import MAX_PIXELS, ImageError, open_image, open_images, open_marked
from .loading import load_source, splits_found

__all__ = [
    "CATALOG",
    "MAX_PIXELS",
    "DatasetSpec",
    "ImageError",
    "find_row",
    "load_source",
    "open_image",
    "open_images",
    "open_marked",
    "splits_found",
]
