"""lmms-eval runs: scores of one model on its tasks, with judge, versions and model hash beside every one of them."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError, DataError, MissingAsset
from ..hub import resolve
from ..storage import fingerprint_files, write_json
from .lmms_eval import MAX_NEW_TOKENS, FlamingoLmms

if TYPE_CHECKING:
    from ..judges.nli import NliJudge

EXACT = ("exact_match", "quasi_exact_match", "prefix_exact_match", "prefix_quasi_exact_match")
"""Built-in metrics of lmms-eval that compare texts letter by letter."""

LIKELIHOOD = ("acc", "acc_norm", "acc_mutual_info", "mcc", "f1", "perplexity", "word_perplexity", "byte_perplexity")
"""Built-in metrics that read probabilities, so that nothing judges a text."""

MODEL_FILES = ("config.json", "processor_config.json", "tokenizer.json", "*.safetensors", "adapter_config.json")
NLI_METRIC = "nli_entailed"
DETAILS = ("alias", "samples", "n")


def run_lmms_eval(
    model: str | os.PathLike,
    tasks: Sequence[str],
    *,
    adapter: str | os.PathLike | None = None,
    include_path: str | os.PathLike | None = None,
    nli: str | None = None,
    limit: int | None = None,
    batch_size: int = 32,
    max_new_tokens: int = MAX_NEW_TOKENS,
    curt: bool = False,
    device: str = "cpu",
    out: str | os.PathLike | None = None,
) -> dict[str, Any]:
    """Score a model on tasks of lmms-eval.

    Args:
        model, adapter, batch_size, max_new_tokens, curt, device: see `FlamingoLmms`.
        tasks: names of tasks or groups.
        include_path: a folder with task files of your own.
        nli: an NLI judge (see `judges.nli.NliJudge`) that also reads every answer of generating tasks and gives the
            share that it calls entailed by the reference; None for the tasks' own metrics alone.
        limit: documents of each task; None for all. Scores of a part are not scores of the task; it stands with them.
        out: JSON file that receives the result.

    Returns:
        ``model`` (name, hash, adapter, adapter_hash), ``lmms_eval`` (its version), ``limit``, and ``scores``: a list
        of task, metric, filter, value, stderr, samples, judge, judge_version, task_version, lmms_eval, model_hash,
        adapter_hash.

    Raises:
        MissingAsset: lmms-eval is not installed, or the model or judge is not on this machine.
        ConfigError: no task, or one that lmms-eval doesn't know.
        DataError: see `FlamingoLmms.generate_until`; no document was scored.
    """
    try:
        from lmms_eval import evaluator
        from lmms_eval.tasks import TaskManager
    except ImportError as error:
        raise MissingAsset(
            f"lmms-eval cannot be imported ({error})",
            remedy="Install it into an environment of its own beside this library: see docs/lmms_eval.md.",
        ) from error
    if not tasks:
        raise ConfigError("no task is named", remedy="Name one: `lmms-eval tasks list` shows them.")
    judge = None if nli is None else _load_nli(nli, device)
    manager = TaskManager(include_path=None if include_path is None else str(include_path))
    unknown = sorted(set(tasks) - set(manager.all_tasks))
    if unknown:
        raise ConfigError(
            f"lmms-eval has no task {unknown[0]!r}",
            remedy="`lmms-eval tasks list` shows its own; tasks of yours need --include-path.",
        )
    hashes = {"model_hash": _hash(resolve(model)), "adapter_hash": None if adapter is None else _hash(Path(adapter))}
    scored = FlamingoLmms(
        model, adapter, batch_size=batch_size, max_new_tokens=max_new_tokens, curt=curt, device=device
    )
    results = evaluator.simple_evaluate(
        model=scored, tasks=list(tasks), task_manager=manager, limit=limit, log_samples=True, bootstrap_iters=1000
    )
    stamp = {"lmms_eval": lmms_eval_version(), **hashes}
    scores = [score | stamp for score in _task_scores(results, manager)]
    if judge is not None:
        scores += [score | stamp for score in _nli_scores(results, judge)]
    if not scores:
        raise DataError("lmms-eval gave no score", remedy="See its log: have the tasks any document?")
    result = {
        "model": {"name": os.fspath(model), "adapter": None if adapter is None else os.fspath(adapter), **hashes},
        "lmms_eval": stamp["lmms_eval"],
        "limit": limit,
        "scores": scores,
    }
    if out is not None:
        write_json(out, result)
    return result


def lmms_eval_version() -> str:
    """The version of the installed lmms-eval.

    Raises:
        MissingAsset: it is not installed.
    """
    try:
        return version("lmms_eval")
    except PackageNotFoundError:
        raise MissingAsset("lmms-eval is not installed", remedy="See docs/lmms_eval.md.") from None


def judge_of(metric: str, config: dict[str, Any]) -> str:
    """Who decides about a task's metric: ``exact``, ``none (...)``, or the task's code with the model it may ask.

    Args:
        metric: its name in the task's results.
        config: the task's settings with functions as functions, as `TaskManager` gives them.
    """
    own = config.get("process_results")
    if own is None:
        own = next(
            (item["metric"] for item in config.get("metric_list") or () if _name(item["metric"]) == metric), None
        )
    if isinstance(own, FunctionType):
        language_model = _language_model(own)
        code = f"task code {own.__module__.rsplit('.', 1)[-1]}.{own.__name__}"
        return f"{language_model}, by {code}" if language_model else f"none ({code})"
    if config.get("output_type") in ("multiple_choice", "loglikelihood") and metric in (*LIKELIHOOD, "exact_match"):
        return "none (probabilities)"
    return "exact" if metric in EXACT else f"none (formula {metric})"


def task_version(results: dict[str, Any], task: str) -> str | None:
    """The version in a task's metadata; None where its maker gives none."""
    metadata = results.get("configs", {}).get(task, {}).get("metadata") or {}
    entries = metadata if isinstance(metadata, list) else [metadata]
    return next((str(entry["version"]) for entry in entries if isinstance(entry, dict) and "version" in entry), None)


def _task_scores(results: dict[str, Any], manager: Any) -> Iterator[dict[str, Any]]:
    for task, values in results["results"].items():
        config = _functions(manager, task)
        for key, value in values.items():
            metric, _, kept = key.partition(",")
            if metric in DETAILS or "_stderr" in metric or not isinstance(value, int | float):
                continue
            error = values.get(f"{metric}_stderr,{kept}")
            counts = results.get("n-samples", {}).get(task, {})
            yield {
                "task": task,
                "metric": metric,
                "filter": kept,
                "value": float(value),
                "stderr": float(error) if isinstance(error, int | float) else None,
                "samples": counts.get("effective", len(results.get("samples", {}).get(task, ()))),
                "judge": judge_of(metric, config),
                "judge_version": f"lmms-eval {lmms_eval_version()}{_local_code(manager, task)}",
                "task_version": task_version(results, task),
            }


def _nli_scores(results: dict[str, Any], judge: NliJudge) -> Iterator[dict[str, Any]]:
    """The share of answers that the judge calls entailed by a reference, task by task."""
    from ..judges.nli import ENTAILMENT, find_nli

    judge_hash = _hash(find_nli(judge.name))
    for task, samples in results.get("samples", {}).items():
        if results["configs"][task].get("output_type") != "generate_until":
            continue
        rows = [(sample, reference) for sample in samples for reference in _references(sample["target"])]
        if not rows:
            continue
        entailed = (
            judge(
                [_question(sample) for sample, _ in rows],
                [reference for _, reference in rows],
                [_response(sample) for sample, _ in rows],
            ).argmax(axis=1)
            == ENTAILMENT
        )
        by_document: dict[Any, bool] = {}
        for (sample, _), held in zip(rows, entailed, strict=True):
            by_document[sample["doc_id"]] = by_document.get(sample["doc_id"], False) or bool(held)
        values = np.array(list(by_document.values()), float)
        yield {
            "task": task,
            "metric": NLI_METRIC,
            "filter": "none",
            "value": float(values.mean()),
            "stderr": float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None,
            "samples": len(values),
            "judge": f"NLI {judge.name}",
            "judge_version": judge_hash,
            "task_version": task_version(results, task),
        }


def _load_nli(name: str, device: str) -> NliJudge:
    from ..judges.nli import NliJudge

    return NliJudge(name, device=device)


def _question(sample: dict[str, Any]) -> str:
    return str(sample["arguments"][0][0])


def _response(sample: dict[str, Any]) -> str:
    given = sample["filtered_resps"][0]
    return str(given[0] if isinstance(given, list) and given else given)


def _references(target: Any) -> list[str]:
    """References of a document; a list where it has several."""
    values: Iterable[Any] = target if isinstance(target, list | tuple) else [target]
    return [str(value) for value in dict.fromkeys(map(str, values)) if value.strip()]


def _hash(folder: Path) -> str:
    """Fingerprint of what computes: weights, settings, tokenizer."""
    return fingerprint_files({file for pattern in MODEL_FILES for file in folder.glob(pattern)})


def _functions(manager: Any, task: str) -> dict[str, Any]:
    """A task's settings with their functions; none for a group."""
    from lmms_eval.utils import load_yaml_config

    path = manager.task_index.get(task, {}).get("yaml_path", -1)
    return {} if path in (-1, None) else load_yaml_config(path, mode="full")


def _local_code(manager: Any, task: str) -> str:
    """The fingerprint of a task's folder where it isn't part of lmms-eval."""
    import lmms_eval

    path = manager.task_index.get(task, {}).get("yaml_path", -1)
    if path in (-1, None) or Path(path).is_relative_to(Path(lmms_eval.__file__).parent):
        return ""
    files = [*Path(path).parent.glob("*.yaml"), *Path(path).parent.glob("*.py")]
    return f", task files {fingerprint_files(files)}"


def _name(metric: Any) -> str:
    return metric if isinstance(metric, str) else getattr(metric, "__name__", str(metric))


def _language_model(function: FunctionType) -> str | None:
    """The language model that a task's code asks, as far as its module tells; None if it asks none."""
    names = function.__globals__
    asks = any(
        str(getattr(value, "__module__", "")).startswith("lmms_eval.llm_judge")
        or (inspect.ismodule(value) and value.__name__ == "openai")
        for value in names.values()
    )
    if not asks:
        return None
    models = [
        value
        for name, value in names.items()
        if isinstance(value, str) and "MODEL" in name.upper() and not name.startswith("_")
    ]
    return models[0] if models else os.environ.get("MODEL_VERSION", "a language model of no known name")
