"""The paper's recipe, scaled."""

import random
from collections import Counter

import pytest

from flamingo_lib.config import DistortionConfig
from flamingo_lib.distortion.llm import RulesBackend
from flamingo_lib.distortion.mixture import PAPER_PAIRS, PAPER_PARTS, distort_sources, paper_recipe, quotas
from flamingo_lib.distortion.prompt import Cleaned
from flamingo_lib.distortion.retrieval import index_descriptions
from flamingo_lib.errors import DataError
from flamingo_lib.records import Sample, Turn, from_json, to_json

PLENTY = dict.fromkeys(PAPER_PARTS, 10**6)


def distort(samples, captions=(), pairs=280, seed=0, **settings):
    counts = Counter()
    found = list(
        distort_sources(
            samples, index_descriptions(captions), paper_recipe(pairs / PAPER_PAIRS, **settings), seed, counts=counts
        )
    )
    return found, counts


def test_the_papers_proportions():
    recipe = paper_recipe()
    assert recipe.pairs == 255_000
    wanted = quotas(recipe, PLENTY)
    assert sum(wanted.values()) == 255_000
    assert wanted["llm_visual"] / wanted["retrieval"] == pytest.approx(113 / 14, rel=1e-3)
    assert wanted["noise"] / wanted["llm_text"] == pytest.approx(77 / 76, rel=1e-3)
    assert DistortionConfig().model_dump() == paper_recipe(DistortionConfig().pairs / PAPER_PAIRS).model_dump()


def test_a_scaled_recipe_gives_each_part_its_share(polite_samples, caption_samples):
    pairs, counts = distort(polite_samples, caption_samples)
    assert (
        counts["llm_visual"] == 113 and counts["llm_text"] == 76 and counts["noise"] == 77 and counts["retrieval"] == 14
    )
    assert len(pairs) == 280 and len({pair.id for pair in pairs}) == 280
    assert Counter(pair.way for pair in pairs) == {"llm": 189, "noise": 77, "retrieval": 14}
    by_target = {(turn.instruction, turn.response) for sample in polite_samples for turn in sample.turns}
    by_target |= {(sample.instruction, sample.raw) for sample in polite_samples}
    for pair in pairs:
        assert (pair.instruction, pair.target) in by_target
        assert pair.draft and pair.draft != pair.target
        assert bool(pair.images) == (pair.source == "llava-instruct")
        assert (pair.way == "noise") <= bool(pair.command) and (pair.way == "retrieval") <= (not pair.command)
        assert (pair.way == "retrieval") <= ("top left x" in pair.draft and "/detail/" in pair.id)
        assert from_json(type(pair), to_json(pair)) == pair
    assert 60 < sum(bool(pair.command) for pair in pairs if pair.way == "llm") < 130


def test_an_exchange_has_the_images_shown_so_far():
    turns = (
        Turn("Good morning!", "Good morning! What is it about?"),
        Turn("What color is the ring?", "The ring in this picture is red.", 1),
        Turn("And what color is the star?", "The star that you see there is green."),
    )
    dialogue = Sample("l/c/1", "l", "instruction", ("a.jpg",), "Good morning!", turns[0].response, turns=turns)
    pairs, _ = distort([dialogue], pairs=60)
    assert {pair.instruction: pair.images for pair in pairs} == {
        "Good morning!": (),
        "What color is the ring?": ("a.jpg",),
        "And what color is the star?": ("a.jpg",),
    }


def test_only_the_sources_that_are_named_are_distorted(polite_samples):
    pairs, _ = distort(polite_samples, pairs=60, sources=("llava-instruct",))
    assert {pair.source for pair in pairs} == {"llava-instruct"}


def test_dialogues_give_one_pair_a_turn(polite_samples):
    pairs, _ = distort(
        [sample for sample in polite_samples if sample.turns and sample.images], pairs=300, noise=0, llm_text=0
    )
    turns = {pair.id.split("/")[-2] for pair in pairs}
    assert turns == {"turn-0", "turn-1"}
    firsts = {pair.id.rsplit("/", 2)[0]: pair for pair in pairs if "/turn-0/" in pair.id}
    sample = next(sample for sample in polite_samples if sample.id in firsts)
    assert firsts[sample.id].target == sample.turns[0].response


def test_the_order_of_reading_changes_nothing(polite_samples, caption_samples):
    pairs, _ = distort(polite_samples, caption_samples)
    shuffled = list(polite_samples)
    random.Random(0).shuffle(shuffled)
    assert distort(iter(shuffled), reversed(caption_samples))[0] == pairs
    assert distort(polite_samples, caption_samples, seed=1)[0] != pairs


def test_a_record_comes_out_the_same_in_a_larger_mixture(polite_samples):
    drafts = {pair.id: pair.draft for pair in distort(polite_samples, pairs=100)[0] if pair.way == "llm"}
    more = {pair.id: pair.draft for pair in distort(polite_samples, pairs=200)[0]}
    assert drafts and all(more[key] == draft for key, draft in drafts.items())


def test_parts_without_data_leave_their_share_to_the_others(polite_samples, caption_samples):
    visual = [sample for sample in polite_samples if sample.images]
    pairs, counts = distort(visual, caption_samples)
    assert len(pairs) == 280 and counts["llm_text"] == 0 and counts["noise"] == pytest.approx(280 * 77 / 204, abs=1)
    text = [sample for sample in polite_samples if not sample.images]
    pairs, counts = distort(text, caption_samples, pairs=100)
    assert len(pairs) == 100 and counts["llm_visual"] == counts["retrieval"] == 0
    few = quotas(paper_recipe(1000 / PAPER_PAIRS), PLENTY | {"retrieval": 3})
    assert few["retrieval"] == 3 and sum(few.values()) == 1000


def test_too_few_exchanges_are_drawn_again_differently(polite_samples):
    pairs, _ = distort(polite_samples[:4], pairs=90, noise=0.5, llm_text=0, retrieval=0)
    assert len(pairs) == 90 and len({pair.id for pair in pairs}) == 90
    assert max(Counter((pair.target, pair.draft) for pair in pairs if pair.way == "noise").values()) <= 6


class Refuses(RulesBackend):
    """Writes well except every third time."""

    written = 0

    def complete(self, requests):
        for cleaned in super().complete(requests):
            self.written += 1
            yield cleaned if self.written % 3 else Cleaned("I'm sorry, I cannot do that.", True)


def test_rejected_drafts_are_replaced_and_counted(polite_samples):
    counts = Counter()
    pairs = list(distort_sources(polite_samples, {}, DistortionConfig(pairs=150), 0, backend=Refuses(), counts=counts))
    assert len(pairs) == 150 and counts["rejected:refusal"] >= 40
    assert not any("sorry" in pair.draft for pair in pairs)


def test_a_backend_that_only_refuses_stops_the_run(polite_samples):
    class Empty:
        def complete(self, requests):
            return (Cleaned("", True) for _ in requests)

    with pytest.raises(DataError, match="nearly all drafts were rejected: .* empty"):
        list(distort_sources(polite_samples, {}, DistortionConfig(pairs=20), 0, backend=Empty()))


def test_nothing_to_distort_is_said():
    empty = Sample("llava-instruct/detail/1", "llava-instruct", "instruction", ("a.jpg",), "Describe.", " … ")
    for samples in ([], [empty]):
        with pytest.raises(DataError, match="nothing to distort"):
            list(distort_sources(samples, {}, DistortionConfig(pairs=5), 0))
