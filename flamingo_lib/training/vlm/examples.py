"""Distorted pairs as training examples of a chat format, in micro batches of equally many images."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from torch.utils.data import Dataset

from ...config import DistortionConfig, StageConfig
from ...errors import DataError
from ...records import Conversation, Pair, from_json
from ...rewriting.backends.chat_format import ChatFormat
from ...rewriting.backends.prompt import user_text
from ...seeding import generator
from ...storage import read_jsonl
from ..chat_files import read_examples
from ..examples import pair_examples


@dataclass(frozen=True, slots=True)
class VlmExample:
    """One example.

    Attributes:
        id: the record's.
        prompt: what the model reads, as its chat template sets it.
        answer: what it is to write: the response, its end, and what the template writes after that.
        images: image files.
    """

    id: str
    prompt: str
    answer: str
    images: tuple[str, ...]


def make_example(chat: ChatFormat, prompt: str, conversation: Conversation) -> VlmExample:
    """A conversation of one turn, which has a draft, as an example.

    Args:
        prompt: the user's turn, with ``{instruction}`` and ``{draft}``.

    Raises:
        DataError: several turns, no draft, or what the chat template cannot hold; the record is named.
    """
    turn = conversation.turns[0]
    if len(conversation.turns) > 1 or turn.draft is None or turn.response is None:
        raise DataError(
            "no pair for a rewriter: it takes one turn with an instruction, a draft, and a response",
            record=conversation.id,
            remedy="Give pairs as `flamingo distort` writes them, or chats whose turns have drafts.",
        )
    text = user_text(prompt, turn.instruction, turn.draft)
    try:
        chat.prompt(text, turn.images)
        chat.refuse_control_tokens(turn.response)
        return VlmExample(conversation.id, *chat.answered(text, turn.images, turn.response), conversation.images)
    except DataError as error:
        raise DataError(error.what, record=conversation.id, remedy="Leave this record out.") from error


def read_pairs(
    path: str | PathLike, images: str | PathLike | None, config: DistortionConfig, seed: int
) -> Iterator[Conversation]:
    """Conversations of a file of pairs (``pairs.jsonl`` of `flamingo distort`), or of chats with drafts.

    Args:
        images: of pairs the folder with one subfolder a dataset; of chats the folder that image paths are relative to.

    Raises:
        DataError: a file that holds neither.
    """
    file = Path(path)
    first = next(iter(read_jsonl(file)), None) if file.suffix == ".jsonl" else None
    if isinstance(first, Mapping) and "target" in first and "draft" in first:
        pairs = [from_json(Pair, values) for values in read_jsonl(file)]
        yield from pair_examples(pairs, images if images is not None else file.parent, config=config, seed=seed)
    else:
        yield from read_examples(file, images)


class VlmDataset(Dataset):
    """All examples of a training, epoch after epoch, in micro batches of equally many images.

    Index k of the row says everything about it, so that a killed run goes on with what it would have seen. The last
    micro batch of a number of images is filled up from the first.

    Args:
        examples: at least one.
        stage: batch size, epochs or steps.
        seed: the order of epoch e depends on ``(seed, e)``.

    Attributes:
        micro: examples in a forward pass.
        steps: optimizer steps.
    """

    def __init__(self, examples: Sequence[VlmExample], stage: StageConfig, *, seed: int) -> None:
        if not examples:
            raise DataError("there is nothing to train on", remedy="Give a file with pairs.")
        self.examples, self.seed = list(examples), seed
        self.micro = min(stage.micro_batch_size, stage.batch_size)
        self.groups: dict[int, list[int]] = defaultdict(list)
        for index, example in enumerate(self.examples):
            self.groups[len(example.images)].append(index)
        self.batches = sum(math.ceil(len(group) / self.micro) for group in self.groups.values())
        an_epoch = self.batches * self.micro / stage.batch_size
        self.steps = stage.max_steps or max(1, math.ceil(an_epoch * stage.epochs))
        self.rows = self.steps * stage.batch_size
        self._orders: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: int) -> VlmExample:
        epoch, row = divmod(index, self.batches * self.micro)
        if epoch not in self._orders:
            self._orders = {epoch: self._order(epoch)}
        return self.examples[self._orders[epoch][row]]

    def _order(self, epoch: int) -> list[int]:
        random = generator(self.seed, "examples", epoch)
        batches: list[list[int]] = []
        for _, group in sorted(self.groups.items()):
            shuffled = random.sample(group, len(group))
            for start in range(0, len(shuffled), self.micro):
                batch = shuffled[start : start + self.micro]
                batches.append([*batch, *(shuffled[k % len(shuffled)] for k in range(self.micro - len(batch)))])
        random.shuffle(batches)
        return [index for batch in batches for index in batch]
