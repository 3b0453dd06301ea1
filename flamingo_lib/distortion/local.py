"""Drafts from a local Transformers chat model, in batches; each record's draft is the same alone or in any batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, Any, cast

from ..errors import CheckpointError
from ..hub import (
    check_load_report,
    check_weights,
    quiet_loading,
    refuse_remote_code,
    resolve,
    translate_loading_errors,
)
from ..seeding import torch_generator
from ..text import special_tokens
from ..weight_bounds import check_built_size
from .completion_cache import CompletionCache
from .prompt import Cleaned, build_messages, clean_completion, plain_prompt

if TYPE_CHECKING:
    import torch

    from .llm import DraftRequest

ROLE = "the chat model"
REMEDY = "Give a folder with config.json, tokenizer and safetensors weights of a causal language model."

BATCHES_AHEAD = 8
"""Batches of prompts read ahead and sorted by length, to waste little on padding."""


class TransformersBackend:
    """Writes drafts with a causal language model of the Transformers library.

    Args:
        model: a folder, or a hub name, which is fetched if it is not in the hub's cache.
        batch_size: prompts in one forward pass.
        max_new_tokens: at most; a draft never needs more than its response is long.
        temperature: 0 is greedy; otherwise every record draws from a generator of its own.
        cache: a JSON lines file of completions; the next run asks only for what is not there.
        device: None takes the GPU if there is one.

    Raises:
        MissingAsset: the model is neither on this machine nor to be had from the hub.
        CheckpointError: its folder lacks files or weights, holds pickles only, or brings code of its own.
    """

    def __init__(
        self,
        model: str,
        *,
        batch_size: int = 16,
        max_new_tokens: int = 256,
        temperature: float = 0.7,
        cache: str | PathLike | None = None,
        device: str | None = None,
    ) -> None:
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

        folder = resolve(model, role=ROLE, download=True)
        refuse_remote_code(folder)
        check_weights(folder)
        with quiet_loading(), translate_loading_errors(folder, ROLE, REMEDY):
            self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            check_built_size(folder, lambda: AutoModelForCausalLM.from_config(config, trust_remote_code=False))
            found: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype="auto",
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                ignore_mismatched_sizes=True,  # the report below names them
                output_loading_info=True,
            )
        loaded, report = found
        check_load_report(report, folder, remedy=REMEDY)
        rows = loaded.get_input_embeddings().weight.shape[0]
        if not 0 < len(self.tokenizer) <= rows:
            raise CheckpointError(
                f"{ROLE}: its tokenizer has {len(self.tokenizer)} tokens, its model embeds {rows}",
                file=folder,
                remedy=REMEDY,
            )
        self.model = loaded.eval()
        self.model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.name, self.batch_size, self.max_new_tokens, self.temperature = (
            str(model),
            batch_size,
            max_new_tokens,
            temperature,
        )
        self.cache = CompletionCache(cache)
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token or self.tokenizer.convert_ids_to_tokens(0)

    def prompt(self, request: DraftRequest) -> str:
        """The chat with the begun answer, in the model's own template or, if it has none, in Guanaco's format."""
        messages = build_messages(request.instruction, request.response, request.command)
        if self.tokenizer.chat_template:
            return cast(str, self.tokenizer.apply_chat_template(messages, tokenize=False, continue_final_message=True))
        return (self.tokenizer.bos_token or "") + plain_prompt(messages)

    @cached_property
    def control_tokens(self) -> frozenset[str]:
        """Texts that the tokenizer takes for control tokens; a record that spells one out is refused."""
        return special_tokens(self.tokenizer)

    def complete(self, requests: Iterable[DraftRequest]) -> Iterator[Cleaned]:
        """One draft a request, in order; ``"refused"`` if a text spells out a control token of the model's."""
        source = iter(requests)
        while chunk := list(islice(source, self.batch_size * BATCHES_AHEAD)):
            yield from self._chunk(chunk)

    def _chunk(self, chunk: list[DraftRequest]) -> list[Cleaned]:
        found: dict[int, Cleaned] = {}
        asked: list[tuple[int, list[int], str]] = []
        room = getattr(self.model.config, "max_position_embeddings", 1 << 30)
        for index, request in enumerate(chunk):
            if any(token in text for token in self.control_tokens for text in (request.instruction, request.response)):
                found[index] = Cleaned("", True, "refused")
                continue
            prompt = self.prompt(request)
            key = self.cache.key(
                self.name, prompt, request.seed if self.temperature else 0, self.temperature, self.max_new_tokens
            )
            known = self.cache.get(key)
            if known is not None:
                found[index] = clean_completion(known[0], stopped=known[1])
                continue
            ids = self.tokenizer(prompt, add_special_tokens=False)["input_ids"]
            if len(ids) + self._budget(request) > room:
                found[index] = Cleaned("", True, "too_long")
            else:
                asked.append((index, ids, key))
        asked.sort(key=lambda entry: len(entry[1]))
        for start in range(0, len(asked), self.batch_size):
            batch = asked[start : start + self.batch_size]
            texts = self._generate([ids for _, ids, _ in batch], [chunk[index] for index, _, _ in batch])
            for (index, _, key), (text, stopped) in zip(batch, texts, strict=True):
                self.cache.put(key, text, stopped)
                found[index] = clean_completion(text, stopped=stopped)
        return [found[index] for index in range(len(chunk))]

    def _budget(self, request: DraftRequest) -> int:
        return min(self.max_new_tokens, len(request.response) // 2 + 16)

    def _generate(self, prompts: list[list[int]], requests: list[DraftRequest]) -> list[tuple[str, bool]]:
        """Completions up to the closing quotation mark, and whether each ended by itself."""
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        inputs = self.tokenizer.pad({"input_ids": prompts}, return_tensors="pt").to(self.model.device)
        processors = LogitsProcessorList()
        if self.temperature:
            processors.append(
                _OwnDraws([torch_generator(request.seed, "sample") for request in requests], self.temperature)
            )
        budgets = [self._budget(request) for request in requests]
        with torch.inference_mode():
            output = self.model.generate(
                **inputs,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                max_new_tokens=max(budgets),
                logits_processor=processors,
                stopping_criteria=StoppingCriteriaList([_AtQuote(self.tokenizer, inputs["input_ids"].shape[1])]),
                pad_token_id=self.tokenizer.pad_token_id,
            )[:, inputs["input_ids"].shape[1] :]
        eos = self.model.generation_config.eos_token_id
        ends = {*(eos if isinstance(eos, list) else [eos]), self.tokenizer.eos_token_id}
        completions = []
        for row, budget in zip(output.tolist(), budgets, strict=True):
            row = row[:budget]
            stop = next((position for position, token in enumerate(row) if token in ends), None)
            text = cast(str, self.tokenizer.decode(row[:stop], skip_special_tokens=True))
            completions.append((text, stop is not None))
        return completions


class _OwnDraws:
    """Sampling as greedy decoding over perturbed scores (the Gumbel-max trick), each row from its own generator."""

    def __init__(self, generators: list[torch.Generator], temperature: float) -> None:
        self.generators, self.temperature = generators, temperature

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        import torch

        draws = torch.stack([torch.rand(scores.shape[1], generator=own) for own in self.generators]).clamp_(
            1e-20, 1 - 1e-7
        )
        return scores.float() / self.temperature - torch.log(-torch.log(draws)).to(scores.device)


class _AtQuote:
    """Stops each row behind the first token that holds a quotation mark."""

    def __init__(self, tokenizer: Any, prompt_length: int) -> None:
        self.tokenizer, self.prompt_length = tokenizer, prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        import torch

        texts = self.tokenizer.batch_decode(input_ids[:, -1:])
        return torch.tensor(['"' in text or "”" in text for text in texts], device=input_ids.device)
