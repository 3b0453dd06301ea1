"""PF-1M worker: rewrites and filters a shard in one process, or in stages over a cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..config import FiltersConfig, Preset
from ..filters.chain import NEEDS, Chain
from ..judges.panel import load_judges
from ..records import Rewrite, Sample
from ..rewriting.backends.load import load_rewriter
from ..rewriting.backends.settings import BackendConfig
from ..rewriting.executors.ray import Stage
from ..rewriting.pictures import Pictures
from ..rewriting.rewriter import LabelledRewriter, RewriterBackend


@dataclass(frozen=True)
class MakeWork:
    """Picklable factory that builds the work on shards inside the worker process.

    Attributes:
        rewriter: the rewriter's folder; of a server, the model's name there.
        roots: the folder of each dataset.
        preset: settings of rewriting, judges and filters.
        filtering: False only rewrites.
        backend: which kind of rewriter it is, and how it is asked.
        label: the rewriter in one line, for each record's history.
        memory: of a server, the file that keeps its answers.
    """

    rewriter: str
    roots: Mapping[str, str]
    preset: Preset
    filtering: bool = True
    backend: BackendConfig = field(default_factory=BackendConfig)
    label: str = ""
    memory: Path | None = None

    def __call__(self) -> ShardWork:
        """Load the rewriter and the judges."""
        pictures, device = Pictures(self.roots), best_device()
        rewriter = _rewriter(self, pictures, device)
        chain = make_chain(self.preset, pictures, device) if self.filtering else None
        return ShardWork(LabelledRewriter(rewriter, self.label), chain)


@dataclass(frozen=True)
class MakeRewriting:
    """As `MakeWork`, of the rewriting alone: the first stage of a cluster's job."""

    work: MakeWork

    def __call__(self) -> Callable[[list[Sample]], list[Rewrite]]:
        """Load the rewriter."""
        rewriter, label = _rewriter(self.work, Pictures(self.work.roots), best_device()), self.work.label
        return LabelledRewriter(rewriter, label)


@dataclass(frozen=True)
class MakeFilters:
    """Some filters of the chain, or the reward judge, as a stage of a cluster's job."""

    work: MakeWork
    names: tuple[str, ...] = ()
    reward: bool = False

    def __call__(self) -> Callable[[list[Rewrite]], list[Rewrite]]:
        """Load the judges that these filters need."""
        preset = self.work.preset
        preset = preset.model_copy(update={"filters": preset.filters.model_copy(update={"chain": self.names})})
        return make_chain(preset, Pictures(self.work.roots), best_device(), reward=self.reward).judge_batch


def cluster_stages(work: MakeWork, *, rewriters: int = 1, judges: int = 1, gpus: float = 0.0) -> list[Stage]:
    """A job's Ray stages: the rewriter, the filter chain in order, the reward judge.

    Rule filters stand together, each judge by itself.

    Args:
        rewriters, judges: workers of the rewriting stage, and of each judging stage.
        gpus: of one GPU, what a rewriter holds; judges that compute hold a quarter of that.
    """
    stages = [Stage("rewrite", MakeRewriting(work), rewriters, 1.0, gpus)]
    if work.filtering:
        groups: list[list[str]] = []
        for name in work.preset.filters.chain:
            if name not in NEEDS and groups and groups[-1][0] not in NEEDS:
                groups[-1].append(name)
            else:
                groups.append([name])
        for names in groups:
            share = gpus / 4 if names[0] in NEEDS else 0.0
            stages.append(Stage(" ".join(names), MakeFilters(work, tuple(names)), judges, 0.25, share))
        stages.append(Stage("reward", MakeFilters(work, reward=True), judges, 0.25, gpus / 4))
    return stages


def needed_judges(config: FiltersConfig, *, reward: bool = True) -> list[str]:
    """Roles of the judges that the filters ask, and unless told otherwise of the reward judge."""
    return [*(["reward"] if reward else []), *(NEEDS[name] for name in config.chain if name in NEEDS)]


def make_chain(preset: Preset, pictures: Pictures, device: str = "cpu", *, reward: bool = True) -> Chain:
    """The preset's filters with the judges they need, and unless told otherwise the reward judge."""
    config = preset.filters
    judges = load_judges(
        preset.judges, needed_judges(config, reward=reward), device=device, sentences=config.clip_sentences
    )
    return Chain(config, judges, pictures)


class ShardWork:
    """Rewrites a shard's samples, then judges and filters them."""

    def __init__(self, rewriter: LabelledRewriter, chain: Chain | None) -> None:
        self.rewriter, self.chain = rewriter, chain

    @property
    def tokens(self) -> int:
        """Tokens generated so far."""
        return self.rewriter.tokens

    @property
    def tokens_read(self) -> int:
        """Tokens that a server says it has read so far."""
        return self.rewriter.tokens_read

    def __call__(self, samples: Sequence[Sample], tick: Callable[[int], None]) -> list[Rewrite]:
        """One judged rewrite for each sample."""
        rewrites = self.rewriter.rewrite(samples, tick)
        return self.chain.judge_batch(rewrites) if self.chain is not None else rewrites


def _rewriter(work: MakeWork, pictures: Pictures, device: str) -> RewriterBackend:
    preset = work.preset
    return load_rewriter(
        work.rewriter,
        pictures,
        preset.rewriting,
        work.backend,
        seed=preset.seed,
        device=device,
        optimize=preset.model.optimize_for_cpu,
        memory=work.memory,
    )


def best_device() -> str:
    """``"cuda"`` if there is a GPU, else ``"cpu"``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
