"""The chain: order, routing, edits, batches, failures."""

import numpy as np
import pytest
from PIL import Image

from flamingo_lib.config import FiltersConfig
from flamingo_lib.errors import ConfigError, DataError, FlamingoError, MissingAsset
from flamingo_lib.filters.chain import Chain, build_filters
from flamingo_lib.filters.funnel import Funnel, funnel_html, funnel_markdown, why_empty
from flamingo_lib.filters.verdict import has_failed
from flamingo_lib.judges.panel import Judges
from flamingo_lib.records import Rewrite as RewriteRecord
from flamingo_lib.records import from_json, to_json

from .helpers import FakeClip, FakeNli, FakeReward, FakeSts, rewrite

PICTURE = Image.new("RGB", (4, 4))


def chain(**judges):
    judges = {"sts": FakeSts(), "nli": FakeNli(), "clip": FakeClip(), **judges}
    return Chain(FiltersConfig(), Judges(**judges), images=lambda sample: [PICTURE])


def test_order_and_routing():
    answer, caption = chain()(
        [rewrite("It is clearly red."), rewrite("It is true: a cat", raw="a cat", task="caption")]
    )
    assert [verdict.filter for verdict in answer.verdicts] == ["length", "change", "repetition", "preamble", "nli"]
    assert [verdict.filter for verdict in caption.verdicts] == [
        "length",
        "change",
        "repetition",
        "preamble",
        "sts",
        "clip",
    ]
    assert answer.kept and caption.kept
    assert answer.scores["nli_similarity"] == [-1.0, 2.0, 0.0]
    assert caption.scores == {
        "rouge_score": caption.scores["rouge_score"],
        "sts_similarity": 1.0,
        "paragraph_clip_scores": [30.0],
        "filtered_paragraphs": [],
    }


def test_a_dropped_record_goes_no_further_but_stays_in_the_stream():
    nli = FakeNli()
    results = list(chain(nli=nli)([rewrite("Red"), rewrite("It is blue."), rewrite("It is red.")]))
    assert [result.kept for result in results] == [False, False, True]
    assert [verdict.filter for verdict in results[0].verdicts] == ["length"]
    assert results[1].verdicts[-1].filter == "nli" and results[1].verdicts[-1].score == 2.5
    assert nli.seen == [["It is blue.", "It is red."]]


def test_paragraphs_are_edited_and_dropped():
    text = "It is true: a cat.\n\nA dog flies.\n\nAlso true."
    both, none = chain()(
        [
            rewrite(text, raw="a cat.", task="caption"),
            rewrite("It is a cat.\n\nNo a cat.", raw="a cat.", task="caption"),
        ]
    )
    assert both.kept and both.output == text and both.final == "It is true: a cat.\n\nAlso true."
    assert both.scores["filtered_paragraphs"] == [[10.0, "A dog flies."]]
    assert both.scores["paragraph_clip_scores"] == [30.0, 30.0]
    assert not none.kept and none.verdicts[-1].filter == "clip" and none.verdicts[-1].score == 10.0


def test_reward_is_scored_for_what_stays():
    kept, dropped = chain(reward=FakeReward())([rewrite("It is red."), rewrite("It is blue.")])
    assert kept.scores["reward"] == 3.0 and "reward" not in dropped.scores


def test_the_stream_is_read_in_batches():
    drawn = []

    def stream():
        for index in range(10):
            drawn.append(index)
            yield rewrite("It is red.", id=str(index))

    results = chain()(stream(), batch_size=4)
    assert next(results).sample.id == "0"
    assert len(drawn) == 4
    assert [result.sample.id for result in results] == [str(index) for index in range(1, 10)]


def test_verdicts_survive_json():
    for result in chain(reward=FakeReward())(
        [rewrite("It is red."), rewrite("Red"), rewrite("So true a cat", raw="a cat", task="caption")]
    ):
        back = from_json(RewriteRecord, to_json(result))
        assert to_json(back) == to_json(result) and back.kept == result.kept and back.final == result.final


class Picky(FakeNli):
    """Raises wherever a bad text is in the batch."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def __call__(self, questions, originals, rewrites):
        if any("bad" in text for text in rewrites):
            raise self.error
        return super().__call__(questions, originals, rewrites)


def test_a_judge_that_raises_costs_one_record():
    batch = [rewrite("It is red.", id=str(index)) for index in range(20)]
    batch[7] = rewrite("It is bad red.", id="7")
    results = list(chain(nli=Picky(RuntimeError("boom")))(batch))
    assert [result.sample.id for result in results if not result.kept] == ["7"]
    assert has_failed(results[7].verdicts[-1]) and "boom" in results[7].verdicts[-1].reason


def test_nan_costs_one_record():
    class Nan(FakeNli):
        def __call__(self, questions, originals, rewrites):
            logits = super().__call__(questions, originals, rewrites)
            logits[2, 1] = np.nan
            return logits

    results = list(chain(nli=Nan())([rewrite("It is red.", id=str(index)) for index in range(10)]))
    assert [result.sample.id for result in results if not result.kept] == ["2"]
    assert "nan" in results[2].verdicts[-1].reason
    to_json(results[2])


def test_a_judge_that_fails_often_stops_the_run():
    class Broken(FakeNli):
        def __call__(self, *_):
            raise RuntimeError("boom")

    with pytest.raises(FlamingoError, match=r"'nli' failed on 20 of 20 records.*boom"):
        list(chain(nli=Broken())([rewrite("It is red.") for _ in range(20)]))


def test_a_missing_model_is_not_a_records_fault():
    with pytest.raises(MissingAsset):
        list(chain(nli=Picky(MissingAsset("gone")))([rewrite("It is bad red.")]))


def test_a_missing_image_costs_its_record():
    def images(sample):
        if sample.images[0] == "gone.png":
            raise DataError("the image is missing", file="gone.png")
        return [PICTURE]

    judges = Judges(sts=FakeSts(), nli=FakeNli(), clip=FakeClip())
    batch = [
        rewrite("It is true a cat", raw="a cat", task="caption", images=(name,)) for name in ("gone.png", "there.png")
    ]
    lost, fine = Chain(FiltersConfig(), judges, images)(batch)
    assert fine.kept and not lost.kept and "gone.png" in lost.verdicts[-1].reason


def test_a_chain_without_its_judge_is_refused():
    with pytest.raises(ConfigError, match="'nli' needs the nli judge"):
        build_filters(FiltersConfig(), Judges(sts=FakeSts(), clip=FakeClip()), images=lambda sample: [])
    with pytest.raises(ConfigError, match="the images"):
        build_filters(FiltersConfig(), Judges(sts=FakeSts(), nli=FakeNli(), clip=FakeClip()))
    with pytest.raises(ConfigError, match="no filter 'colour'"):
        build_filters(FiltersConfig().model_copy(update={"chain": ("colour",)}), Judges())


def test_an_empty_funnel_says_why():
    class Broken:
        def __call__(self, *texts):
            raise ValueError("broken")

    short, blue, red = rewrite("Red"), rewrite("It is blue."), rewrite("It is red.")
    names = FiltersConfig().chain
    assert why_empty(Funnel(names).update(chain()([short, blue, red])).to_dict()) == ""
    lost = why_empty(Funnel(names).update(chain()([short, blue, blue])).to_dict())
    assert (
        "No record was kept: of 3, the filters dropped nli 2 (66.7 %), length 1 (33.3 %). Look at 'nli' first" in lost
    )
    assert "failures of 'nli'" in why_empty(Funnel(names).update(chain(nli=Broken())([short, blue, red])).to_dict())
    assert "the sources gave none" in why_empty(Funnel(names).to_dict())


def test_funnel_counts_and_shows():
    batch = [
        rewrite("It is red.", source="vqa"),
        rewrite("Red", source="vqa"),
        rewrite("It is blue.", source="vqa", flags=("truncated",)),
    ]
    batch += [rewrite("It is true: a cat\n\na dog", raw="a cat", task="caption", source="<coco>")]
    funnel = Funnel(FiltersConfig().chain).update(chain()(batch))
    report = funnel.to_dict()
    assert report["total"]["in"] == 4 and report["total"]["kept"] == 2 and report["total"]["edited"] == 1
    assert report["sources"]["vqa"]["dropped"] == {
        "length": 2,
        "change": 0,
        "repetition": 0,
        "preamble": 0,
        "sts": 0,
        "nli": 0,
        "clip": 0,
    }
    assert report["total"]["flags"] == {"truncated": 1}
    for row in [report["total"], *report["sources"].values()]:
        assert row["in"] == row["kept"] + sum(row["dropped"].values())
    page = funnel_html(report)
    assert "&lt;coco&gt;" in page and "<coco>" not in page and "50.0 %" in page
    assert funnel_markdown(report).splitlines()[-1].startswith("| all | 4 | 2 |")


@pytest.mark.parametrize("names", [("change",), (), ("length", "change")])
def test_a_record_without_output_is_dropped_whatever_the_chain(names):
    batch = [
        rewrite("", flags=("unreadable_image",), id="s/unreadable"),
        rewrite("Some text all the same.", flags=("unreadable_image",), id="s/text"),
        rewrite("\u200b\ufeff", id="s/invisible"),
        rewrite("The ball is red.", id="s/good"),
    ]
    results = Chain(FiltersConfig(chain=names)).judge_batch(batch)
    assert [result.sample.id for result in results if result.kept] == ["s/good"]
    assert all(
        "output" in (verdict := result.verdicts[-1]).filter or verdict.filter == "length" for result in results[:3]
    )
    assert [verdict.filter for verdict in results[3].verdicts] == list(names)
    assert Funnel(names).update(results).row()["kept"] == 1
