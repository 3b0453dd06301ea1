"""Readers of text-only instruction sets: OASST's trees, instruction lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...records import Sample
from ...text import is_blank
from ..reader import BadRecord, Reader
from ..record_text import shown_text
from .dialogues import as_sample, pair_up


def _rank(node: dict[str, Any]) -> tuple[bool, int]:
    rank = node.get("rank")
    return (rank is None, rank if rank is not None else 0)


def best_path(prompt: dict[str, Any]) -> list[tuple[str, str]]:
    """The best path of a reply tree as (role, text) messages: always the best-ranked reply, no deleted ones."""
    messages: list[tuple[str, str]] = []
    node: dict[str, Any] | None = prompt
    while node is not None:
        messages.append((node["role"], node["text"]))
        replies = [reply for reply in node.get("replies") or [] if not reply.get("deleted")]
        node = min(replies, key=_rank) if replies else None
    return messages


def _trees_of_messages(reader: Reader, file: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Trees of the flat messages file, whose lines name their parents."""
    nodes: dict[str, dict[str, Any]] = {}
    for _, key, record in reader.items(file, lines=True):
        with reader.keep(file, f"line {key}", part=True):
            kept = (
                "message_id",
                "parent_id",
                "message_tree_id",
                "tree_state",
                "role",
                "text",
                "lang",
                "rank",
                "deleted",
            )
            node = {name: record.get(name) for name in kept} | {"replies": []}
            nodes[record["message_id"]] = node
    for name, node in nodes.items():
        parent = node["parent_id"]
        if parent is None:
            yield name, {"message_tree_id": name, "tree_state": node["tree_state"], "prompt": node}
        elif parent in nodes:
            nodes[parent]["replies"].append(node)


def _trees(reader: Reader) -> Iterator[tuple[str, str, dict[str, Any]]]:
    files = reader.files("trees")
    if files:
        for file in files:
            for _, key, record in reader.items(file, lines=True):
                yield file, f"line {key}", record
        return
    file = reader.file("messages")
    for key, tree in list(_trees_of_messages(reader, file)):
        yield file, key, tree


def oasst(reader: Reader) -> Iterator[Sample]:
    """OASST-1: of each finished tree in the wanted languages, the best-ranked path, ended at an assistant's answer."""
    languages = reader.options.get("languages", ("en",))
    for file, key, tree in _trees(reader):
        with reader.keep(file, key):
            prompt = tree["prompt"]
            if tree.get("tree_state") not in (None, "ready_for_export") or prompt.get("deleted"):
                continue
            if languages and prompt.get("lang") not in (None, *languages):
                continue
            yield as_sample(reader, tree["message_tree_id"], pair_up(best_path(prompt)), lang=prompt.get("lang") or "")


def instruction_list(reader: Reader) -> Iterator[Sample]:
    """Records of an instruction, an optional input and an answer (Alpaca-GPT-4, GPTeacher, InstructionWild)."""
    files = reader.files("instructions") or [reader.file("instructions")]
    for file in files:
        for _, key, record in reader.items(file, lines=True):
            with reader.keep(file, record.get("id", key) if isinstance(record, dict) else key):
                given = [record["instruction"].strip(), (record.get("input") or "").strip()]
                answer = next((record[name] for name in ("output", "response") if name in record), None)
                if answer is None:
                    raise BadRecord("a field is missing: output or response")
                shown_text(record["instruction"], "instruction")
                name = file.rpartition("/")[2].rpartition(".")[0] if len(files) > 1 else ""
                yield reader.sample(
                    f"{name}-{key}" if name else key,
                    instruction="\n".join(part for part in given if not is_blank(part)),
                    raw=answer,
                )
