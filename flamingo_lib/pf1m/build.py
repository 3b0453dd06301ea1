"""The PF-1M job (docs/method.md, section 3): read, rewrite, judge, filter, write; it can be resumed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

from .. import __version__
from ..code_hash import code_fingerprint
from ..config import Preset
from ..errors import DataError
from ..filters.corpus_alarms import CorpusAlarms, alarm_lines, alarms_html, alarms_json, alarms_words
from ..filters.funnel import Funnel, funnel_html, funnel_markdown
from ..filters.verdict import missing_output
from ..html import join, message, section, write_page
from ..hub import local_folder, resolve
from ..judges.panel import find_judges
from ..judges.precision import resolve_precision
from ..rewriting.backends.batch_files import write_batch_files
from ..rewriting.backends.load import check_backend
from ..rewriting.backends.server import usage_report
from ..rewriting.backends.server_requests import RequestBuilder
from ..rewriting.backends.settings import BackendConfig, backend_identity, backend_label
from ..rewriting.executors.ray import LOCAL, run_ray_job
from ..rewriting.job import JOB, JobResult, run_job
from ..rewriting.pictures import Pictures
from ..rewriting.shards import read_shards
from ..storage import atomic_write, fingerprint_files, read_json, write_json
from .images import released
from .parquet import dataset_card, write_parquet
from .record import write_through
from .sources import ImageSizes, SourceSpec, SourceStream, source_roots
from .worker import MakeWork, best_device, cluster_stages, needed_judges

RELEASED, FUNNEL, CARD, QUARANTINE, PLACES = "pf1m.json", "funnel.json", "README.md", "quarantine.jsonl", "sources.json"
ALARMS = "alarms.json"
CODE = "code fingerprint"
CODE_MODULES = (f"{__package__}.worker", "flamingo_lib.rewriting.executors.local")
"""Modules whose code (with their imports) decides a shard; the samples have digests of their own."""

ANSWERS, USAGE = "answers.jsonl", "usage.json"
"""What a server has answered (a job that goes on asks for the rest alone), and the tokens that it took."""


def job_identity(
    sources: Sequence[SourceSpec], rewriter: str, preset: Preset, filtering: bool, backend: BackendConfig | None = None
) -> dict[str, Any]:
    """The job's identity: all settings that decide the records, as plain values, without the sources' folders.

    The STS judge's precision stands there as it is on this machine: ``"auto"`` may mean another on the next.
    """
    plain = [{name: value for name, value in asdict(source).items() if name != "root"} for source in sources]
    return work_identity({"sources": plain}, rewriter, preset, filtering, backend)


def work_identity(
    data: Mapping[str, Any], rewriter: str, preset: Preset, filtering: bool, backend: BackendConfig | None = None
) -> dict[str, Any]:
    """A job's identity whatever its data are; `data` is what tells them, by name (see `job_identity`)."""
    asked = backend_identity(rewriter, backend or BackendConfig())
    identity: dict[str, Any] = {
        "program": __version__,
        CODE: code_fingerprint(CODE_MODULES),
        **data,
        "seed": preset.seed,
        "rewriter": asked.pop("model"),
        "backend": asked,
        "rewriting": preset.rewriting.model_dump(mode="json"),
    }
    if filtering:
        identity["filters"] = preset.filters.model_dump(mode="json")
        identity["judges.sts_precision"] = resolve_precision(preset.judges.sts_precision, best_device())
        identity["judges"] = {role: _judge_identity(role, preset) for role in ("sts", "nli", "reward", "clip")}
    return identity


def _judge_identity(role: str, preset: Preset) -> str:
    name = getattr(preset.judges, role)
    folder = local_folder(name, shipped_as=f"{role}-tiny" if name == "tiny" else None)
    if folder is None:
        return name
    return f"{name} {fingerprint_files(path for path in folder.iterdir() if path.suffix in {'.json', '.safetensors'})}"


def rewrite_sources(
    sources: Sequence[SourceSpec],
    rewriter: str | PathLike,
    out: str | PathLike,
    preset: Preset,
    *,
    filtering: bool = True,
    workers: int = 0,
    ray: str | None = None,
    backend: BackendConfig | None = None,
) -> JobResult:
    """Rewrite, and unless told otherwise judge and filter, all samples of `sources` into shards below `out`.

    Args:
        rewriter: a rewriter's folder, or the name of a shipped one; of a server, the model's name there.
        preset: settings and seed; its own sources play no part.
        workers: processes on this machine; 0 works in this one. With `ray`, rewriters in the cluster (0: one).
        ray: the address of a Ray cluster that does the work, or ``"local"`` to start one here.
        backend: the kind of rewriter and how it is asked; by default our Flamingo.

    Raises:
        ConfigError, MissingAsset, DataError, FlamingoError: as `run_job`, and for sources and models that cannot be
            read.
    """
    out, roots = Path(out), source_roots(sources)
    name, backend = str(rewriter), backend or BackendConfig()
    if filtering and ray in (None, LOCAL):  # another cluster's machines may have judges that this one lacks
        find_judges(preset.judges, needed_judges(preset.filters))
    identity = job_identity(sources, name, preset, filtering, backend)
    if filtering:  # every machine that helps computes as this one does
        judges = preset.judges.model_copy(update={"sts_precision": identity["judges.sts_precision"]})
        preset = preset.model_copy(update={"judges": judges})
    check_backend(name, backend, preset.rewriting)
    label = backend_label(name, backend)
    given = name if backend.kind == "server" else str(resolve(name, role="the rewriter"))
    work = MakeWork(given, roots, preset, filtering, backend, label, out / ANSWERS if ray is None else None)
    options: dict[str, Any] = {
        "identity": identity,
        "shard_size": preset.rewriting.shard_size,
        "stamp": ImageSizes(roots),
    }
    stream = SourceStream(sources, preset.seed, out / QUARANTINE)
    if ray is None:
        result = run_job(stream, work, out, workers=workers, **options)
    else:
        gpus = float(best_device() == "cuda") / (max(1, workers) if ray == LOCAL else 1)
        stages = cluster_stages(work, rewriters=max(1, workers), gpus=gpus / 2)
        result = run_ray_job(stream, stages, out, address=ray, **options)
    require_texts(out)
    if backend.kind == "server" and (usage := usage_report(backend, out / ANSWERS)) is not None:
        write_json(out / USAGE, usage)
    places = {source: str(Path(root).resolve()) for source, root in roots.items()}
    write_json(out / PLACES, {"roots": places, "rewriter": label, "preset": preset.name})
    return result


def require_texts(folder: Path) -> None:
    """A `DataError` if a finished job's shards hold records, and the rewriter gave no text for any of them."""
    first: tuple[str, str] | None = None
    for rewrite in read_shards(folder):
        why = missing_output(rewrite)
        if not why:
            return
        first = first or (rewrite.sample.id, why)
    if first is not None:
        raise DataError(
            f"no record could be rewritten; the first: {first[1]}",
            file=folder,
            record=first[0],
            remedy="Give another model or other records, in another folder.",
        )


def write_requests(
    sources: Sequence[SourceSpec],
    model: str,
    path: str | PathLike,
    preset: Preset,
    backend: BackendConfig,
    *,
    quarantine: Path | None = None,
) -> dict[str, Any]:
    """Write the requests of all samples of `sources` as OpenAI batch files; see `batch_files.write_batch_files`."""
    pictures = Pictures(source_roots(sources))
    builder = RequestBuilder(model, pictures, preset.rewriting, backend, preset.seed)
    return write_batch_files(SourceStream(sources, preset.seed, quarantine)(), builder, Path(path))


def export_pf1m(out: str | PathLike, preset: Preset, *, title: str = "PF-1M") -> dict[str, Any]:
    """Write the dataset from a finished job's shards, with funnel, alarms and card; returns the funnel.

    Args:
        out: the job's folder; the dataset is written there too.
        preset: the job's settings, for the card.
        title: the dataset's name on its card.
    """
    out = Path(out)
    funnel, noticed, counts = Funnel(preset.filters.chain), CorpusAlarms(), dict[str, int]()

    def counted() -> Iterator[Any]:
        for rewrite in read_shards(out):
            funnel.add(rewrite)
            if rewrite.kept:
                noticed.add(rewrite)
            yield rewrite

    def kept(roots: dict[str, str]) -> Iterator[Any]:
        for record in released(counted(), out, roots):
            counts[record.source] = counts.get(record.source, 0) + 1
            yield record

    locations = read_json(out / PLACES)
    write_parquet(out, write_through(out / RELEASED, kept(locations["roots"])))
    report, alarms = funnel.to_dict(), noticed.alarms()
    write_json(out / FUNNEL, report)
    write_json(out / ALARMS, alarms_json(alarms))
    judges = {role: getattr(preset.judges, role) for role in ("sts", "nli", "reward", "clip")}
    if precision := read_json(out / JOB).get("judges.sts_precision"):
        judges["sts"] += f" in {precision}"
    card = dataset_card(
        title=title,
        counts=counts,
        funnel=funnel_markdown(report),
        alarms=[alarms_words(alarms), *alarm_lines(alarms)],
        judges=judges,
        thresholds=preset.filters.model_dump(exclude={"max_failed"}),
        rewriter=locations["rewriter"],
        backend=read_json(out / JOB)["backend"],
        created_by=f"flamingo-lib {__version__}, preset {preset.name}, seed {preset.seed}",
    )
    with atomic_write(out / CARD) as file:
        file.write(card)
    whole = section("Alarms about the whole", join([message(alarms_words(alarms)), alarms_html(alarms)]))
    write_page(out / "funnel.html", f"{title}: the funnel", funnel_html(report), whole)
    return report
