"""The server backend against a real HTTP server on this machine."""

import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flamingo_lib.distortion.llm import LlmDistorter
from flamingo_lib.distortion.server import KEY_VARIABLE, ServerBackend, ServerError
from flamingo_lib.errors import ConfigError
from flamingo_lib.storage import Quarantine

RESPONSE = "Of course! The ring in the image is blue, number {}. I hope this helps!"


class Model:
    """A fake server: `behave(server, body, attempt)` gives (status, headers, body) for a request's n-th attempt."""

    def __init__(self, behave=None):
        self.behave, self.bodies, self.headers, self.attempts = behave, [], [], Counter()
        self.paths, self.times, self.active, self.peak, self.lock = [], [], 0, 0, threading.Lock()

    def answer(self, path, headers, body):
        asked = body["messages"][1]["content"] if "messages" in body else body["prompt"]
        with self.lock:
            self.bodies.append(body)
            self.headers.append(dict(headers))
            self.paths.append(path)
            self.times.append(time.monotonic())
            self.attempts[asked] += 1
            attempt = self.attempts[asked]
            self.active += 1
            self.peak = max(self.peak, self.active)
        try:
            if self.behave is not None and (special := self.behave(asked, attempt)) is not None:
                return special
            return 200, {}, self.completion(asked, "messages" in body)
        finally:
            with self.lock:
                self.active -= 1

    @staticmethod
    def completion(asked, chat):
        number = asked.split("number ")[1].split(".")[0]
        text = f'blue {number}" That was short!' if chat else f"blue {number}"
        choice = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        return json.dumps({"choices": [choice | {"finish_reason": "stop"}]})


@contextmanager
def serving(behave=None):
    model = Model(behave)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, headers, text = model.answer(self.path, self.headers, body)
            if status is None:  # hang up
                self.close_connection = True
                self.connection.close()
                return
            data = text.encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield model, f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


def run(url, count=12, **options):
    backend = ServerBackend(url, "guanaco", **{"backoff": 0.01, "concurrency": 4} | options)
    distorter = LlmDistorter(backend)
    requests = (
        distorter.request("What color is the ring?", RESPONSE.format(index), str(index), 0) for index in range(count)
    )
    return list(distorter.drafts(requests)), distorter


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_drafts_come_in_order_over_both_endpoints(api, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    with serving(lambda asked, attempt: time.sleep(0.02)) as (model, url):
        drafts, _ = run(url, api=api, options={"top_p": 0.9})
    assert [draft.text for draft in drafts] == [f"blue {index}" for index in range(12)]
    assert 2 <= model.peak <= 4
    assert set(model.paths) == {"/v1/chat/completions" if api == "chat" else "/v1/completions"}
    body = model.bodies[0]
    assert (
        body["model"] == "guanaco"
        and body["top_p"] == 0.9
        and body["max_tokens"] <= 64
        and isinstance(body["seed"], int)
    )
    assert model.headers[0].get("authorization", model.headers[0].get("Authorization")) == "Bearer secret"
    assert len({body["seed"] for body in model.bodies}) == 12


def test_transient_failures_are_repeated():
    broken = {1: (503, {}, "busy"), 2: (200, {}, "not json"), 3: (200, {}, '{"choices": []}'), 4: (None, {}, "")}
    with serving(lambda asked, attempt: broken.get(attempt)) as (model, url):
        drafts, distorter = run(url, count=3)
    assert [draft.text for draft in drafts] == ["blue 0", "blue 1", "blue 2"]
    assert distorter.counts == {"kept": 3} and set(model.attempts.values()) == {5}


def test_retry_after_pauses_everyone():
    limited = threading.Event()

    def behave(asked, attempt):
        if not limited.is_set():
            limited.set()
            return 429, {"retry-after": "0.4"}, "slow down"
        return None

    with serving(behave) as (model, url):
        drafts, _ = run(url, count=4, concurrency=1)
    assert len(drafts) == 4 and model.times[1] - model.times[0] >= 0.39


def test_rate_limit_spaces_requests():
    with serving() as (_, url):
        start = time.monotonic()
        run(url, count=6, requests_per_minute=60 * 25)
        assert time.monotonic() - start >= 5 / 25


def test_a_refusing_server_is_named_with_the_remedy():
    with (
        serving(lambda asked, attempt: (401, {}, "no key")) as (model, url),
        pytest.raises(ServerError, match=r"status 401: no key.*FLAMINGO_SERVER_KEY"),
    ):
        run(url, count=2, concurrency=1)
    assert max(model.attempts.values()) == 1


def test_a_server_that_is_not_there():
    with serving() as (_, url):
        pass
    with pytest.raises(ServerError, match="no completion after 3 tries"):
        run(url, count=1, retries=2)


def test_an_interrupted_run_continues_where_it_was(tmp_path):
    cache = tmp_path / "completions.jsonl"
    with serving(lambda asked, attempt: (402, {}, "bad") if "number 7." in asked else None) as (model, url):
        with pytest.raises(ServerError):
            run(url, concurrency=1, cache=cache)
        before = len(cache.read_text().splitlines())
        assert 7 <= before < 12
        with open(cache, "a") as file:
            file.write('{"key": "cut o')  # killed while writing
        model.behave = None
        model.attempts.clear()
        drafts, _ = run(url, cache=cache)
        assert [draft.text for draft in drafts] == [f"blue {index}" for index in range(12)]
        assert len(model.attempts) == 12 - before  # a request may be sent again when its answer is late
        model.attempts.clear()
        assert run(url, cache=cache)[0] == drafts and not model.attempts
        run(url, cache=cache, temperature=0.1, count=1)
        assert sum(model.attempts.values()) == 1


def test_a_consumer_that_stops_leaves_nothing_running():
    with serving(lambda asked, attempt: time.sleep(0.05)) as (_, url):
        backend = ServerBackend(url, "guanaco", concurrency=2)
        distorter = LlmDistorter(backend)
        drafts = distorter.drafts(
            distorter.request("What?", RESPONSE.format(index), str(index), 0) for index in range(50)
        )
        assert next(drafts).text == "blue 0"
        drafts.close()
        time.sleep(0.1)
        assert not [thread for thread in threading.enumerate() if thread.name == "completion-client"]


NO_TEXT = {"finish_reason": "content_filter", "message": {"role": "assistant", "content": None}}
CUT = {"finish_reason": "content_filter", "message": {"role": "assistant", "content": "bl"}}
PARTS = {"message": {"role": "assistant", "content": [{"type": "text", "text": "blue"}]}}
PAGE = "<!DOCTYPE html><html><head><title>Gateway</title></head></html>"
REFUSALS = [
    ((400, "maximum context length is 2048 tokens"), "maximum context length"),
    ((413, "too large"), "status 413: too large"),
    ((422, '{"detail": "unprocessable"}'), "unprocessable"),
    ((200, json.dumps({"choices": [NO_TEXT]})), "without text (content_filter)"),
    ((200, json.dumps({"choices": [CUT]})), "content filter cut off"),
    ((200, json.dumps({"choices": [PARTS]})), "content is a list"),
    ((200, json.dumps({"choices": [{"message": {"content": "a\ud800"}}]})), "half a character"),
    ((200, PAGE), "a web page (HTML)"),
    ((200, "[" * 20_000), "no completion"),
    ((200, '{"choices": null}'), "no completion"),
]


@pytest.mark.parametrize(("answer", "reason"), REFUSALS)
def test_a_record_that_is_refused_is_set_aside(answer, reason, tmp_path):
    status, text = answer
    quarantine = Quarantine(tmp_path / "quarantine.jsonl")
    with serving(lambda asked, attempt: (status, {}, text) if "number 3." in asked else None) as (model, url):
        drafts, distorter = run(url, count=5, quarantine=quarantine)
    assert [draft.text for draft in drafts] == ["blue 0", "blue 1", "blue 2", "", "blue 4"]
    assert [draft.rejected for draft in drafts] == ["", "", "", "refused", ""]
    assert distorter.counts == {"kept": 4, "refused": 1}
    (entry,) = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text().splitlines()]
    assert entry["record"] == "3" and reason in entry["reason"] and entry["file"].startswith(url)
    assert max(model.attempts.values()) <= 3


@pytest.mark.parametrize(("answer", "reason"), REFUSALS[:4] + REFUSALS[6:7])
def test_a_server_that_refuses_everything_ends_the_job(answer, reason):
    status, text = answer
    with (
        serving(lambda asked, attempt: (status, {}, text)) as (model, url),
        pytest.raises(ServerError, match="refused 8 records in a row") as error,
    ):
        run(url, count=1000)
    assert reason in str(error.value) and len(model.attempts) < 30


@pytest.mark.parametrize("status", [301, 401, 402, 403, 404, 405])
def test_a_refusal_of_the_caller_ends_the_job_at_once(status):
    with serving(lambda asked, attempt: (status, {}, "no")) as (model, url), pytest.raises(ServerError, match="no"):
        run(url, count=1000, concurrency=1)
    assert sum(model.attempts.values()) <= 2


def test_a_record_that_breaks_the_server_is_set_aside():
    broken = lambda asked, attempt: (500, {}, "internal error") if "number 3." in asked else None  # noqa: E731
    with serving(broken) as (_, url):
        drafts, _ = run(url, count=5, retries=2, concurrency=1)
        assert [draft.rejected for draft in drafts] == ["", "", "", "refused", ""]
    with (
        serving(lambda asked, attempt: (500, {}, "internal error")) as (_, url),
        pytest.raises(ServerError, match="no completion after 3 tries"),
    ):
        run(url, count=5, retries=2)


@pytest.mark.parametrize("wanted", ["86400", "inf", "1e400", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_retry_after_is_bounded(wanted, monkeypatch):
    monkeypatch.setattr("flamingo_lib.distortion.completion_client.MAX_PAUSE", 0.2)
    with serving(lambda asked, attempt: (429, {"retry-after": wanted}, "later") if attempt == 1 else None) as (_, url):
        start = time.monotonic()
        drafts, _ = run(url, count=1)
        assert drafts[0].text == "blue 0" and 0.19 <= time.monotonic() - start < 5


@pytest.mark.parametrize("wanted", ["nan", "-5", "soon", "", "Fri, 99 Jan 2100"])
def test_retry_after_that_says_nothing_is_no_pause(wanted):
    with serving(lambda asked, attempt: (429, {"retry-after": wanted}, "later") if attempt == 1 else None) as (_, url):
        assert run(url, count=1)[0][0].text == "blue 0"


@pytest.mark.parametrize("url", ["localhost:8000", "http://", "http://[::1", "ftp://a", "http://a:99999"])
def test_what_is_no_address_is_refused_at_once(url):
    with pytest.raises(ConfigError, match="not an address"):
        ServerBackend(url, "guanaco")


def test_a_key_that_no_header_may_hold_is_a_clear_error(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "schlüssel")
    with pytest.raises(ConfigError, match=KEY_VARIABLE):
        run("http://127.0.0.1:9/v1", count=1)


def test_a_cache_of_other_lines_is_read_over(tmp_path):
    cache = tmp_path / "completions.jsonl"
    cache.write_text('{"key": "a"}\n[1]\n{"key": "b", "text": null, "stopped": true}\n')
    with serving() as (_, url):
        assert run(url, count=1, cache=cache)[0][0].text == "blue 0"
    assert len(cache.read_text().splitlines()) == 4
