"""Settings of a rewriter backend, and which of them decide its texts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from ...config_types import Frozen, JsonObject
from ...errors import ConfigError
from ...hub import resolve
from ...storage import fingerprint, fingerprint_files, first_of, read_json
from .prompt import REWRITE_PROMPT, check_prompt, style_prompt

Kind = Literal["flamingo", "transformers", "server"]

ADAPTER_CONFIG = "adapter_config.json"

MODEL_FILES = {".json", ".safetensors", ".txt", ".model", ".jinja"}
"""Suffixes of the files that decide what a model folder writes."""

OWN_RECORD = "training.json"
"""How a training went; no part of the model."""

DECISIVE: dict[str, tuple[str, ...]] = {
    "flamingo": (),
    "transformers": ("prompt", "system", "style_prompt", "dtype", "trust_remote_code"),
    "server": ("prompt", "system", "style_prompt", "options", "image_format"),
}
"""Settings of each backend that its texts depend on."""


class BackendConfig(Frozen):
    """Which rewriter works, and how it is asked. The settings of other backends play no part."""

    kind: Kind = Field("flamingo", description="flamingo: our own; transformers: any VLM; server: OpenAI-compatible")
    prompt: str = Field(REWRITE_PROMPT, description="the user's turn, with {instruction} and {draft}")
    style_prompt: str | None = Field(None, description="a format prompt instead: the model reads no draft")
    system: str | None = Field(None, description="the system message")
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str | None = Field(None, description="cpu, cuda, cuda:1, ...; by default a GPU where there is one")
    adapter: str | None = Field(None, description="folder of a PEFT adapter for the model")
    trust_remote_code: str | None = Field(None, description="the model's name again, to run the code in its folder")
    url: str | None = Field(None, description="the server's base address, with /v1 if it has it")
    answers_as: tuple[str, ...] = Field((), description="other names under which the server's answers may come")
    options: JsonObject = Field(default_factory=dict, description="more fields of each request")
    image_format: Literal["png", "jpeg"] = "png"
    concurrency: int = Field(16, ge=1, description="requests in flight")
    requests_per_minute: float | None = Field(None, gt=0)
    retries: int = Field(6, ge=0)
    backoff: float = Field(1.0, gt=0, description="seconds before the first repetition; doubled each time")
    timeout: float = Field(120.0, gt=0, description="seconds for one request")
    batch_in: tuple[str, ...] = Field((), description="files of a batch's answers, read instead of asking")
    price: tuple[float, float] | None = Field(None, description="of a million tokens read and a million written")

    @property
    def template(self) -> str:
        """The user's turn, checked: the prompt, or the format prompt; raises `ConfigError`."""
        template = self.prompt if self.style_prompt is None else style_prompt(self.style_prompt)
        check_prompt(template)
        return template


def model_folders(name: str, settings: BackendConfig, role: str = "the rewriter") -> list[Path]:
    """The folders of a model and its adapter, whichever of them `name` is; raises `MissingAsset`."""
    folder = resolve(name, role=role)
    folders = [folder] if settings.adapter is None else [folder, resolve(settings.adapter, role="the adapter")]
    while (base := adapter_base(folders[0])) is not None and len(folders) < 3:
        folders.insert(0, resolve(base, role="the adapter's base model"))
    return folders


def adapter_base(folder: Path) -> str | None:
    """The base model's name if `folder` holds a PEFT adapter alone, else None."""
    if not (folder / ADAPTER_CONFIG).is_file() or (folder / "config.json").is_file():
        return None
    base = read_json(folder / ADAPTER_CONFIG).get("base_model_name_or_path")
    if not base:
        raise ConfigError(
            "the adapter doesn't say which model it is for", file=folder, remedy="Give that model, and it as --adapter."
        )
    return str(base)


def backend_identity(name: str, settings: BackendConfig) -> dict[str, Any]:
    """All that decides a backend's texts, as plain JSON values: kind, model, decisive settings.

    Args:
        name: the model's folder or shipped name; of a server, the model's name there.
    """
    if settings.kind == "server":
        model = name
    else:
        folders = (
            model_folders(name, settings) if settings.kind == "transformers" else [resolve(name, role="the rewriter")]
        )
        model = " ".join(fingerprint_files(_decisive(folder)) for folder in folders)
    values = settings.model_dump(mode="json")
    identity = {"kind": settings.kind, "model": model} | {key: values[key] for key in DECISIVE[settings.kind]}
    if settings.batch_in:
        if missing := [path for path in settings.batch_in if not Path(path).is_file()]:
            what = "file of answers is" if len(missing) == 1 else "files of answers are"
            raise ConfigError(
                f"{len(missing)} {what} missing: {first_of(missing)}", remedy="Give the batch's output files."
            )
        identity["answers"] = fingerprint_files(settings.batch_in)
    return identity


def backend_label(name: str, settings: BackendConfig) -> str:
    """A backend in one line, for a record's history and the card: kind, model, and a hash of what decides its texts."""
    return f"{settings.kind} {Path(name).name} {fingerprint(backend_identity(name, settings))}"


def _decisive(folder: Path) -> Iterable[Path]:
    return (path for path in folder.iterdir() if path.suffix in MODEL_FILES and path.name != OWN_RECORD)
