"""Configuration: typed, frozen settings of every room; one size of the program is a `Preset`.

The presets are in `flamingo_lib.presets`; nothing else asks which one runs.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from .config_types import Beta, EachOnce, FiltersConfig, Frozen, JsonObject, Share
from .errors import ConfigError


class ScenesConfig(Frozen):
    """How much of the Scenes world is rendered and written in the official formats (a scene = one image)."""

    polite_scenes: int = Field(1500, ge=1, description="scenes behind the LLaVA-like polite data")
    raw_scenes: int = Field(1500, ge=1, description="scenes behind the raw annotations to rewrite")
    calibration_scenes: int = Field(200, ge=1, description="scenes on which filters are calibrated")
    evaluation_scenes: int = Field(300, ge=1, description="held-in scenes for evaluation")
    held_out_scenes: int = Field(150, ge=1, description="scenes with an unseen shape-colour pair")
    held_out_source_questions: int = Field(120, ge=2, description="questions of each source held out of training")
    text_dialogues: int = Field(1500, ge=0, description="text-only dialogues")
    image_size: int = Field(224, ge=72, description="side of the rendered image, pixels")


class SourcesConfig(Frozen):
    """Which datasets are read, by catalogue name, and where they lie."""

    root: str | None = Field(None, description="folder with one subfolder a dataset")
    scenes: bool = Field(False, description="without a root, read the rendered Scenes")
    polite: Annotated[tuple[str, ...], EachOnce] = Field((), description="datasets whose responses are good already")
    raw: Annotated[tuple[str, ...], EachOnce] = Field((), description="datasets whose annotations are rewritten")
    captions: Annotated[tuple[str, ...], EachOnce] = Field(
        (), description="folders with COCO captions and boxes, for drafts of descriptions"
    )
    limit: int | None = Field(None, ge=1, description="samples read of each dataset and split")


class ModelConfig(Frozen):
    """Where the base model and its parts come from."""

    base: str = Field(
        "openflamingo-tiny",
        description="a checkpoint shipped in data_samples/checkpoints, a folder, a hub name, or a released Flamingo",
    )
    weights: str | None = Field(
        None, description="folder of released weights, from which a base called by its release is made"
    )
    adapter: str | None = Field(None, description="released LoRA that a base made from a release begins with")
    clip: str = Field("clip-tiny", description="the CLIP model of CLIPScore, likewise")
    media_rule: Literal["preceding", "following"] = Field(
        "preceding", description="v2: text attends to the latest image; v1: to the next"
    )
    image_position: Literal["before", "after"] = Field("before", description="where the images stand in an instruction")
    lora_rank: int = Field(16, ge=1)
    lora_alpha: int = Field(32, ge=1)
    dtype: Literal["float32", "bfloat16"] = "float32"
    device: Literal["cpu", "auto"] = Field(
        "cpu", description="where models rewrite, answer and judge; auto: a GPU if there is one, as in training always"
    )
    optimize_for_cpu: bool = Field(
        True, description="compute a small model faster on a CPU, with the same results (see flamingo_lib.cpu)"
    )


class DistortionConfig(Frozen):
    """How many training pairs of the rewriter, and how they are distorted (docs/method.md, section 1)."""

    pairs: int = Field(3000, ge=1)
    sources: Annotated[tuple[str, ...], EachOnce] = Field(
        (), description="polite datasets that are distorted; none: all of them"
    )
    llm_visual: Share = Field(113 / 280, ge=0, description="LLM-instructed distortion of visual dialogues")
    llm_text: Share = Field(76 / 280, ge=0, description="LLM-instructed distortion of text-only dialogues")
    noise: Share = Field(77 / 280, ge=0, description="random text augmentation")
    retrieval: Share = Field(14 / 280, ge=0, description="captions and boxes as the draft of a description")
    style_probability: Share = Field(
        0.5, ge=0, le=1, description="probability that one of the 24 style commands is given"
    )
    backend: Literal["rules", "transformers", "server"] = "rules"
    backend_model: str | None = Field(
        None, description="folder or hub name of the chat model, or the server's model name"
    )
    backend_url: str | None = Field(None, description="base address of an OpenAI-compatible server")
    backend_api: Literal["chat", "completions"] = Field(
        "chat", description="the server's endpoint; completions takes any prefilled text"
    )
    backend_concurrency: int = Field(16, ge=1, description="requests to the server under way at once")
    backend_requests_per_minute: float | None = Field(None, gt=0, description="the server's rate limit, if it has one")
    backend_batch_size: int = Field(16, ge=1, description="prompts in one batch of the local chat model")
    backend_max_new_tokens: int = Field(256, ge=1)
    backend_temperature: float = Field(0.7, ge=0, description="0 is greedy")
    backend_options: JsonObject = Field(default_factory=dict, description="more fields of the server's request body")
    image_dropped: Share = Field(0.4, ge=0, le=1, description="share of visual pairs that lose their image in training")
    image_mismatched: Share = Field(
        0.6, ge=0, le=1, description="share of visual question pairs that get another image in training"
    )


Part = Literal[
    "vision",
    "resampler",
    "cross_attention",
    "cross_attention_ffn",
    "lora",
    "embeddings",
    "embeddings_new_tokens",
    "language_model",
    "connector",
]
"""What a stage may tune; ``connector`` stands for the resampler and the gated layers."""


class StageConfig(Frozen):
    """One training stage: a row of the paper's Table 4, or of ours."""

    tunes: Annotated[tuple[Part, ...], EachOnce] = Field(("lora",), min_length=1, description="trainable parts by name")
    mixture: str = Field("", description="name of the data mixture")
    start: str = Field("base", description="what it begins from: base, or the name of an earlier stage")
    samples: int | None = Field(
        None, ge=1, description="how many samples the mixture holds, as far as known; only plans read it"
    )
    epochs: float = Field(1, gt=0)
    max_steps: int | None = Field(None, ge=1, description="stop after so many optimizer steps, whatever the epochs say")
    learning_rate: float = Field(1e-4, gt=0)
    batch_size: int = Field(16, ge=1, description="windows in one optimizer step, over all devices and accumulation")
    micro_batch_size: int = Field(16, ge=1, description="windows in one forward pass on one device")
    context_length: int = Field(256, ge=8, description="tokens in a window")
    max_images: int = Field(3, ge=0, description="images in a window")
    image_size: int | None = Field(
        None, ge=8, description="images are first shrunk to this side, pixels; None keeps them as they are"
    )
    packing: Literal["none", "random_fill", "best_fit"] = "best_fit"
    isolate_turns: bool = Field(False, description="also block text attention between the turns of a window")
    attend_within_turn: bool = Field(
        True, description="a turn attends to its own images only; False: the media rule runs over the window"
    )
    warmup_steps: int = Field(20, ge=0)
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    betas: tuple[Beta, Beta] = Field((0.9, 0.98), description="Adam's two decay rates, each from 0 up to but not 1")
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)

    @model_validator(mode="after")
    def _batches_divide(self) -> StageConfig:
        if self.batch_size > self.micro_batch_size and self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"a batch_size of {self.batch_size} is no multiple of a micro_batch_size of {self.micro_batch_size}"
            )
        return self


class PretrainConfig(Frozen):
    """How the tiny base model is made from nothing (`flamingo pretrain`)."""

    scenes: int = Field(14000, ge=100, description="scenes of the pretraining pool, rendered once")
    validation_scenes: int = Field(400, ge=10, description="scenes behind the examination, held-in and held-out each")
    vocab_size: int = Field(1024, ge=300)
    width: int = Field(128, ge=32, description="hidden size of the language model, a multiple of 32")
    layers: int = Field(4, ge=3)
    vision_width: int = Field(128, ge=32)
    tower_steps: int = Field(5000, ge=1)
    resampler_steps: int = Field(2000, ge=1)
    vision_learning_rate: float = Field(1e-3, gt=0)
    grounding_steps: int = Field(2200, ge=1)
    copying_steps: int = Field(1400, ge=1)
    grounding_text_share: Share = Field(0.15, ge=0, le=1, description="share of text rows in the grounding phase")
    text_share: Share = Field(0.5, ge=0, le=1, description="share of text rows in the copying phase")
    batch_size: int = Field(32, ge=1)
    learning_rate: float = Field(2e-3, gt=0)
    copying_learning_rate: float = Field(1.5e-3, gt=0)
    resampler_rate: float = Field(0.3, ge=0, description="the resampler's learning rate over the language model's")
    attention_weight: float = Field(0.5, ge=0, description="weight of the loss on where the nouns look")
    max_length: int = Field(320, ge=32)
    clip_steps: int = Field(1400, ge=1, description="steps of the CLIP model behind CLIPScore")
    clip_batch_size: int = Field(48, ge=2)


class RewritingConfig(Frozen):
    """How raw annotations are rewritten."""

    batch_size: int = Field(64, ge=1)
    max_new_tokens: int = Field(160, ge=1)
    shard_size: int = Field(512, ge=1, description="records in one atomically written shard")
    temperature: float = Field(0.0, ge=0, description="0 is greedy")
    mixture: str = Field("raw", description="name of the mixture of raw annotations that are rewritten")
    limit_per_source: int | None = Field(None, ge=1)


class JudgesConfig(Frozen):
    """Which models judge. `tiny` names the small judges trained on Scenes."""

    sts: str = "all-MiniLM-L6-v2"
    sts_precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description=(
            "numbers that the STS judge computes in; auto: bfloat16 on processors with tiles for it, else float32"
        ),
    )
    nli: str = "tiny"
    reward: str = "tiny"
    clip: str = "clip-tiny"
    download: bool = Field(False, description="fetch judges from the hub that are not on this machine")


class EvaluationConfig(Frozen):
    """How much is evaluated."""

    questions: int = Field(480, ge=1, description="held-in questions, spread evenly over the types")
    held_out_questions: int = Field(240, ge=1)
    held_out_sources: Annotated[tuple[str, ...], EachOnce] = Field(
        ("vsr", "grid-3d", "nlvr2", "ok-vqa"), description="sources asked about that no stage trains on"
    )
    held_out_source_questions: int = Field(120, ge=1, description="questions of each of them")
    sources: dict[str, Annotated[int, Field(ge=1)] | None] = Field(
        default_factory=dict,
        description=(
            "where the run reads data of one's own: sources whose held-out part every model is asked about, and how "
            "many questions of each at most, null for all; none: held_out_sources"
        ),
    )
    texts: int = Field(80, ge=0)
    captions: int = Field(60, ge=0, description="images that every model describes")
    batch_size: int = Field(96, ge=1)
    max_new_tokens: int = Field(64, ge=1)


class Preset(Frozen):
    """One size of the whole program."""

    name: str
    seed: int = 0
    threads: int | None = Field(
        None,
        ge=1,
        description="threads that a CPU computes with, which decide the last bits of sums; null: as PyTorch chooses",
    )
    scenes: ScenesConfig = ScenesConfig()
    sources: SourcesConfig = SourcesConfig()
    pretrain: PretrainConfig = PretrainConfig()
    model: ModelConfig = ModelConfig()
    distortion: DistortionConfig = DistortionConfig()
    rewriter: StageConfig = StageConfig()
    rewriting: RewritingConfig = RewritingConfig()
    judges: JudgesConfig = JudgesConfig()
    filters: FiltersConfig = FiltersConfig()
    stages: dict[str, StageConfig] = Field(default_factory=dict)
    ablations: dict[str, StageConfig] = Field(default_factory=dict)
    evaluation: EvaluationConfig = EvaluationConfig()

    def override(self, *assignments: str) -> Preset:
        """A copy with `key.path=value` overrides, e.g. ``"scenes.raw_scenes=20"``; values are JSON or bare text."""
        values = self.model_dump()
        for assignment in assignments:
            path, separator, text = assignment.partition("=")
            *parents, last = path.strip().split(".")
            target: Any = values
            for key in parents:
                target = target.get(key) if isinstance(target, dict) else None
            if not separator or not isinstance(target, dict) or last not in target:
                raise ConfigError(
                    f"no setting {path.strip()!r} in preset {self.name!r}",
                    remedy="Give key=value with a key that `flamingo presets show` prints.",
                )
            try:
                target[last] = json.loads(text)
            except (ValueError, RecursionError):  # ValueError: also a whole number of thousands of digits
                target[last] = text
        return parse_preset(values)


def parse_preset(values: dict[str, Any]) -> Preset:
    """Validate `values`; the first wrong one is a `ConfigError` that names it."""
    try:
        return Preset.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        got = "" if isinstance(first.get("input"), dict) else f" (got {first.get('input')!r})"
        where = f"setting {key!r}" if key else "the preset"
        raise ConfigError(f"{where}: {first['msg'].removeprefix('Value error, ')}{got}") from None
