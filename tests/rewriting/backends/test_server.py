"""The server backend against real HTTP servers on this machine: one with a real tiny model, one that misbehaves."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from flamingo_lib.config import RewritingConfig
from flamingo_lib.distortion.completion_client import KEY_VARIABLE, ServerError
from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.records import Sample
from flamingo_lib.rewriting.backends.batch_files import write_batch_files
from flamingo_lib.rewriting.backends.server import ServerRewriter, same_model, usage_report
from flamingo_lib.rewriting.backends.settings import BackendConfig, backend_identity
from flamingo_lib.rewriting.backends.transformers import TransformersRewriter
from flamingo_lib.rewriting.job import run_job
from flamingo_lib.rewriting.shards import read_shards

CONFIG = RewritingConfig(batch_size=4, max_new_tokens=8, shard_size=8)


@contextmanager
def serving(answer, models=("tiny",)):
    """Serve `answer(body, attempt) -> (status, headers, text)`; yields the address and what was asked."""
    asked, attempts, lock = [], Counter(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send(200, {}, json.dumps({"data": [{"id": name} for name in models]}))

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            key = json.dumps(body)
            with lock:
                asked.append(body)
                attempts[key] += 1
                attempt = attempts[key]
            self.send(*answer(body, attempt))

        def send(self, status, headers, text):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
    finally:
        server.shutdown()
        server.server_close()


def completion(text, model="tiny", finish="stop"):
    usage = {"prompt_tokens": 20, "completion_tokens": 3}
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return json.dumps({"model": model, "choices": [choice], "usage": usage})


def text_of(body):
    return next(part["text"] for part in body["messages"][-1]["content"] if part["type"] == "text")


def rewriter(url, pictures, memory=None, **settings):
    backend = BackendConfig(kind="server", url=url, **{"backoff": 0.01, "concurrency": 4} | settings)
    return ServerRewriter("tiny", pictures, CONFIG, backend, memory=memory)


@pytest.fixture(scope="module")
def local(smolvlm, pictures):
    """The tiny model in this process."""
    return TransformersRewriter.load(smolvlm, pictures, CONFIG)


@pytest.fixture(scope="module")
def tiny_server(local):
    """An OpenAI-compatible server with a real model, that counts how many requests are under way."""
    lock, active = threading.Lock(), Counter()

    def answer(body, attempt):
        with lock:
            active["now"] += 1
            active["most"] = max(active["most"], active["now"])
        time.sleep(0.02)
        parts = body["messages"][-1]["content"]
        uris = [part["image_url"]["url"].split(",", 1)[1] for part in parts if part["type"] == "image_url"]
        images = [Image.open(io.BytesIO(base64.b64decode(uri))) for uri in uris]
        with lock:
            inputs = local.chat.encode([local.chat.prompt(text_of(body), len(images))], [images], "left")
            text, complete = local._generate([Sample("x", "x", "vqa", (), "", "")], inputs)[0]
            active["now"] -= 1
        return 200, {}, completion(text, finish="stop" if complete else "length")

    with serving(answer) as (url, asked):
        yield url, asked, active


def test_a_job_by_a_server_is_that_of_the_model_behind_it(tiny_server, local, pictures, samples, tmp_path):
    url, asked, active = tiny_server
    made = rewriter(url, pictures, tmp_path / "answers.jsonl")
    run_job(lambda: samples, lambda: lambda given, tick: made.rewrite(given, tick), tmp_path, identity={}, shard_size=8)
    assert [(done.output, done.flags) for done in read_shards(tmp_path)] == [
        (done.output, done.flags) for done in local.rewrite(samples)
    ]
    assert 2 <= active["most"] <= 4
    assert made.tokens == 3 * len(samples) and made.tokens_read == 20 * len(samples)
    count = len(asked)
    again = rewriter(url, pictures, tmp_path / "answers.jsonl")
    again.rewrite(samples)
    assert len(asked) == count and again.tokens == 0, "answers that are known are not asked for again"
    priced = BackendConfig(kind="server", price=(2.0, 10.0))
    assert usage_report(priced, tmp_path / "answers.jsonl") == {
        "answers": 24, "tokens_read": 480, "tokens_written": 72, "cost": 0.00168,
    }  # fmt: skip


def test_a_server_that_misbehaves_costs_no_record(pictures, samples, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    trouble = {1: (429, {"Retry-After": "0.1"}, "slow"), 2: (500, {}, "oh"), 3: (200, {}, "{half"), 4: (503, {}, "")}
    with serving(lambda body, attempt: trouble.get(attempt) or (200, {}, completion("It is red."))) as (url, asked):
        done = rewriter(url, pictures).rewrite(samples[:6])
    assert [rewrite.output for rewrite in done] == ["It is red."] * 6 and len(asked) == 30


def test_what_is_refused_of_one_record_sets_it_aside(pictures, samples):
    cases = {
        "vqa/1": (400, {}, "the prompt is too long"),
        "vqa/2": (413, {}, "too large"),
        "vqa/3": (200, {}, completion(None, finish="content_filter")),
        "vqa/4": (200, {}, "[]"),
        "vqa/5": (200, {}, completion("  ")),
    }
    named = [
        Sample(f"vqa/{index}", "vqa", "vqa", ("none.png",) * (index == 6), f"What is number {index}?", "red")
        for index in range(9)
    ]

    def answer(body, attempt):
        name = "vqa/" + text_of(body).split("number ")[1][0]
        return cases.get(name) or (200, {}, completion("It is red."))

    with serving(answer) as (url, _):
        done = rewriter(url, pictures).rewrite(named)
    flags = {rewrite.sample.id: rewrite.flags for rewrite in done if rewrite.flags}
    assert flags == dict.fromkeys(cases, ("refused",)) | {"vqa/6": ("unreadable_image",)}
    reasons = [done[index].scores["error"] for index in range(1, 6)]
    for reason, wanted in zip(
        reasons, ["too long", "413", "content_filter", "no completion", "without text"], strict=True
    ):
        assert wanted in reason
    assert [rewrite.output for rewrite in done if not rewrite.flags] == ["It is red."] * 3


def test_a_server_that_refuses_all_ends_the_job_at_once(pictures, samples):
    with serving(lambda body, attempt: (400, {}, "no")) as (url, asked):
        with pytest.raises(ServerError, match="refused 8 records in a row"):
            rewriter(url, pictures).rewrite(samples)
        assert len(asked) <= 16
    unknown = serving(lambda body, attempt: (401, {}, "who are you"))
    with unknown as (url, _), pytest.raises(ServerError, match="401.*FLAMINGO_SERVER_KEY"):
        rewriter(url, pictures).rewrite(samples)
    with pytest.raises(ServerError, match="no completion after 2 tries"):
        rewriter("http://127.0.0.1:9/v1", pictures, retries=1).rewrite(samples[:1])


def test_a_server_that_lies_about_its_model_is_told_so(pictures, samples):
    with serving(lambda body, attempt: (200, {}, completion("x", model="llama-3"))) as (url, _):
        with pytest.raises(ServerError, match="asked for the model 'tiny', and answers as 'llama-3'"):
            rewriter(url, pictures).rewrite(samples[:1])
        assert rewriter(url, pictures, answers_as=("llama-3",)).rewrite(samples[:1])[0].output == "x"
    with serving(lambda body, attempt: (200, {}, completion("x")), models=("a", "b")) as (url, asked):
        with pytest.raises(ConfigError, match="has no model 'tiny'; it has a, b"):
            rewriter(url, pictures).rewrite(samples[:1])
        assert not asked


@pytest.mark.parametrize(
    ("named", "asked", "same"),
    [("gpt-4o-2024-08-06", "gpt-4o", True), ("llava:latest", "llava", True), ("/models/smol.gguf", "smol", True),
     ("gpt-4o-mini", "gpt-4o", False), ("smol", "HuggingFaceTB/smol", True)],
)  # fmt: skip
def test_names_of_one_model(named, asked, same):
    assert same_model(named, asked) is same


def test_a_batch_goes_out_and_comes_back_by_its_ids(local, pictures, samples, tmp_path):
    made = rewriter("http://127.0.0.1:9/v1", pictures)
    report = write_batch_files(samples, made.requests, tmp_path / "requests.jsonl")
    assert report == {"files": [str(tmp_path / "requests.jsonl")], "requests": 24, "unreadable": {}}
    lines = [json.loads(line) for line in (tmp_path / "requests.jsonl").read_text().splitlines()]
    assert all(line["url"] == "/v1/chat/completions" and line["method"] == "POST" for line in lines)
    answers = [
        {"custom_id": line["custom_id"], "response": {"status_code": 200, "body": json.loads(completion(f"Red {n}."))}}
        for n, line in enumerate(lines)
    ]
    answers[3] = {"custom_id": lines[3]["custom_id"], "response": None, "error": {"message": "too long"}}
    del answers[5]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(answer) + "\n" for answer in reversed(answers)))
    done = rewriter(None, pictures, batch_in=(str(path),)).rewrite(samples)
    assert [rewrite.output for rewrite in done] == [f"Red {n}." if n not in (3, 5) else "" for n in range(24)]
    assert "too long" in done[3].scores["error"] and "no answer" in done[5].scores["error"]
    priced = BackendConfig(kind="server", batch_in=(str(path),), price=(2.0, 10.0))
    assert usage_report(priced, tmp_path / "none")["tokens_read"] == 20 * 22
    with pytest.raises(ConfigError, match=r"2 files of answers are missing: none-0\.jsonl, none-1\.jsonl"):
        backend_identity("m", priced.model_copy(update={"batch_in": tuple(f"none-{n}.jsonl" for n in range(2))}))
    with pytest.raises(DataError, match="answers none of these 24 records"):
        rewriter(None, pictures, batch_in=(str(path),), system="Be brief.").rewrite(samples)
    with pytest.raises(ConfigError, match="two answers"):
        path.write_text(path.read_text() * 2)
        rewriter(None, pictures, batch_in=(str(path),))


def test_a_batch_that_refused_all_ends_the_job(pictures, samples, tmp_path):
    made = rewriter("http://127.0.0.1:9/v1", pictures)
    ids = [f"{sample.id}#{made.requests.request(sample).key}" for sample in samples]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps({"custom_id": name, "error": {"code": "no"}}) + "\n" for name in ids))
    with pytest.raises(ServerError, match="batch refused 8 records in a row"):
        rewriter(None, pictures, batch_in=(str(path),)).rewrite(samples)


def test_a_large_batch_is_several_files(pictures, samples, tmp_path, monkeypatch):
    monkeypatch.setattr("flamingo_lib.rewriting.backends.batch_files.MAX_REQUESTS", 10)
    report = write_batch_files(samples, rewriter("http://x/v1", pictures).requests, tmp_path / "out.jsonl")
    assert report["requests"] == 24 and [Path(name).read_text().count("\n") for name in report["files"]] == [10, 10, 4]


def test_what_decides_the_texts_stands_in_the_identity():
    plain = backend_identity("tiny", BackendConfig(kind="server", url="http://a/v1"))
    assert plain == backend_identity("tiny", BackendConfig(kind="server", url="http://b/v1", concurrency=1, retries=0))
    for change in ({"system": "x"}, {"options": {"top_p": 0.5}}, {"style_prompt": "x"}, {"image_format": "jpeg"}):
        assert plain != backend_identity("tiny", BackendConfig(kind="server", url="http://a/v1", **change))
    assert plain != backend_identity("other", BackendConfig(kind="server", url="http://a/v1"))


def test_no_address_is_refused(pictures):
    with pytest.raises(ConfigError, match="no server is named"):
        rewriter(None, pictures)
    with pytest.raises(ConfigError, match="not an address"):
        rewriter("localhost", pictures)
