"""Loading of pretrained text judges: the checks before, and the load report after, that all of them share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CheckpointError
from ..hub import check_load_report, check_weights, quiet_loading, refuse_remote_code, translate_loading_errors
from ..weight_bounds import check_built_size

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
"""Vocabulary files: a tokenizer needs one of them; without any, Transformers makes an empty tokenizer."""


MODEL_KWARGS: dict[str, Any] = {"use_safetensors": True, "ignore_mismatched_sizes": True}
"""For Transformers: no pickles; a weight of another shape is left to `check_loaded`, which names it."""


@contextmanager
def loading(folder: Path, role: str, remedy: str) -> Iterator[None]:
    """Check a judge's folder, then turn whatever is raised inside the block into a `CheckpointError` that names it.

    Args:
        folder: with config.json, tokenizer and safetensors weights.
        role: what it is for, in words ("the NLI judge").
        remedy: what to do.

    Raises:
        CheckpointError: the folder lacks a file, brings code, holds something else in place of weights, or the block
            raised.
    """
    for name in ("config.json", VOCABULARIES):
        names = (name,) if isinstance(name, str) else name
        if not any(any(folder.glob(pattern)) for pattern in names):
            what = name if isinstance(name, str) else f"the tokenizer (one of {', '.join(name)})"
            raise CheckpointError(f"{role} cannot be loaded: {what} is missing", file=folder, remedy=remedy)
    refuse_remote_code(folder)
    check_weights(folder)
    from transformers import AutoConfig, AutoModel

    with quiet_loading(), translate_loading_errors(folder, role, remedy):
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        check_built_size(folder, lambda: AutoModel.from_config(config, trust_remote_code=False))
        yield


def check_loaded(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path, *, role: str, remedy: str, head: bool
) -> None:
    """Refuse a judge whose weights do not all come from its folder, or whose tokenizer is not its own.

    From then on the tokenizer takes special tokens that a text spells out for text.

    The weights' names and shapes are read once more on the meta device, which loads none of them.

    Args:
        model: as it was loaded from `folder`.
        tokenizer: as it was loaded beside it.
        folder: the folder that holds the weights.
        head: the judge reads the model's head; otherwise a pooler that is missing or left over plays no part.
    """
    with quiet_loading(), translate_loading_errors(folder, role, remedy):
        found: Any = type(model).from_pretrained(
            folder,
            config=model.config,
            device_map="meta",
            local_files_only=True,
            trust_remote_code=False,
            **MODEL_KWARGS,
            output_loading_info=True,
        )
    _, report = found
    ignored: tuple[str, ...] = () if head else ("pooler.",)
    if getattr(model.config, "is_encoder_decoder", False) and not head:
        ignored += ("decoder.", "lm_head.")  # sentence embeddings come from the encoder alone
    try:
        check_load_report(report, folder, ignore=ignored, remedy=remedy)
    except CheckpointError as error:
        raise CheckpointError(f"{role}: {error.what}", file=folder, remedy=remedy) from None
    embeddings: Any = model.get_input_embeddings()
    rows = embeddings.weight.shape[0]
    if len(tokenizer) > rows:
        raise CheckpointError(
            f"{role}: its tokenizer has {len(tokenizer)} tokens, its model embeds {rows}", file=folder, remedy=remedy
        )
    tokenizer.split_special_tokens = True  # a [SEP] that somebody wrote separates nothing
