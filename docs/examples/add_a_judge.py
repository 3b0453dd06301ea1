"""Add a judge: a callable that scores texts and takes the place of one that the library has.

Filters and evaluation ask the same judges. A judge of another shape than `sts`, `nli`, `reward`, `clip` needs a filter
of its own, see `add_a_filter.py`. Presets name a judge by a folder or a hub name; code may pass any callable.

Prints:
A robin sits on a branch. 0.5 kept
A car stands in a street. 0.0 dropped
"""

import numpy as np

from flamingo_lib.config import FiltersConfig
from flamingo_lib.filters.chain import Chain
from flamingo_lib.judges.panel import Judges
from flamingo_lib.records import Rewrite, Sample

SMALL = set("a an the in on at of is sits stands".split())


def content_words(text):
    """The words of `text` that say what it is about."""
    return set(text.lower().strip(".").split()) - SMALL


class WordOverlap:
    """An STS judge without a model: shared content words over all content words."""

    def __call__(self, first, second):
        """Similarities of n pairs of texts: shape (n,), 0 to 1."""
        pairs = zip(map(content_words, first), map(content_words, second), strict=True)
        return np.array([len(a & b) / len(a | b) for a, b in pairs], np.float32)


if __name__ == "__main__":
    chain = Chain(FiltersConfig(chain=("sts",), sts_min=0.4), Judges(sts=WordOverlap()))
    sample = Sample("birds/1", "birds", "caption", (), "Describe the picture.", "a robin")
    texts = ("A robin sits on a branch.", "A car stands in a street.")
    for rewrite in chain(Rewrite(sample, text) for text in texts):
        print(rewrite.output, rewrite.scores["sts_similarity"], "kept" if rewrite.kept else "dropped")
