"""Truth, quality and calibration on a few Scenes records whose faults are known."""

import json

import numpy as np
import pytest
from PIL import Image

from flamingo_lib.config import FiltersConfig
from flamingo_lib.errors import DataError
from flamingo_lib.filters.calibrate import calibrate
from flamingo_lib.filters.chain import Chain
from flamingo_lib.filters.filter_metrics import filter_quality, quality_html
from flamingo_lib.filters.ground_truth import FAULTS, truth_of
from flamingo_lib.judges.panel import Judges
from flamingo_lib.records import Rewrite, Sample
from flamingo_lib.scenes.graph import Scene, SceneObject
from flamingo_lib.scenes.index import GRAPHS, TruthIndex

from .helpers import FakeClip, FakeNli, FakeSts

CIRCLE = SceneObject("circle", "red", "large", 0, 0.17, 0.17, 0.13)
STAR = SceneObject("star", "black", "small", 8, 0.83, 0.83, 0.08)
PICTURE = Image.new("RGB", (4, 4))


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """One scene: a large red circle at the top left, a small black star at the bottom right; then the star is gone."""
    folder = tmp_path_factory.mktemp("truth")
    scene, after = Scene("a", (CIRCLE, STAR)), Scene("a/changed", (CIRCLE,))
    lines = [
        {"scene": scene.to_json(), "pool": "calibration", "images": ["vqa/1.png", "coco/1.png", "pairs/1.png"]},
        {"scene": after.to_json(), "pool": "calibration", "images": ["pairs/2.png"]},
    ]
    (folder / GRAPHS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return TruthIndex(folder)


def answer(text, raw="red", question="What color is the circle?"):
    return Rewrite(Sample("v", "vqa", "vqa", ("1.png",), question, raw), text)


def caption(text, raw="a red circle"):
    return Rewrite(Sample("c", "coco", "caption", ("1.png",), "Describe the image in detail.", raw), text)


def change(text):
    return Rewrite(Sample("d", "pairs", "change", ("1.png", "2.png"), "What changed?", "star gone"), text)


@pytest.mark.parametrize(
    ("rewrite", "faults"),
    [
        (answer("The circle is red."), set()),
        (answer("The circle is blue."), {"answer changed", "hallucinated"}),
        (answer("The circle is blue.", raw="blue"), {"hallucinated"}),
        (answer("The circle is red. There is also a green ring."), {"hallucinated"}),
        (answer("The star is red."), {"answer changed", "hallucinated"}),
        (answer("Red.", raw="red"), {"unchanged"}),
        (answer("The circle is red. " * 3), {"repeated"}),
        (answer("The circle is red.\n### Human: And?"), {"leaked"}),
        (answer("Yes.", question="Who painted this?"), set()),
        (caption("There is a large red circle at the top left."), set()),
        (caption("There is a small red circle at the top left."), {"hallucinated"}),
        (caption("red circle: [0.040, 0.040, 0.300, 0.300]"), {"leaked"}),
        (change("The black star is gone."), set()),
        (change("The red circle is gone."), {"hallucinated"}),
        (change("It is a sunny day."), {"off topic"}),
        (caption("I would be happy to help."), {"off topic"}),
        (caption("There is a green ring."), {"hallucinated", "off topic"}),
    ],
)
def test_faults(rewrite, faults, index):
    truth = truth_of(rewrite.sample, rewrite.output, index)
    assert {name for name in FAULTS if truth.fault(name)} == faults
    assert truth.faithful == (not faults)


def judged(index):
    batch = [
        answer("The circle is red."),
        answer("The circle is red, I think."),
        answer("The circle is clearly red. It is large."),
        answer("The circle is blue."),
        answer("Surely not of any color."),
        answer("Red"),
        caption("There is a large red circle, true.\n\nThere is a green ring."),
        caption("It is true: a large red circle is in it."),
        caption("There is a red circle in it, and a cyan cross, true."),
    ]
    judges = Judges(sts=FakeSts(), nli=FakeNli(), clip=FakeClip())
    return list(Chain(FiltersConfig(), judges, images=lambda sample: [PICTURE])(batch))


def test_quality_counts_by_hand(index):
    quality = filter_quality(judged(index), index)
    nli = quality["filters"]["nli"]
    assert (nli["seen"], nli["faulty"], nli["dropped"], nli["precision"], nli["recall"], nli["f1"]) == (
        5,
        2,
        2,
        1.0,
        1.0,
        1.0,
    )
    clip = quality["filters"]["clip"]
    assert (clip["seen"], clip["faulty"], clip["dropped"], clip["precision"], clip["recall"]) == (3, 2, 1, 1.0, 0.5)
    assert quality["kept"] == pytest.approx(6 / 9, abs=1e-4) and quality["faithful_kept"] == 1.0
    assert quality["faults"]["answer changed"] == {"before": pytest.approx(2 / 6, abs=1e-4), "after": 0.0}
    assert quality["faults"]["hallucinated"]["before"] == pytest.approx(3 / 9, abs=1e-4)
    assert quality["faults"]["hallucinated"]["after"] == pytest.approx(1 / 6, abs=1e-4)
    assert quality["changed_answers_left"] == 0.0
    page = quality_html(quality)
    assert "100.0 %" in page and "answer changed" in page


def test_quality_of_nothing(index):
    quality = filter_quality([], index)
    assert quality["kept"] is None and "–" in quality_html(quality)


class Graded:
    """Scores that rise with the number in the text."""

    def __call__(self, *columns):
        values = np.array([float(text.split("#")[1].split()[0]) for text in columns[-1]])
        return np.stack([-values, values * 0, values * 0 - 100], axis=1) if len(columns) == 3 else values


class GradedClip:
    def __call__(self, images, paragraphs):
        return [
            np.array([Graded()(some) for some in [[paragraph] for paragraph in part]]).reshape(-1)
            for part in paragraphs
        ]


def test_calibration_keeps_the_target_share(index):
    answers = [answer(f"The circle is red #{number} ok") for number in range(40)]
    answers += [answer(f"The circle is blue #{number - 20} no") for number in range(30)]
    captions = [caption(f"A large red circle #{number} ok") for number in range(100)] + [caption("A green ring #-5 no")]
    report = calibrate(
        answers + captions,
        index,
        Judges(sts=Graded(), nli=Graded(), clip=GradedClip()),
        lambda sample: [PICTURE],
        target=0.9,
    )
    nli, sts, clip = (report["judges"][name] for name in ("nli", "sts", "clip"))
    assert (
        0.9 <= nli["faithful_kept"] <= 0.93
        and 0.9 <= sts["faithful_kept"] <= 0.92
        and clip["threshold"] == sts["threshold"]
    )
    assert report["settings"]["nli_margin_max"] == -3.0 and nli["faulty_dropped"] == pytest.approx(23 / 30, abs=1e-4)
    assert sts["auc"] == 1.0 and sts["faulty_dropped"] == 1.0 and sts["before"] == 0.4
    kept = list(Chain(FiltersConfig(chain=("nli",), nli_margin_max=-3.0), Judges(nli=Graded()))(answers[:40]))
    assert sum(rewrite.kept for rewrite in kept) / 40 == nli["faithful_kept"]


def test_too_few_records_are_refused(index):
    with pytest.raises(DataError, match=r"only 1 faithful.*nli"):
        calibrate([answer("The circle is red #1 .")], index, Judges(nli=Graded()), lambda sample: [])
