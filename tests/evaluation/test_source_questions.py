"""References and types of a source's samples."""

import pytest

from flamingo_lib.evaluation.source_questions import SceneTruth, references_of, to_prediction, turn_of, type_of
from flamingo_lib.records import Sample, Turn
from flamingo_lib.sources.boxes import BOX_PREAMBLE


def sample(task, raw, *, source="x", instruction="What is it?", images=("a.png",), **fields):
    return Sample("x/1", source, task, images, instruction, raw, meta=fields.pop("meta", {}), **fields)


@pytest.mark.parametrize(
    ("given", "references"),
    [
        (sample("vqa", "red", meta={"answers": ["pink", "red", "pink", ""]}), ("red", "pink")),
        (sample("vqa_rationale", "Answer: red. As it is.", meta={"answer": "red"}), ("red",)),
        (sample("caption", "A ball.\nballs", meta={"captions": ["A ball.", "balls", "balls"]}), ("A ball.", "balls")),
        (sample("classification", "A photo of a cat.", meta={"labels": ["cat", "kitten"]}), ("cat", "kitten")),
        (sample("change", "one\ntwo", source="image-editing-requests"), ("one", "two")),
        (sample("change", "one\ntwo", source="spot-the-diff"), ("one two",)),
        (sample("detection", f"1 ball\n\n{BOX_PREAMBLE}\nball: [0, 0, 1, 1]"), ("1 ball",)),
        (sample("detection", f"{BOX_PREAMBLE}\nball: [0, 0, 1, 1]"), ()),
        (sample("instruction", "Hello!"), ("Hello!",)),
    ],
)
def test_references(given, references):
    assert references_of(given) == references


def test_types():
    assert type_of(sample("vqa", "2", instruction="How many circles are there?"), ("2",)) == "count"
    assert type_of(sample("vqa", "x", meta={"answer_type": "other"}), ("x",)) == "other"
    assert type_of(sample("vqa", "True"), ("True",)) == "yes/no"
    assert type_of(sample("vqa", "cat"), ("cat",)) == "" == type_of(sample("caption", "yes"), ("yes",))


def test_the_first_turn_is_asked():
    turns = (Turn("One?", "a", images=1), Turn("Two?", "b", images=1))
    given = sample("instruction", "a", instruction="One?", images=("a.png", "b.png"), turns=turns)
    assert turn_of(given) == Turn("One?", None, images=1) and turn_of(given, "a").response == "a"
    stored = to_prediction(given, "said", model="m", seed=1, pool="texts", shots=2)
    assert (stored.images, stored.shots, stored.references) == (("a.png",), 2, ("a",))


def test_only_scenes_have_a_truth(tmp_path, data_root, index):
    assert SceneTruth(tmp_path / "vqa-v2")(sample("vqa", "2")) is None
    truth = SceneTruth(data_root / "vqa-v2")
    image = next(name for name in index.images if name.startswith("vqa-v2/")).removeprefix("vqa-v2/")
    known = truth(sample("vqa", "2", source="vqa-v2", instruction="How many circles are there?", images=(image,)))
    assert known.question.answer == str(sum(item.shape == "circle" for item in known.scene.objects))
    assert truth(sample("vqa", "2", images=("elsewhere.png",))) is None
    assert truth(sample("caption", "x", images=(image,))).question is None
