"""Training of the tiny judges (`flamingo train-judges`) on Scenes, with metrics kept beside the weights.

The examples come from seeds of their own, so no scene of any pool that the pipeline renders is among them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

from ..hub import quiet_loading
from ..seeding import derive_seed, generator
from ..storage import atomic_folder, write_json
from . import judge_metrics as quality
from .judge_card import METRICS, judge_card
from .nli import LABELS, NliJudge, nli_text
from .nli_examples import NliExample, nli_examples
from .nli_styles import styled_answers
from .reward import RewardJudge
from .reward_examples import reward_examples, style_examples
from .statement_examples import StatementExample, statement_examples
from .tiny_encoder import as_cross_encoder, build_encoder, train_word_pieces

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


@dataclass(frozen=True, slots=True)
class JudgeTraining:
    """Training length of a tiny judge.

    Attributes:
        examples: training examples, each seen once.
        test_examples: held-out examples.
        batch_size: examples in one step.
        learning_rate: the peak; a tenth of the steps warm up, then it falls to zero.
        bucket: batches that are cut from one pool of examples sorted by length.
    """

    examples: int
    test_examples: int = 3_000
    batch_size: int = 32
    learning_rate: float = 2e-3
    bucket: int = 25


NLI_TRAINING = JudgeTraining(examples=200_000, batch_size=16, learning_rate=1.5e-3, bucket=50)
STATEMENT_SHARE = 0.2
"""Share of plain statements among the NLI judge's examples; the others are answers to questions."""

VOCABULARY_TEXTS = 5_000
"""About how many texts of each column the word pieces are counted on."""

REWARD_TRAINING = JudgeTraining(examples=30_000)


def train_nli(out: str | PathLike, *, seed: int = 0, training: JudgeTraining = NLI_TRAINING) -> dict[str, Any]:
    """Train the tiny NLI judge on answers to questions and on plain statements, and write it to the folder `out`.

    Returns:
        Its figures: `quality.nli_quality`, under ``by_style`` those of `quality.style_errors`, under ``statements``
        those of `quality.statement_quality`.
    """

    def loss(model: CrossEncoder) -> Any:
        from .losses import LabelLoss

        return LabelLoss(model, tail='" is the answer', seed=seed)

    told = round(STATEMENT_SHARE * training.examples)
    answers = nli_examples(seed, "train", training.examples - told)
    columns = _nli_columns(answers, statement_examples(seed, "train", told))
    return _train(out, "nli", columns, list(LABELS), True, loss, seed, training)


def _nli_columns(answers: Sequence[NliExample], statements: Sequence[StatementExample]) -> dict[str, list[Any]]:
    pairs = [*map(_nli_pair, answers), *((example.premise, example.hypothesis) for example in statements)]
    return {
        "premise": [premise for premise, _ in pairs],
        "hypothesis": [hypothesis for _, hypothesis in pairs],
        "label": [*(example.label for example in answers), *(example.label for example in statements)],
    }


def train_reward(out: str | PathLike, *, seed: int = 0, training: JudgeTraining = REWARD_TRAINING) -> dict[str, Any]:
    """Train the tiny reward judge, write it to the folder `out`, and return its figures (`quality.reward_quality`)."""
    examples = reward_examples(seed, "train", training.examples)

    def loss(model: CrossEncoder) -> Any:
        from .losses import PreferenceLoss

        return PreferenceLoss(model, tail=None, seed=seed, weight=0.5)

    columns: dict[str, list[Any]] = {
        "instruction": [example.instruction for example in examples],
        "better": [example.better for example in examples],
        "worse": [example.worse for example in examples],
        "label": [example.preference for example in examples],
    }
    return _train(out, "reward", columns, ["reward"], False, loss, seed, training)


def _nli_pair(example: NliExample) -> tuple[str, str]:
    return nli_text(example.rewrite, example.question), nli_text(example.original, example.question)


def _train(
    out: str | PathLike,
    role: str,
    columns: dict[str, list],
    labels: list[str],
    lowercase: bool,
    loss: Callable[[CrossEncoder], Any],
    seed: int,
    training: JudgeTraining,
) -> dict[str, Any]:
    """Train a new judge, measure it, and write weights, figures and card."""
    texts = [column for column in columns.values() if isinstance(column[0], str)]
    began = process_time()
    with tempfile.TemporaryDirectory() as work, atomic_folder(out) as folder, quiet_loading():
        some = (text for column in texts for text in column[:: max(1, len(column) // VOCABULARY_TEXTS)])
        tokenizer = train_word_pieces(some, lowercase=lowercase)
        model = build_encoder(tokenizer, labels, seed=derive_seed(seed, "judges", role))
        encoder = as_cross_encoder(model, tokenizer, f"{work}/begin")
        _fit(encoder, columns, loss(encoder), work, seed, training, f"the {role} judge")
        trained: Any = encoder.model
        trained.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        seconds = process_time() - began
        figures = _measure(role, folder, seed, training.test_examples)
        figures = {
            **figures,
            "training_examples": training.examples,
            "seed": seed,
            "parameters": trained.num_parameters(),
        }
        write_json(folder / METRICS, figures)
        (folder / "README.md").write_text(judge_card(role, figures), encoding="utf-8")
    return {**figures, "cpu_seconds": round(seconds, 1)}


def _measure(role: str, folder: Path, seed: int, count: int) -> dict[str, Any]:
    if role == "nli":
        nli = NliJudge(str(folder), device="cpu")
        statements = quality.statement_quality(nli.statements, statement_examples(seed, "test", count))
        by_style = quality.style_errors(nli, styled_answers(seed, max(count // 3, 20)))
        figures = quality.nli_quality(nli, nli_examples(seed, "test", count))
        return {**figures, "by_style": by_style, "statements": statements}
    judge = RewardJudge(str(folder), device="cpu")
    figures = quality.reward_quality(judge, reward_examples(seed, "test", count))
    return {**figures, "by_style": quality.style_rewards(judge, style_examples(seed, max(count // 5, 20)))}


def _fit(
    encoder: CrossEncoder,
    columns: dict[str, list],
    loss: Any,
    work: str,
    seed: int,
    training: JudgeTraining,
    title: str,
) -> None:
    from datasets import Dataset
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
    from transformers import PrinterCallback, TrainerCallback

    from ..progress import Progress

    texts = [column for column in columns.values() if isinstance(column[0], str)]
    lengths = [sum(map(len, row)) for row in zip(*texts, strict=True)]
    order = like_length(lengths, training.batch_size, training.bucket, seed)
    dataset = Dataset.from_dict({name: [column[index] for index in order] for name, column in columns.items()})
    arguments = CrossEncoderTrainingArguments(
        output_dir=f"{work}/trainer",
        num_train_epochs=1,
        per_device_train_batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        warmup_steps=len(order) // training.batch_size // 10,
        lr_scheduler_type="cosine",
        adam_beta2=0.98,
        weight_decay=0.01,
        max_grad_norm=1.0,
        seed=derive_seed(seed, "trainer") % 2**31,
        batch_sampler=_in_order,
        use_cpu=True,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )

    class Shown(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: object) -> None:
            progress.update()

    with Progress(f"training {title}", len(order) // training.batch_size, "steps") as progress:
        trainer = CrossEncoderTrainer(
            model=encoder, args=arguments, train_dataset=dataset, loss=loss, callbacks=[Shown()]
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()


def like_length(lengths: Sequence[int], batch_size: int, bucket: int, seed: int) -> list[int]:
    """Length-grouped sampling: batches of `batch_size` examples of like length, in random order.

    The last incomplete run is left out, so that every batch is full.
    """
    random = generator(seed, "judges", "order")
    order = list(range(len(lengths)))
    random.shuffle(order)
    result: list[int] = []
    for start in range(0, len(order), batch_size * bucket):
        pool = sorted(order[start : start + batch_size * bucket], key=lambda index: lengths[index])
        runs = [pool[at : at + batch_size] for at in range(0, len(pool), batch_size)]
        random.shuffle(runs)
        result += [index for run in runs if len(run) == batch_size for index in run]
    return result


def _in_order(dataset: Any, batch_size: int, drop_last: bool, **_: Any) -> Any:
    """A batch sampler that leaves the dataset's order as it is."""
    from sentence_transformers.base.sampler import DefaultBatchSampler
    from torch.utils.data import SequentialSampler

    return DefaultBatchSampler(SequentialSampler(dataset), batch_size=batch_size, drop_last=drop_last)
