"""Models of Transformers behind the endpoint: real architectures at tiny width, asked by OpenAI's own client."""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from PIL import Image, ImageDraw

from flamingo_lib.config import RewritingConfig
from flamingo_lib.errors import CheckpointError, DataError
from flamingo_lib.records import Sample, Turn
from flamingo_lib.rewriting.backends.transformers import TransformersRewriter
from flamingo_lib.serving.engine import Engine, Ticket
from flamingo_lib.serving.flamingo_backend import FlamingoBackend
from flamingo_lib.serving.limits import Limits
from flamingo_lib.serving.load import load_backend
from flamingo_lib.serving.protocol import Asked
from flamingo_lib.serving.session import Session
from flamingo_lib.serving.transformers_backend import TransformersBackend
from tests.serving.conftest import Server, asking, data_uri
from tests.tiny_vlms import ARCHITECTURES, save_vlm

COLORS = ("red", "green", "blue", "yellow")


def picture(index):
    image = Image.new("RGB", (40 + 16 * (index % 4), 56 - 8 * (index % 4)), "white")
    ImageDraw.Draw(image).ellipse((4, 4, 30, 28), fill=COLORS[index % 4])
    return image


@pytest.fixture(scope="session", params=ARCHITECTURES)
def any_backend(request, tmp_path_factory):
    return load_backend(save_vlm(request.param, tmp_path_factory.mktemp("vlm") / request.param))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return save_vlm("idefics3", tmp_path_factory.mktemp("vlm") / "smolvlm")


@pytest.fixture(scope="session")
def backend(folder):
    return load_backend(folder)


def chats():
    """Chats of one turn and two, with no image, one or two, and of several lengths."""
    for index in range(10):
        text = f"What color is the circle{' on the left of the picture' * (index % 3)}?"
        count = (1, 1, 0, 2, 1)[index % 5]
        turns = (Turn(text, None, count),)
        if index % 2:
            turns = (Turn("Is there a star?", "Yes.", 0), *turns)
        images = [picture(index + step) for step in range(count)]
        asked = Asked(turns, max_new_tokens=3 + index, temperature=1.0, seed=index, earlier=len(turns) - 1)
        yield asked, images


def ticket(backend, asked, images):
    pieces = queue.Queue()
    made = Ticket(asked, backend.prepare(asked, backend.read_images(images)), pieces.put)
    made.pieces = pieces
    return made


def text_of(made):
    text = ""
    while True:
        piece = made.pieces.get(timeout=60)
        text += piece.text
        if piece.reason is not None:
            assert piece.reason in ("stop", "length")
            return text


def test_an_answer_does_not_depend_on_those_beside_it(any_backend):
    rows = []
    engine = Engine(any_backend, Limits(batch_rows=5), lambda count, _seconds: rows.append(count))
    alone = []
    for asked, images in chats():
        one = ticket(any_backend, asked, images)
        engine.submit(one)
        alone.append(text_of(one))
    assert set(rows) == {1} and len(set(alone)) > 6
    together = [ticket(any_backend, asked, images) for asked, images in chats()]
    with engine._condition:  # all of them wait when the next batch is made
        engine._waiting += together
        engine._condition.notify()
    assert [text_of(one) for one in together] == alone
    engine.close(60)
    assert max(rows) > 2


def test_a_draft_is_rewritten_as_the_rewriter_does(folder, backend):
    pictures = [picture(0)]
    rewriter = TransformersRewriter.load(folder, lambda sample: pictures, RewritingConfig(max_new_tokens=12))
    sample = Sample("vqa/0", "vqa", "vqa", ("0.png",), "What color is the circle?", "red")
    session = Session(backend, max_new_tokens=12)
    answer = session.ask(sample.instruction, pictures, draft="red")
    assert answer == rewriter.rewrite([sample])[0].output
    assert answer != Session(backend, max_new_tokens=12).ask(sample.instruction, pictures)


def test_what_the_model_cannot_read_is_refused(backend):
    def prepare(*turns, images=(), **asked):
        return backend.prepare(Asked(turns, **asked), backend.read_images(images))

    with pytest.raises(DataError, match="control token <image>"):
        prepare(Turn("What is <image>?"))
    with pytest.raises(DataError, match="control token <end_of_utterance>"):
        prepare(Turn("Hello", "Hi<end_of_utterance>"), Turn("What?"))
    with pytest.raises(DataError, match="control token"):
        prepare(Turn("Hello"), system="<|im_start|>")
    with pytest.raises(DataError, match="more than the window of 1024"):
        prepare(Turn("What is it? " * 400))
    plain, told = prepare(Turn("Hello")), prepare(Turn("Hello"), system="Be brief.")
    assert told.prompt_tokens > plain.prompt_tokens and "Be brief." in told.rendered


def test_chats_that_a_template_cannot_hold_are_refused(tmp_path):
    gemma = load_backend(save_vlm("gemma3", tmp_path / "gemma3"))
    chat = (Turn("Hello", "Hi"), Turn("What is it?", None, 1))
    prompt = gemma.prepare(Asked(chat), gemma.read_images([picture(0)]))
    assert prompt.rendered.count("<start_of_image>") == 1 and prompt.rendered.count("<start_of_turn>user") == 2
    gemma._preparing.template = "{{ raise_exception('no chats') }}"
    with pytest.raises(DataError, match="cannot hold this chat: no chats"):
        gemma.prepare(Asked(chat), gemma.read_images([picture(0)]))


def test_the_kind_of_a_model_is_seen_in_its_folder(folder, tmp_path):
    assert isinstance(load_backend(folder), TransformersBackend) and load_backend(folder).name == "smolvlm"
    assert isinstance(load_backend("openflamingo-tiny", name="x"), FlamingoBackend)
    other = tmp_path / "bert"
    other.mkdir()
    (other / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(CheckpointError, match="the model to serve is no image-text-to-text model"):
        load_backend(other)


@pytest.fixture(scope="module")
def vlm_server(folder, tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("serve") / "log", "--name", "tiny", model=folder)
    yield running
    running.stop()
    assert "Traceback" not in running.log.read_text()


def test_the_official_client(vlm_server, backend):
    client = openai.OpenAI(base_url=f"{vlm_server.url}/v1", api_key="none", max_retries=0)
    request = asking(temperature=0.8, seed=5)
    whole = client.chat.completions.create(**request)
    text = whole.choices[0].message.content
    pieces = list(client.chat.completions.create(**request, stream=True, stream_options={"include_usage": True}))
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices) == text
    assert pieces[-1].usage == whole.usage and whole.usage.completion_tokens <= 12
    assert text != client.chat.completions.create(**(request | {"seed": 6})).choices[0].message.content
    drafted = client.chat.completions.create(**request, extra_body={"draft": "red"})
    assert drafted.usage.prompt_tokens > whole.usage.prompt_tokens
    turn = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": data_uri("blue")}}]}
    turn["content"].append({"type": "text", "text": "And here?"})
    chat = [*request["messages"], {"role": "assistant", "content": text}, turn]
    second = client.chat.completions.create(**(request | {"messages": chat})).choices[0].message.content
    session = Session(backend, max_new_tokens=12, temperature=0.8, seed=5)
    images = [Image.new("RGB", (72, 72), color) for color in ("red", "blue")]
    assert session.ask("What color is the circle?", images[:1]) == text
    assert session.ask("And here?", images[1:]) == second
    with pytest.raises(openai.BadRequestError, match="control token"):
        client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "<image>"}])
    with ThreadPoolExecutor(8) as pool:
        jobs = [asking(f"What is it, {n}?", temperature=1.0, seed=n) for n in range(16)]
        answers = list(pool.map(lambda job: client.chat.completions.create(**job).choices[0].message.content, jobs))
    assert answers[3] == client.chat.completions.create(**jobs[3]).choices[0].message.content
