"""Realism of the distortion: a classifier two-sample test (Lopez-Paz and Oquab, 2017).

A classifier learns to tell distorted drafts from true raw annotations. On texts it has not seen it is right half of the
time if the two cannot be told apart, and always if every draft gives itself away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from ..records import VQA_TASKS, Pair, Sample
from ..seeding import generator

if TYPE_CHECKING:
    import numpy as np

FOLDS = 5
LEAST = 2 * FOLDS


@dataclass(frozen=True, slots=True)
class TwoSampleResult:
    """Result of the classifier two-sample test.

    Attributes:
        accuracy: cross-validated, on as many drafts as annotations: 0.5 cannot be told apart, 1.0 always can.
        standard_error: of `accuracy`, if both were the same.
        count: texts of each kind.
        exact: the share of drafts that also occur among the true annotations, letter by letter.
        telling: what gives drafts away most, then what gives true annotations away: runs of characters.
    """

    accuracy: float
    standard_error: float
    count: int
    exact: float
    telling: tuple[tuple[str, ...], tuple[str, ...]]


def two_sample_test(
    distorted: Sequence[str], raw: Sequence[str], *, seed: int = 0, limit: int = 2000
) -> TwoSampleResult:
    """A classifier two-sample test: tells `distorted` from `raw` drafts by logistic regression on n-grams and length.

    The features are runs of one to four characters, single words, and length.

    Args:
        distorted: drafts.
        raw: true raw annotations, of the same tasks.
        seed: for the choice of equally many of both, and for the folds.
        limit: at most so many of each are used.

    Raises:
        DataError: fewer than ten of one kind.
    """
    import numpy as np
    from scipy.sparse import hstack
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    texts, labels = _balanced(distorted, raw, seed, limit)
    count, lengths = len(texts) // 2, _lengths(texts)
    right = 0
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(texts, labels):
        features = _features()
        inputs = hstack(_fitted(features, [texts[index] for index in train], lengths[train]))
        model = LogisticRegression(C=10.0, max_iter=1000).fit(inputs, labels[train])
        unseen = hstack(_applied(features, [texts[index] for index in test], lengths[test]))
        right += int((model.predict(unseen) == labels[test]).sum())
    names = features[0].get_feature_names_out()
    order = np.argsort(model.coef_[0][: len(names)])
    telling = tuple(str(names[index]) for index in order[::-1][:8]), tuple(str(names[index]) for index in order[:8])
    known = set(raw)
    exact = sum(text in known for text in texts[:count]) / count
    return TwoSampleResult(right / (2 * count), 0.5 / math.sqrt(2 * count), count, exact, telling)


def draft_classifier(
    distorted: Sequence[str], raw: Sequence[str], *, seed: int = 0, limit: int = 1000
) -> Callable[[Sequence[str]], list[float]]:
    """The test's classifier, trained on all texts: from drafts to the probabilities that they are distorted ones.

    Args:
        distorted, raw, seed, limit: see `two_sample_test`.

    Raises:
        DataError: fewer than ten of one kind.
    """
    import numpy as np
    from scipy.sparse import hstack
    from sklearn.linear_model import LogisticRegression

    texts, labels = _balanced(distorted, raw, seed, limit)
    features = _features()
    model = LogisticRegression(C=10.0, max_iter=1000).fit(hstack(_fitted(features, texts, _lengths(texts))), labels)

    def probabilities(drafts: Sequence[str]) -> list[float]:
        found = model.predict_proba(hstack(_applied(features, drafts, _lengths(drafts))))
        return [float(value) for value in np.asarray(found)[:, 1]]

    return probabilities


def _balanced(distorted: Sequence[str], raw: Sequence[str], seed: int, limit: int) -> tuple[list[str], np.ndarray]:
    """As many of both, drafts first, with 1 for a draft and 0 for an annotation."""
    import numpy as np

    count = min(len(distorted), len(raw), limit)
    if count < LEAST:
        raise DataError(
            f"too few texts to compare: {len(distorted)} drafts, {len(raw)} annotations",
            remedy=f"Give at least {LEAST} of each.",
        )
    own = generator(seed, "two-sample")
    texts = [*own.sample(list(distorted), count), *own.sample(list(raw), count)]
    return texts, np.array([1] * count + [0] * count)


def _lengths(texts: Sequence[str]) -> np.ndarray:
    """Characters and words of each text."""
    import numpy as np

    return np.array([[len(text), len(text.split())] for text in texts], dtype=float)


def _features() -> tuple[Any, Any, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import OneHotEncoder

    return (
        TfidfVectorizer(
            analyzer="char", ngram_range=(1, 4), lowercase=False, min_df=2, sublinear_tf=True, max_features=50_000
        ),
        TfidfVectorizer(analyzer="word", token_pattern=r"\S+", lowercase=False, min_df=2, max_features=20_000),
        OneHotEncoder(handle_unknown="ignore"),
    )


def _coarse(lengths: np.ndarray) -> np.ndarray:
    """Lengths in powers of 1.5, as categories."""
    import numpy as np

    return np.floor(np.log(np.maximum(lengths, 1)) / math.log(1.5))


def _fitted(features: tuple[Any, Any, Any], texts: Sequence[str], lengths: np.ndarray) -> list[Any]:
    characters, words, sizes = features
    return [characters.fit_transform(texts), words.fit_transform(texts), sizes.fit_transform(_coarse(lengths))]


def _applied(features: tuple[Any, Any, Any], texts: Sequence[str], lengths: np.ndarray) -> list[Any]:
    characters, words, sizes = features
    return [characters.transform(texts), words.transform(texts), sizes.transform(_coarse(lengths))]


def annotations_by_way(samples: Iterable[Sample]) -> dict[str, list[str]]:
    """Raw annotations by the way that imitates them: answers for ``"llm"``, captions for ``"retrieval"``, else all."""
    found: dict[str, list[str]] = {"all": [], "llm": [], "retrieval": []}
    for sample in samples:
        found["all"].append(sample.raw)
        if sample.task in VQA_TASKS:
            found["llm"].append(sample.raw)
        elif sample.task == "caption":
            found["retrieval"].append(sample.raw)
    return {way: texts for way, texts in found.items() if texts}


def realism(
    pairs: Iterable[Pair], raw: Sequence[str] | Mapping[str, Sequence[str]], *, seed: int = 0
) -> dict[str, TwoSampleResult]:
    """The test over all pairs (``"all"``) and for each way of distortion on its own.

    Args:
        pairs: distorted pairs.
        raw: true raw annotations; or by way, where a way imitates only some of them (``"all"`` for the rest).
        seed: see `two_sample_test`.

    Returns:
        Results by name; ways with fewer than ten texts on either side are left out.
    """
    by_way: dict[str, list[str]] = {"all": []}
    for pair in pairs:
        by_way["all"].append(pair.draft)
        by_way.setdefault(pair.way, []).append(pair.draft)
    results = {}
    for way, drafts in by_way.items():
        annotations = raw if not isinstance(raw, Mapping) else raw.get(way, raw.get("all", ()))
        if min(len(drafts), len(annotations)) >= LEAST:
            results[way] = two_sample_test(drafts, annotations, seed=seed)
    return results
