"""Decoding of batches with any model of Transformers: each row draws by its own generator and may be ended early."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .chat_format import ChatFormat

if TYPE_CHECKING:
    from torch import BoolTensor, Generator, Tensor


def end_ids(model: Any, chat: ChatFormat) -> frozenset[int]:
    """The tokens that end a response: the chat template's, and those of the model's generation config."""
    own = getattr(model.generation_config, "eos_token_id", None)
    return frozenset([chat.end_id, *(own if isinstance(own, list) else [own] if own is not None else [])])


def generate_rows(
    model: Any,
    chat: ChatFormat,
    inputs: Mapping[str, Any],
    max_new_tokens: int,
    *,
    ends: frozenset[int],
    temperature: float = 0.0,
    generators: Sequence[Generator] | None = None,
    watch: Callable[[list[int], list[int]], Collection[int]] | None = None,
) -> list[list[int]]:
    """Continue b prompts; each row's tokens depend on that row alone.

    Args:
        inputs: of `ChatFormat.encode`, padded on the left.
        max_new_tokens: at least 1.
        ends: the tokens that end a row, see `end_ids`.
        temperature: 0 is greedy; else a row draws with its own generator.
        generators: one for each row; needed with a temperature.
        watch: called at each step with the rows that go on and their new tokens; the rows it gives back end there.

    Returns:
        New ids of each row with the end token, and what pads the row behind it.
    """
    import torch
    from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

    tokenizer = chat.tokenizer
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else chat.end_id
    settings = GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=max_new_tokens,
        eos_token_id=sorted(ends),
        pad_token_id=pad,
    )
    processors, criteria = LogitsProcessorList(), StoppingCriteriaList()
    if temperature > 0:
        processors.append(SampleByRecord(temperature, generators or ()))
    if watch is not None:
        criteria.append(StopRows(watch, ends))
    device, dtype = model.device, model.dtype
    moved = {key: _moved(value, device, dtype) for key, value in inputs.items()}
    with torch.inference_mode():
        ids = model.generate(
            **moved, generation_config=settings, logits_processor=processors, stopping_criteria=criteria
        )
    return ids[:, moved["input_ids"].shape[1] :].tolist()


class StopRows:
    """A stopping criterion that shows each new token, and ends the rows that it is told to end."""

    def __init__(self, watch: Callable[[list[int], list[int]], Collection[int]], ends: frozenset[int]) -> None:
        self.watch, self.ends = watch, ends
        self.ended: set[int] = set()

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> BoolTensor:
        """(rows, tokens so far) to (rows,): True where a row ends."""
        import torch

        new = input_ids[:, -1].tolist()
        self.ended.update(row for row, token in enumerate(new) if token in self.ends)
        going = [row for row in range(len(new)) if row not in self.ended]
        if going:
            self.ended.update(self.watch(going, [new[row] for row in going]))
        done = [row in self.ended for row in range(len(new))]
        return torch.tensor(done, dtype=torch.bool, device=input_ids.device)  # type: ignore[return-value]


class SampleByRecord:
    """A logits processor under which greedy decoding samples: Gumbel noise, from a generator of each row's own.

    The largest of ``logits / temperature + noise`` is distributed as a draw from their softmax.
    """

    def __init__(self, temperature: float, generators: Sequence[Generator]) -> None:
        self.temperature, self.generators = temperature, generators

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores (rows, vocabulary) with noise."""
        import torch

        noise = torch.stack([torch.rand(scores.shape[-1], generator=each) for each in self.generators])
        gumbel = -torch.log(-torch.log(noise.clamp(1e-10, 1 - 1e-7)))
        return scores / self.temperature + gumbel.to(scores.device, scores.dtype)


def _moved(value: Any, device: Any, dtype: Any) -> Any:
    if not hasattr(value, "to"):
        return value
    return value.to(device, dtype) if value.is_floating_point() else value.to(device)
