"""Each target's output, read by the target's own loader where it is installed, else held against its documented schema.

`datasets` reads the Parquet targets everywhere. The loaders of TRL, LLaMA-Factory, ms-swift, axolotl and WebDataset
read theirs where these packages are installed; LLaVA publishes no package with its loader.
"""

from __future__ import annotations

import json
import sys
import tarfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from flamingo_lib.exports.finevision import relevance
from flamingo_lib.exports.history import apply_diff
from flamingo_lib.exports.run import export_dataset

from .conftest import CAPTION, PAIR, QUESTION
from .test_run import judge

UNTAGGED = [QUESTION, PAIR, CAPTION]


def needs(package):
    return pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed")


@pytest.fixture
def export(folder, tmp_path):
    """Exports to a target; returns the folder."""

    def run(target, **settings):
        export_dataset(folder, target, tmp_path / "out", **settings)
        return tmp_path / "out"

    return run


@pytest.fixture
def parquet(export, tmp_path):
    """Exports to a Parquet target and reads it as `datasets` does."""
    from datasets import load_dataset

    return lambda target, **settings: load_dataset(
        str(export(target, **settings)), split="train", cache_dir=str(tmp_path / "cache")
    )


def lines(file):
    return [json.loads(line) for line in Path(file).read_text("utf-8").splitlines()]


def pixels(file):
    return np.asarray(Image.open(file).convert("RGB"))


def sources(tmp_path, rewrite):
    return [tmp_path / "data" / rewrite.sample.source / name for name in rewrite.sample.images]


def check_columns(values, rewrite):
    """The columns that every format has."""
    assert values["source"] == rewrite.sample.source and values["task"] == rewrite.sample.task and values["licence"]
    assert apply_diff(values["history"][0]["diff"], backwards=True) == rewrite.sample.raw
    assert apply_diff(values["history"][-1]["diff"]) == rewrite.final


def test_llava_schema(export, tmp_path):
    out = export("llava")
    items = json.loads((out / "llava.json").read_text("utf-8"))
    assert [item["id"] for item in items] == [rewrite.sample.id for rewrite in UNTAGGED]
    for item, rewrite in zip(items, UNTAGGED, strict=True):
        human, gpt = item["conversations"]
        assert (human["from"], gpt["from"]) == ("human", "gpt") and gpt["value"] == rewrite.final
        images = item["image"] if isinstance(item["image"], list) else [item["image"]]
        assert human["value"] == "<image>\n" * len(images) + rewrite.sample.instruction
        assert isinstance(item["image"], str) == (len(images) == 1)
        for name, file in zip(images, sources(tmp_path, rewrite), strict=True):
            assert (out / name).read_bytes() == file.read_bytes()
        check_columns(item, rewrite)


@pytest.mark.parametrize("preference", [False, True])
def test_llama_factory_schema(export, preference):
    out = export("llama-factory", preference=preference, judge=judge)
    description = json.loads((out / "dataset_info.json").read_text("utf-8"))["polite_flamingo"]
    assert description["formatting"] == "sharegpt" and description.get("ranking", False) == preference
    for line in lines(out / description["file_name"]):
        assert set(description["columns"].values()) <= set(line)
        assert sum(message["content"].count("<image>") for message in line["messages"]) == len(line["images"])
        assert len(line["messages"]) % 2 == (1 if preference else 0)
        assert all((out / name).is_file() for name in line["images"])


@needs("llamafactory")
@pytest.mark.parametrize("preference", [False, True])
def test_llama_factory_reads_it(export, tmp_path, monkeypatch, preference):
    from datasets import load_dataset

    out = export("llama-factory", preference=preference, judge=judge)
    package = ModuleType("llamafactory.data")  # its __init__ would import audio libraries
    package.__path__ = [str(Path(import_module("llamafactory").__path__[0]) / "data")]
    monkeypatch.setitem(sys.modules, "llamafactory.data", package)
    attributes = import_module("llamafactory.data.parser").get_dataset_list(["polite_flamingo"], str(out))[0]
    convert = import_module("llamafactory.data.converter").get_dataset_converter(
        attributes.formatting, attributes, SimpleNamespace(media_dir=str(out))
    )
    rows = load_dataset(
        "json", data_files=str(out / attributes.dataset_name), split="train", cache_dir=str(tmp_path / "cache")
    )
    expected = [QUESTION] if preference else UNTAGGED
    for row, rewrite in zip(rows, expected, strict=True):
        made = convert(row)
        assert made["_prompt"][-1]["content"].endswith(rewrite.sample.instruction)
        answers = [message["content"] for message in made["_response"]]
        assert answers == ([rewrite.final, rewrite.sample.raw] if preference else [rewrite.final])
        assert all(Path(file).is_file() for file in made["_images"])


def test_datasets_reads_both_styles(export, tmp_path):
    from datasets import load_dataset

    file = export("llama-factory", styles=True) / "polite_flamingo.jsonl"
    rows = load_dataset("json", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
    assert rows["style"][:] == ["curt", "polite"] * 3


@pytest.mark.parametrize("preference", [False, True])
def test_ms_swift_schema(export, preference):
    rows = lines(export("ms-swift", preference=preference, judge=judge) / "train.jsonl")
    assert [row["channel"] for row in rows] == [
        rewrite.sample.source for rewrite in ([QUESTION] if preference else UNTAGGED)
    ]
    assert rows[0]["objects"] == {"ref": ["circle"], "bbox": [[0.1, 0.2, 0.5, 0.6]], "bbox_type": "norm1"}
    for row in rows:
        assert [message["role"] for message in row["messages"]] == ["user", "assistant"]
        assert row["messages"][0]["content"].count("<image>") == len(row["images"])
        assert all(Path(file).is_file() for file in row["images"])
        assert row.get("rejected_response") == ("red" if preference else None)


@needs("swift")
@pytest.mark.parametrize("preference", [False, True])
def test_ms_swift_reads_it(export, preference):
    out = export("ms-swift", preference=preference, judge=judge)
    rows = import_module("swift.dataset").load_dataset(str(out / "train.jsonl"), strict=True)[0]
    expected = [QUESTION] if preference else UNTAGGED
    for row, rewrite in zip(rows, expected, strict=True):
        assert row["messages"][-1]["content"] == rewrite.final and row["channel"] == rewrite.sample.source
        assert len(row["images"]) == len(rewrite.sample.images)
        assert not preference or row["rejected_response"] == rewrite.sample.raw


@needs("swift")
def test_ms_swift_reads_both_styles(export):
    rows = import_module("swift.dataset").load_dataset(
        str(export("ms-swift", styles=True) / "train.jsonl"), strict=True
    )[0]
    answers = [row["messages"][-1]["content"] for row in rows]
    assert answers == [text for rewrite in UNTAGGED for text in (rewrite.sample.raw, rewrite.final)]


@pytest.mark.parametrize("preference", [False, True])
def test_trl_columns(parquet, tmp_path, preference):
    rows = parquet("trl", preference=preference, judge=judge)
    expected = [QUESTION] if preference else UNTAGGED
    for row, rewrite in zip(rows, expected, strict=True):
        (prompt,) = row["prompt"]
        assert [part["type"] for part in prompt["content"]] == ["image"] * len(rewrite.sample.images) + ["text"]
        assert prompt["content"][-1]["text"] == rewrite.sample.instruction
        (answer,) = row["chosen" if preference else "completion"]
        assert answer == {"role": "assistant", "content": [{"type": "text", "text": rewrite.final}]}
        if preference:
            assert row["rejected"][0]["content"][0]["text"] == rewrite.sample.raw and row["length_difference"] == 2
        for image, file in zip(row["images"], sources(tmp_path, rewrite), strict=True):
            assert np.array_equal(np.asarray(image.convert("RGB")), pixels(file))
        check_columns(row, rewrite)


@needs("trl")
def test_trl_reads_it(parquet):
    utilities = import_module("trl.data_utils")
    for row in parquet("trl"):
        assert utilities.is_conversational(row)
        (message,) = utilities.prepare_multimodal_messages(row["prompt"], images=row["images"])
        shown = [part["image"] for part in message["content"] if part["type"] == "image"]
        assert len(shown) == len(row["images"]) and all(isinstance(image, Image.Image) for image in shown)


def test_axolotl_schema(export, tmp_path):
    out = export("axolotl")
    for row, rewrite in zip(lines(out / "train.jsonl"), UNTAGGED, strict=True):
        user, assistant = row["messages"]
        paths = [part["path"] for part in user["content"] if part["type"] == "image"]
        assert [Path(path).read_bytes() for path in paths] == [file.read_bytes() for file in sources(tmp_path, rewrite)]
        assert user["content"][-1] == {"type": "text", "text": rewrite.sample.instruction}
        assert assistant["content"] == [{"type": "text", "text": rewrite.final}]
        check_columns(row, rewrite)
    assert str(out / "train.jsonl") in (out / "axolotl.yaml").read_text("utf-8")


@needs("trl")
def test_trl_reads_both_styles(parquet):
    utilities = import_module("trl.data_utils")
    rows = list(parquet("trl", styles=True))
    assert len(rows) == 6 and all(map(utilities.is_conversational, rows))


@needs("axolotl")
def test_axolotl_reads_it(export, tmp_path):
    from datasets import load_dataset

    rows = load_dataset(
        "json",
        data_files=str(export("axolotl") / "train.jsonl"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    strategy = import_module("axolotl.processing_strategies").ProcessingStrategy(SimpleNamespace())
    for made, rewrite in zip(strategy(list(rows)), UNTAGGED, strict=True):
        user, assistant = made["messages"]
        assert [set(part) for part in user["content"]] == [
            *[{"type", "path"}] * len(rewrite.sample.images),
            {"type", "text"},
        ]
        assert assistant["content"][0]["text"] == rewrite.final


def test_finevision_columns(parquet):
    rows = parquet("finevision")
    for row, rewrite in zip(rows, UNTAGGED, strict=True):
        assert row["texts"] == [{"user": rewrite.sample.instruction, "assistant": rewrite.final}]
        assert len(row["images"]) == len(rewrite.sample.images)
        assert row["formatting_ratings"] == [None] and row["formatting_min"] is None
        check_columns(row, rewrite)
    assert rows["relevance_ratings"][:] == [[5], [4], [None]] and rows["relevance_min"][:2] == [5, 4]


@pytest.mark.parametrize(
    ("scores", "rating"),
    [
        ({"nli_contradiction": 9.0, "nli_entailment": -9.0, "nli_neutral": 0.0}, 1),
        ({"nli_contradiction": 0.0, "nli_entailment": 0.0, "nli_neutral": -99.0}, 3),
        ({"sts_similarity": -0.3}, 1),
        ({"sts_similarity": 1.0}, 5),
        ({"reward": 3.0}, None),
    ],
)
def test_relevance_rating(scores, rating):
    assert relevance(scores) == rating


def test_parquet_columns(parquet, tmp_path):
    rows = parquet("parquet")
    assert rows["id"][:] == [rewrite.sample.id for rewrite in UNTAGGED]
    assert rows["reward"][:] == [1.5, 2.0, None] and rows["commercial_use"][0] is True
    for row, rewrite in zip(rows, UNTAGGED, strict=True):
        assert (row["instruction"], row["response"], row["raw"]) == (
            rewrite.sample.instruction,
            rewrite.final,
            rewrite.sample.raw,
        )
        for image, file in zip(row["images"], sources(tmp_path, rewrite), strict=True):
            assert np.array_equal(np.asarray(image.convert("RGB")), pixels(file))
        check_columns(row, rewrite)


def test_parquet_files_end_at_their_bound(export, monkeypatch):
    import pyarrow.parquet as pq

    from flamingo_lib.exports import parquet_files

    monkeypatch.setattr(parquet_files, "ROWS_A_GROUP", 1)
    monkeypatch.setattr(parquet_files, "ROWS_A_FILE", 2)
    files = sorted((export("parquet") / "data").glob("*.parquet"))
    assert [pq.ParquetFile(file).metadata.num_rows for file in files] == [2, 1]


def test_webdataset_members(export, tmp_path):
    with tarfile.open(export("webdataset") / "train-00000.tar") as tar:
        names = tar.getnames()
        assert names[:2] == ["000000000.0.jpg", "000000000.json"]
        for number, rewrite in enumerate(UNTAGGED):
            values = json.load(tar.extractfile(f"{number:09d}.json"))
            check_columns(values, rewrite)
            for ending, file in zip(values["images"], sources(tmp_path, rewrite), strict=True):
                assert tar.extractfile(f"{number:09d}.{ending}").read() == file.read_bytes()


@needs("webdataset")
def test_webdataset_reads_it(export, tmp_path):
    files = sorted(str(file) for file in export("webdataset").glob("*.tar"))
    rows = import_module("webdataset").WebDataset(files, shardshuffle=False).decode("pil")
    for row, rewrite in zip(rows, UNTAGGED, strict=True):
        shown = [np.asarray(row[ending].convert("RGB")) for ending in row["json"]["images"]]
        assert all(map(np.array_equal, shown, map(pixels, sources(tmp_path, rewrite))))
