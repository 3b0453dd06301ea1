"""The verdict recorder: what it asks, what it hides, and the agreement it reckons."""

from __future__ import annotations

import pytest
from PIL import Image

from flamingo_lib.records import Rewrite, Sample, Verdict
from flamingo_lib.widgets.verdict_recorder import VerdictRecorder, kappa_with_truth, summary_view, to_judge


def rewrite(number, output="It is red.", keep=True):
    sample = Sample(f"vqa-v2/{number}", "vqa-v2", "vqa", ("a.png",), f"What color is ring {number}?", "red")
    return Rewrite(sample, output, verdicts=(Verdict(keep, "nli", 0.0, 0.0, f"SECRET {number}"),))


RECORDS = [(rewrite(1), True), (rewrite(2, "It is blue."), False), (rewrite(3), True), (rewrite(4, "Green."), False)]


def opened(sample):
    return [Image.new("RGB", (8, 8), "red")]


def test_it_asks_one_by_one_and_tells_nothing_before_the_end():
    recorder = VerdictRecorder(RECORDS, opened)
    for number, press in enumerate([recorder.keep, recorder.drop, recorder.drop, recorder.drop], start=1):
        shown = recorder.view.value
        assert f"rewrite {number} of 4" in shown and f"ring {number}?" in shown and "<img" in shown
        assert "SECRET" not in shown and "kappa" not in shown
        press.click()
    assert recorder.verdicts == [True, False, False, False]
    assert "agree on 3 of 4 records" in recorder.view.value and "kappa is 0.50" in recorder.view.value
    assert "What color is ring 3?" in recorder.view.value and "ring 1" not in recorder.view.value
    assert recorder.kappa == pytest.approx(0.5)
    assert recorder.keep.disabled and recorder.drop.disabled and not recorder.back.disabled


def test_a_verdict_is_taken_back():
    recorder = VerdictRecorder(RECORDS)
    assert recorder.back.disabled
    recorder.keep.click()
    recorder.back.click()
    assert recorder.verdicts == [] and "rewrite 1 of 4" in recorder.view.value and recorder.back.disabled
    recorder.back.click()
    assert recorder.verdicts == []


def test_no_more_verdicts_than_records():
    recorder = VerdictRecorder(RECORDS[:1])
    recorder.keep.click()
    recorder.keep.click()
    assert recorder.verdicts == [True]


def test_one_and_the_same_verdict_has_no_kappa():
    assert kappa_with_truth(RECORDS[:1], [True]) is None
    assert "not defined" in summary_view(RECORDS[:1], [True])


def test_without_records_it_says_so():
    assert "no record to judge" in VerdictRecorder([]).to_html()


def test_the_first_frame_stands_in_the_notebooks_file():
    frame = VerdictRecorder(RECORDS, opened)._repr_mimebundle_()["text/html"]
    assert "rewrite 1 of 4" in frame


def test_it_chooses_dropped_and_kept_ones_and_mixes_them(monkeypatch):
    from flamingo_lib.widgets import verdict_recorder

    class Truth:
        def __init__(self, output):
            self.wrong = None if output == "Unknown." else output != "It is red."

        def fault(self, name):
            assert name == "answer changed"
            return self.wrong

    monkeypatch.setattr(verdict_recorder, "truth_of", lambda sample, output, index: Truth(output))
    judged = [rewrite(number) for number in range(30)]
    judged += [rewrite(number, "It is blue.", keep=False) for number in range(30, 34)]
    judged += [rewrite(40, "Unknown."), Rewrite(rewrite(41).sample, "It is red.")]
    chosen = to_judge(judged, None, seed=0, each=6)
    assert len(chosen) == 10 and sum(good for _, good in chosen) == 6
    assert [good for _, good in chosen] != sorted(good for _, good in chosen), "mixed"
    assert chosen == to_judge(judged, None, seed=0, each=6) != to_judge(judged, None, seed=1, each=6)
