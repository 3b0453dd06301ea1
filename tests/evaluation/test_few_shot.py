"""Prompts of a base: their text, their examples, and the metrics at the best of them."""

import numpy as np
import pytest

from flamingo_lib.chat.template import plain
from flamingo_lib.config import EvaluationConfig
from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.evaluation.accuracy import Share
from flamingo_lib.evaluation.few_shot import (
    FORMATS,
    BaseMetrics,
    ExamplePool,
    PromptedBase,
    examine_base,
)
from flamingo_lib.evaluation.model_metrics import make_eval_set

CONFIG = EvaluationConfig(questions=16, held_out_questions=8, texts=2, held_out_source_questions=6)


@pytest.fixture(scope="module")
def eval_set(index):
    return make_eval_set(index, CONFIG, seed=0)


class Oracle:
    """Stands in for a base: answers right in prompts that `knows` accepts, with nothing in others."""

    def __init__(self, eval_set, knows):
        self.knows = knows
        self.known = {(item.instruction, item.images[-1]): item.references[0] for item in eval_set.items()}
        self.prompts = []

    def complete(self, prompts, images, *, description=""):
        self.prompts += prompts
        answers = []
        for prompt, files in zip(prompts, images, strict=True):
            prompt = plain(prompt)
            assert prompt.count("<image>") == len(files)
            question = prompt.rsplit("Question: ", 1)[1].removesuffix(" Short answer:")
            right = self.known.get((question, files[-1]), "") if files and self.knows(prompt) else ""
            answers.append(right)
        return answers

    def answer(self, asked, *, description=""):
        return ["" for _ in asked]

    def ask(self, instructions, images, *, description=""):
        return ["" for _ in instructions]


def no_reward(instructions, responses):
    return np.zeros(len(responses), np.float32)


def test_an_openflamingo_prompt_has_interleaved_examples_of_one_type(index, eval_set):
    item = eval_set.held_in[0]
    text, images = PromptedBase(None, "openflamingo", 2, ExamplePool(index, seed=0)).prompt(item)
    chunks = plain(text).split("<|endofchunk|>")
    assert len(chunks) == 3 and len(images) == 3 and images[-1] == item.images[0]
    assert all(chunk.startswith("<image>Question: ") and " Short answer:" in chunk for chunk in chunks)
    assert chunks[-1] == f"<image>Question: {item.instruction} Short answer:"
    page, _ = PromptedBase(None, "page").prompt(item)
    assert plain(page) == f"<image><|endofchunk|>\nQuestion: {item.instruction} Short answer:"


@pytest.mark.parametrize("seed", [0, 1])
def test_examples_are_of_other_scenes_and_depend_on_seed_and_item_alone(index, eval_set, seed):
    pool, again = ExamplePool(index, seed=seed), ExamplePool(index, seed=seed)
    kept = 0
    for item in reversed(list(eval_set.items())):
        examples = pool.examples(item, 4)
        scenes = [scene.id for example in examples for scene in example.scenes]
        assert len(set(scenes)) == len(scenes) and not set(scenes) & {scene.id for scene in item.scenes}
        assert examples == again.examples(item, 4)
        assert {example.source for example in examples} == {item.source if item.source != "scenes" else "vqa-v2"}
        kept += examples[0].type == item.type
    assert kept > 30
    first = next(eval_set.items())
    assert pool.examples(first, 4) != ExamplePool(index, seed=seed + 1).examples(first, 4)


def test_examples_are_all_of_the_type_where_there_are_enough(index, eval_set):
    pool = ExamplePool(index, seed=0)
    for item in eval_set.held_out_sources["nlvr2"]:
        assert {example.type for example in pool.examples(item, 4)} == {"statement pair"}
    with pytest.raises(DataError, match="examples of other scenes, but 1000 are wanted"):
        pool.examples(eval_set.held_in[0], 1000)


def test_a_base_counts_at_its_best_prompt(index, eval_set):
    oracle = Oracle(eval_set, lambda prompt: prompt.count("Question:") == 5 and "<image><|endofchunk|>" in prompt)
    found = examine_base(oracle, eval_set, no_reward, ExamplePool(index, seed=0))
    assert found.prompts == ("chat", "page_four_shot") and found.best is found.four_shot
    assert (found.zero_shot.name, found.four_shot.name) == ("base", "base_4shot")
    metrics = found.metrics()
    assert metrics["base.held_in_accuracy"] == metrics["base.four_shot.held_in_accuracy"] == 1
    assert (
        metrics["base.zero_shot.held_in_accuracy"]
        == 0
        == metrics["base.prompt.openflamingo_four_shot.held_in_accuracy"]
    )
    assert metrics["base.held_out_source_accuracy"] == metrics["base.four_shot.held_out_source_accuracy.nlvr2"] == 1
    assert {f"base.held_in_accuracy.{item.type}" for item in eval_set.held_in} <= metrics.keys()
    again = BaseMetrics.from_json(found.to_json())
    assert again.metrics() == metrics and again.prompts == found.prompts


def test_zero_shot_is_kept_where_examples_do_not_help(index, eval_set):
    oracle = Oracle(eval_set, lambda prompt: prompt.startswith("<image>Question"))
    found = examine_base(oracle, eval_set, no_reward, ExamplePool(index, seed=0))
    assert found.prompts == ("openflamingo", "openflamingo_four_shot")
    assert found.best is found.zero_shot and found.zero_shot.held_in.value == 1
    assert isinstance(found.zero_shot.held_out_source, Share)


def test_bad_settings_are_named():
    with pytest.raises(ConfigError, match="unknown prompt format 'haiku'.*openflamingo"):
        PromptedBase(None, "haiku")
    with pytest.raises(ConfigError, match="needs a pool"):
        PromptedBase(None, next(iter(FORMATS)), shots=4)
