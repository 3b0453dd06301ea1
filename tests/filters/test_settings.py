"""Settings of the filters that cannot be used stop before anything begins."""

import pytest

from flamingo_lib.config import FiltersConfig
from flamingo_lib.errors import ConfigError
from flamingo_lib.filters.chain import NEEDS, RULES, build_filters
from flamingo_lib.judges.panel import Judges
from flamingo_lib.presets import load_preset
from flamingo_lib.records import CAPTION_TASKS


def test_a_filter_that_there_is_not_is_refused():
    with pytest.raises(ConfigError, match=r"filters\.chain\.1.*'length'.*'clip' \(got 'stss'\)"):
        load_preset("tiny", ['filters.chain=["length", "stss"]'])


class Everything:
    """A judge of any kind that says nothing."""

    def __call__(self, *texts):
        return []

    statements = __call__


def test_the_claims_filter_refuses_a_judge_that_reads_no_statements():
    with pytest.raises(ConfigError, match=r"claims.*statements\(premises, hypotheses\)"):
        build_filters(FiltersConfig(chain=("claims",)), Judges(nli=lambda *texts: []))


def test_the_papers_filters_are_the_papers_alone():
    assert "claims" not in load_preset("paper").filters.chain and "claims" in load_preset("tiny").filters.chain


def test_every_filter_may_stand_in_the_chain():
    names = (*RULES, *NEEDS)
    judges = Judges(**dict.fromkeys(NEEDS.values(), Everything()))
    built = build_filters(FiltersConfig(chain=names), judges, lambda sample: [])
    assert [filter.name for filter in built] == list(names)


@pytest.mark.parametrize("setting", ["sts_min_by_task", "clip_score_min_by_task", "claims_unstated_max_by_task"])
@pytest.mark.parametrize("task", ["captoin", "vqa"])
def test_a_threshold_of_a_task_that_is_not_judged_is_refused(setting, task):
    with pytest.raises(ConfigError) as caught:
        load_preset("tiny", [f'filters.{setting}={{"{task}": 0.3}}'])
    text = str(caught.value)
    assert f"filters.{setting}" in text and f"'{task}'" in text and all(known in text for known in CAPTION_TASKS)


def test_every_task_that_is_judged_may_have_its_threshold():
    settings = ", ".join(f'"{task}": 0.3' for task in CAPTION_TASKS)
    assert (
        set(load_preset("tiny", [f"filters.sts_min_by_task={{{settings}}}"]).filters.sts_min_by_task) == CAPTION_TASKS
    )
