"""Steps of the study that make data: rewrites without the image, with another one, and filters at equal data size."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..pipeline.step import Job, Step
from ..pipeline.steps import filter as filter_step
from ..pipeline.steps.mixtures import PF1M, chosen_raw
from ..pipeline.steps.records import read_records, write_records
from ..pipeline.steps.rewrite import REWRITTEN
from ..pipeline.steps.scenes import data_root
from ..pipeline.steps.sources import RAW
from ..pipeline.steps.training import MODEL
from ..records import Rewrite, Sample
from ..seeding import generator
from ..storage import fingerprint_files


def reading(step: Step, folders: Mapping[str, str] | None = None, **inputs: str) -> Step:
    """`step` with the results of other steps in place of those it reads.

    Args:
        step: of the pipeline.
        folders: by input, the subfolder of the other result that is read.
        inputs: by the input's name, the step read in its place.
    """

    def run(job: Job) -> Mapping[str, Any]:
        given = {name: job.inputs[inputs.get(name, name)] for name in step.inputs}
        for name, folder in (folders or {}).items():
            given[name] /= folder
        return step.run(replace(job, inputs=given))

    return replace(step, run=run, inputs=tuple(dict.fromkeys(inputs.get(name, name) for name in step.inputs)))


def text_only_step() -> Step:
    """The raw samples without their images, which the rewriter then can't see."""

    def run(job: Job) -> dict[str, Any]:
        """Write ``raw.jsonl``."""
        samples = read_records(Sample, job.inputs["sources"] / RAW)
        return {"study.text_only": write_records(job.folder / RAW, map(without_images, samples))}

    return Step("sources_text_only", "take away images", run, inputs=("sources",))


def without_images(sample: Sample) -> Sample:
    """The sample without its images, nor marks on them."""
    meta = {name: value for name, value in sample.meta.items() if name != "mark"}
    return replace(sample, images=(), turns=(), meta=meta)


def other_image_step() -> Step:
    """Some raw samples, each with the images of another scene."""

    def run(job: Job) -> dict[str, Any]:
        """Write ``raw.jsonl``."""
        from ..scenes.index import TruthIndex

        index = TruthIndex(data_root(job.inputs["scenes"], job.preset))
        samples = chosen_raw(read_records(Sample, job.inputs["sources"] / RAW), job.preset)
        scenes = {
            sample.id: tuple(index.scene(image, sample.source).id for image in sample.images) for sample in samples
        }
        swapped = with_other_images(samples, scenes, seed=job.seed, limit=job.preset.evaluation.questions)
        return {"study.other_image": write_records(job.folder / RAW, swapped)}

    return Step(
        "sources_other_image",
        "exchange images",
        run,
        inputs=("scenes", "sources"),
        config=("sources.root", "rewriting.mixture", "rewriting.limit_per_source", "evaluation.questions"),
    )


def with_other_images(
    samples: Sequence[Sample], scenes: Mapping[str, tuple[str, ...]], *, seed: int, limit: int
) -> list[Sample]:
    """At most `limit` samples, each with the images of another sample of its source that shows other scenes.

    Args:
        samples: with images; those that have none, or of whose source all show the same, are left out.
        scenes: ids of the scenes behind a sample's images, by its id.
        seed: of the choice, which depends on a sample's id.
        limit: of the result.
    """
    order = sorted(
        (sample for sample in samples if sample.images),
        key=lambda item: generator(seed, "other image", item.id).random(),
    )
    found: list[Sample] = []
    for position, sample in enumerate(order):
        if len(found) == limit:
            break
        others = (
            other
            for other in (*order[position + 1 :], *order[:position])
            if other.source == sample.source
            and len(other.images) == len(sample.images)
            and not set(scenes[other.id]) & set(scenes[sample.id])
        )
        other = next(others, None)
        if other is not None:
            found.append(replace(sample, images=other.images))
    return found


def as_asked(rewrites: Sequence[Rewrite], samples: Sequence[Sample]) -> list[Rewrite]:
    """The rewrites with the samples as the source gives them, whatever images the rewriter was shown."""
    known = {sample.id: sample for sample in samples}
    return [replace(rewrite, sample=known[rewrite.sample.id]) for rewrite in rewrites]


def filter_text_only_step() -> Step:
    """The chain of filters over the text-only rewrites, which are judged with their images."""

    def run(job: Job) -> Mapping[str, Any]:
        """As the pipeline's filter."""
        found = as_asked(
            read_records(Rewrite, job.inputs["rewrite_text_only"] / REWRITTEN),
            read_records(Sample, job.inputs["sources"] / RAW),
        )
        folder = job.scratch / "rewritten"
        write_records(folder / REWRITTEN, found)
        return filter_step.run(replace(job, inputs={**job.inputs, "rewrite": folder}))

    step = filter_step.STEP
    return replace(
        step,
        name="filter_text_only",
        title="filter, text only",
        run=run,
        inputs=("scenes", "sources", "rewrite_text_only"),
    )


def unfiltered_step() -> Step:
    """All rewrites as PF-1M, whatever the filters say; only those without any output are left out."""

    def run(job: Job) -> dict[str, Any]:
        """Write ``pf1m.json``."""
        root = data_root(job.inputs["scenes"], job.preset)
        return {"study.unfiltered": filter_step.write_released(_judged(job, ()), job.folder, root)}

    return Step(
        "filter_off", "keep every rewrite", run, inputs=("scenes", "rewrite"), config=("sources.root", "filters")
    )


def equal_filters_step(variants: Mapping[str, tuple[str, ...]]) -> Step:
    """Subsets of PF-1M of one size, each passed by another chain of filters.

    Args:
        variants: chains by name.
    """

    def run(job: Job) -> dict[str, Any]:
        """Write ``<variant>/pf1m.json`` of each, all with as many records as the strictest keeps."""
        judged = {name: _judged(job, chain) for name, chain in variants.items()}
        size = min(sum(item.kept for item in items) for items in judged.values())
        metrics: dict[str, Any] = {"study.equal_size": size}
        root = data_root(job.inputs["scenes"], job.preset)
        for name, items in judged.items():
            folder = job.folder / name
            folder.mkdir()
            filter_step.write_released(equal_part(items, size, job.seed), folder, root)
            metrics[f"study.kept.{name}"] = sum(item.kept for item in items)
        return metrics

    step = filter_step.STEP
    return Step(
        "filter_sets",
        "filters at equal size",
        run,
        inputs=("scenes", "rewrite"),
        config=step.config,
        assets=step.assets,
        resolve_auto=step.resolve_auto,
    )


def _judged(job: Job, chain: tuple[str, ...]) -> list[Rewrite]:
    """The rewrites with the verdicts of `chain`."""
    from ..filters.chain import NEEDS, Chain
    from ..judges.panel import load_judges
    from ..rewriting.pictures import Pictures

    config = job.preset.filters.model_copy(update={"chain": chain})
    judges = load_judges(job.preset.judges, only={NEEDS[name] for name in chain if name in NEEDS})
    images = Pictures(data_root(job.inputs["scenes"], job.preset))
    return list(Chain(config, judges, images)(read_records(Rewrite, job.inputs["rewrite"] / REWRITTEN)))


def equal_part(rewrites: Sequence[Rewrite], size: int, seed: int) -> list[Rewrite]:
    """`size` of the kept rewrites, in order; each record's chance depends on the seed and its own id.

    So of two sets the same records are drawn as far as both keep them.
    """
    kept = [item for item in rewrites if item.kept]
    drawn = sorted(kept, key=lambda item: generator(seed, "equal size", item.sample.id).random())[:size]
    chosen = {item.sample.id for item in drawn}
    return [item for item in kept if item.sample.id in chosen]


def same_data_training_step(step: Step, variant: str) -> Step:
    """Training on a variant of `equal_filters_step`.

    A filter that drops nothing leaves the records of no filter; then that model is taken, since equal data and an equal
    seed give an equal model.
    """
    trained = reading(step, folders={"filter": variant}, filter="filter_sets")
    if variant == "none":
        return trained

    def run(job: Job) -> Mapping[str, Any]:
        """As the pipeline's training."""
        sets = job.inputs["filter_sets"]
        if fingerprint_files([sets / variant / PF1M]) != fingerprint_files([sets / "none" / PF1M]):
            return trained.run(job)
        shutil.copytree(job.inputs["filter_none"] / MODEL, job.folder / MODEL)
        return {f"train.{step.name}.same_as_no_filter": True}

    return replace(trained, run=run, inputs=(*trained.inputs, "filter_none"))
