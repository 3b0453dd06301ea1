"""Every command and every Python block of README.md is executed as it is written.

They run in README's order in one folder, so that what a line writes is there for the next ones. `PLACES` says what
stands for other people's folders and servers, `EXAMPLES` which settings make a line small, and what comes of it. Lines
of `make` are run dry in test_commands.py, for they are the whole run, the whole suite, or a server; `flamingo serve` is
started by tests/serving.
"""

from __future__ import annotations

import io
import re
import shlex
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from flamingo_lib.cli import main
from flamingo_lib.pipeline import environment
from flamingo_lib.rewriting.shards import read_shards
from flamingo_lib.study import record
from tests.faults.inputs import Answers
from tests.miniature import SETTINGS
from tests.project.readme_folder import QUESTION, ROOT, write_folder

README = (ROOT / "README.md").read_text("utf-8")
ELSEWHERE = ("make ", "flamingo serve ")


@dataclass(frozen=True)
class Here:
    """The folder, and the port of a server that answers."""

    folder: Path
    port: int


@dataclass(frozen=True)
class Example:
    """What comes of a line or a block.

    Attributes:
        part: words of it that stand in no other one.
        leaves: files that it makes; without any, it makes none.
        prints: a pattern that its output holds.
        settings: changes of the preset, appended.
        more: other arguments, appended.
        typed: what is typed meanwhile.
    """

    part: str
    leaves: tuple[str, ...] = ()
    prints: str = ""
    settings: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    typed: str = ""


PLACES: dict[str, Callable[[Here], str]] = {
    "/data/": lambda here: f"{here.folder}/data/",
    "localhost:8000": lambda here: f"localhost:{here.port}",
    "NAME": lambda here: "tiny",
    "RECORD_ID": lambda here: next(iter(read_shards(here.folder / "pf1m"))).sample.id,
}

REWRITING = ("rewriting.max_new_tokens=12", 'filters.chain=["change", "sts"]', "filters.sts_min=-1")
"""A rewriter of six steps writes what the other filters drop."""
CHAT = {"more": ("--max-new-tokens", "8"), "typed": f"{QUESTION}\n/quit\n", "prints": r"\w"}

EXAMPLES = (
    Example("--out rewritten --dry-run", prints="all 4 responses: about", settings=REWRITING),
    Example("--columns image=picture", ("rewritten/my.csv", "rewritten/report.html"),
            "^[1-4] of 4 rows in rewritten/my.csv", REWRITING),
    Example("from flamingo_lib import rewrite", prints=r"\w"),
    Example("chat-page", ("chat.html",)),
    Example("judge-pairs", ("page.html", "page.html.pairs.json"), "4 pairs"),
    Example("export rewritten", ("trl/README.md", "trl/data/train-00000.parquet"), r"^[1-4] records in trl"),
    Example("chat --model runs/tiny-0/stage3/model", **CHAT),
    Example("presets show tiny", prints=r"rewriter\.max_steps = \d+"),
    Example("pipeline --preset paper", prints="everything is there"),
    Example("import WEIGHTS", ("clever-flamingo/config.json", "clever-flamingo/model.safetensors")),
    Example("chat --model openflamingo-9b", **CHAT),
    Example("assemble", ("my-base/config.json", "my-base/model.safetensors"), "my-base: train its connector"),
    Example("parity --help", prints="Usage"),
    Example("train stage2", ("runs/night/stage2/model/model.safetensors",), "stage2: 3 steps", SETTINGS),
    Example("windows stage1", ("windows.html",), "best_fit", SETTINGS),
    Example("evaluate", ("runs/ok-vqa/metrics.json", "runs/ok-vqa/predictions.jsonl"), "written to runs/ok-vqa",
            ("evaluation.max_new_tokens=8",)),
    Example("flamingo --help", prints="Usage"),
    Example("train_stage", ("my-model/model.safetensors", "my-model/training.json"),
            settings=("stages.stage1.max_steps=2", "stages.stage1.batch_size=4")),
    Example("sources check vqa-v2", prints=r"train: \d+ samples"),
    Example("--source gqa", ("pf1m/pf1m.json", "pf1m/README.md", "pf1m/data/train-00000.parquet"),
            r"^[1-9]\d* records in pf1m", REWRITING),
    Example("explain", ("record.html",), "rewriter"),
    Example("plan --preset paper", prints="stage3"),
    Example("train rewriter", ("my-rewriter/adapter_model.safetensors",), "model in my-rewriter", SETTINGS),
    Example("--backend transformers", ("my-pf1m/pf1m.json",), r"^[1-9]\d* records in my-pf1m", REWRITING),
    Example("--backend server", ("job/shards/000000.jsonl",), r"^\d+ records in 1 shards below job"),
    Example("study --dry-run", prints="seeds 0, 1, 2, 3, 4: "),
    Example("study --collect", ("data_samples/study/study.json",), "result .*study.json"),
)  # fmt: skip


def texts() -> list[str]:
    """README's lines of `sh` blocks, its `python` blocks, and commands with options within its prose, in order."""
    found = []
    for kind, block, inline in re.findall(r"^```(\w+)\n(.*?)^```|`(flamingo [^`]*--[^`]*)`", README, flags=re.S | re.M):
        if kind == "sh":
            lines = block.replace("\\\n", " ").splitlines()
            found += [line.split(" #")[0].strip() for line in lines if not line.startswith("#")]
        elif kind == "python":
            found.append(block)
        elif inline:
            found.append(" ".join(inline.split()))
    return [text for text in found if text and not text.startswith(ELSEWHERE)]


@pytest.fixture(scope="module")
def here(tmp_path_factory, released_weights):
    folder = tmp_path_factory.mktemp("readme")
    write_folder(folder, released_weights)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Here(folder, server.server_address[1])
    server.shutdown()
    server.server_close()
    for file in ("tower.pt", "my-base/model.safetensors"):  # the only large ones
        (folder / file).unlink(missing_ok=True)


@pytest.fixture
def inside(here, monkeypatch):
    """The folder as the checkout that README speaks of."""
    monkeypatch.chdir(here.folder)
    monkeypatch.setattr(environment, "project_root", lambda: here.folder)
    monkeypatch.setattr(record, "STUDY", here.folder / "data_samples" / "study" / "study.json")
    environment.commit.cache_clear()
    yield here
    environment.commit.cache_clear()


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("text", texts(), ids=lambda text: text.splitlines()[0].removeprefix(".venv/bin/")[:60])
def test_readme_does_what_it_promises(text, inside, monkeypatch, capsys):
    found = [example for example in EXAMPLES if example.part in text]
    assert len(found) == 1, f"EXAMPLES has {len(found)} entries for: {text}"
    example, before = found[0], files(inside.folder)
    assert not before & {*example.leaves}
    for name, stand_in in PLACES.items():
        if name in text:
            text = text.replace(name, stand_in(inside))
    monkeypatch.setattr(sys, "stdin", io.StringIO(example.typed))
    if "\n" in text:
        run_block(text, example)
    else:
        run_line(text, example, monkeypatch)
    assert re.search(example.prints, capsys.readouterr().out, flags=re.M)
    made = files(inside.folder) - before
    assert {*example.leaves} <= made and bool(made) == bool(example.leaves)


def run_line(line, example, monkeypatch):
    """The command in this process, so that imports are paid once."""
    words = shlex.split(line) + [word for setting in example.settings for word in ("--set", setting)]
    assert Path(words[0]).name == "flamingo"
    monkeypatch.setattr(sys, "argv", [*words, *example.more])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code


def run_block(block, example):
    if example.settings:
        assert block.count('load_preset("tiny")') == 1
        block = block.replace('load_preset("tiny")', f'load_preset("tiny", {list(example.settings)})')
    exec(compile(block, "README.md", "exec"), {})


def test_no_block_is_of_another_kind():
    kinds = re.findall(r"^([ \t]*)```(\w+)", README, flags=re.M)
    assert set(kinds) == {("", "sh"), ("", "python"), ("", "bibtex")}


def test_a_run_goes_on_with_the_seed_it_was_made_with():
    seeds = {match[1]: line for line in README.splitlines() if (match := re.match(r"make pipeline.* RUN=(\w+)", line))}
    runs = {match[1]: text for text in texts() if (match := re.search(r" --run (\w+)", text))}
    assert runs.keys() <= seeds.keys()
    for run, text in runs.items():
        made, continued = re.search(r" SEED=(\d+)", seeds[run]), re.search(r" --seed (\d+)", text)
        assert (made[1] if made else "0") == (continued[1] if continued else "0"), text


def test_no_example_is_left_over():
    for name in [*(example.part for example in EXAMPLES), *PLACES]:
        assert any(name in text for text in texts()), name
