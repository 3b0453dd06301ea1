"""Generation: beams, sampling, streaming, bans, and `generate_batch`."""

import pytest
import torch
from torch.nn import functional as F

from flamingo_lib.errors import DataError
from flamingo_lib.model import generate_batch
from flamingo_lib.model.generation import ModelDecoder
from flamingo_lib.model.kv_cache import KVCache
from flamingo_lib.seeding import torch_generator

IMAGE = 3


def prompt(batch, **changes):
    return {"inputs": batch["input_ids"], "pixel_values": batch["pixel_values"]} | changes


def new_tokens(output, batch):
    return output[:, batch["input_ids"].shape[1] :].tolist()


@torch.no_grad()
def log_probability(model, ids, pixels, start):
    logits = model(input_ids=ids[None], pixel_values=pixels[None]).logits[0].log_softmax(-1)
    logits[:, IMAGE] = -torch.inf
    return sum(float(logits[t - 1, ids[t]]) for t in range(start, len(ids)))


def test_beams_find_what_exhaustive_search_finds(build, build_llama, batch):
    model = build(build_llama(vocab_size=8, initializer_range=0.6), image_token_id=3)
    ids = batch["input_ids"].remainder(4).add(4).masked_fill(batch["input_ids"] == IMAGE, IMAGE)
    found = model.generate(
        ids,
        pixel_values=batch["pixel_values"],
        num_beams=64,
        max_new_tokens=2,
        do_sample=False,
        eos_token_id=None,
        length_penalty=0.0,
    )
    for row in range(3):
        every = [torch.cat([ids[row], torch.tensor([a, b])]) for a in range(8) for b in range(8) if IMAGE not in (a, b)]
        best = max(every, key=lambda line: log_probability(model, line, batch["pixel_values"][row], 12))
        assert found[row].tolist() == best.tolist()


@pytest.mark.parametrize("rule", ["preceding", "following"])
def test_beams_with_cache_equal_beams_without(build, batch, rule):
    model = build(media_rule=rule)
    settings = {"num_beams": 3, "max_new_tokens": 6, "do_sample": False, "eos_token_id": None}
    assert torch.equal(
        model.generate(**prompt(batch), **settings), model.generate(**prompt(batch), use_cache=False, **settings)
    )


def test_no_repeated_bigram(model, batch):
    lines = new_tokens(
        model.generate(**prompt(batch), no_repeat_ngram_size=2, max_new_tokens=24, do_sample=False, eos_token_id=None),
        batch,
    )
    for line, ids in zip(lines, batch["input_ids"].tolist(), strict=True):
        pairs = list(zip([*ids, *line], [*ids, *line][1:], strict=False))[len(ids) - 1 :]
        assert len(pairs) == len(set(pairs))


def test_image_token_is_never_generated(model, batch):
    head = model.get_output_embeddings()
    head.weight.data[IMAGE] = 100 * head.weight.data[5:].mean(0) + 50  # would win often
    assert model(**batch).logits.argmax(-1).eq(IMAGE).any()
    for output in (
        new_tokens(model.generate(**prompt(batch), max_new_tokens=8, do_sample=False), batch),
        new_tokens(model.generate(**prompt(batch), max_new_tokens=8, num_beams=2), batch),
        generate_batch(model, batch, 8),
        generate_batch(model, batch, 8, temperature=1.0, generators=[torch_generator(0, row) for row in range(3)]),
    ):
        assert all(IMAGE not in line for line in output)


def test_streaming(model, batch):
    class Collector:
        def __init__(self):
            self.tokens, self.ended = [], False

        def put(self, value):
            self.tokens += value.flatten().tolist()

        def end(self):
            self.ended = True

    collector = Collector()
    output = model.generate(
        batch["input_ids"][:1],
        pixel_values=batch["pixel_values"][:1],
        streamer=collector,
        max_new_tokens=5,
        do_sample=False,
    )
    assert collector.ended and collector.tokens == output[0].tolist()


def test_sampling_is_seeded(model, batch):
    outputs = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        outputs.append(
            new_tokens(model.generate(**prompt(batch), max_new_tokens=8, do_sample=True, eos_token_id=None), batch)
        )
    assert outputs[0] == outputs[1] != outputs[2]


def test_images_are_encoded_once_a_generation(model, batch, monkeypatch):
    calls = []
    encode, project = model.encode_images, model.layers[0].gated_cross_attn_layer.attn.keys_values
    monkeypatch.setattr(model, "encode_images", lambda x: calls.append("encode") or encode(x))
    monkeypatch.setattr(
        model.layers[0].gated_cross_attn_layer.attn, "keys_values", lambda x: calls.append("keys") or project(x)
    )
    model.generate(**prompt(batch), max_new_tokens=6, num_beams=2, eos_token_id=None)
    assert calls == ["encode", "keys"]
    generate_batch(model, batch, 6, eos=[])
    assert calls == ["encode", "keys"] * 2


def left_padded(batch, widths):
    ids = torch.zeros_like(batch["input_ids"])
    mask = torch.zeros_like(ids)
    for row, width in enumerate(widths):
        ids[row, -width:] = batch["input_ids"][row, :width]
        mask[row, -width:] = 1
    return {"input_ids": ids, "attention_mask": mask, "pixel_values": batch["pixel_values"]}


@pytest.mark.parametrize("rule", ["preceding", "following"])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_batch_rows_are_independent_of_their_batch(build, batch, rule, temperature):
    model = build(media_rule=rule)
    widths = (12, 8, 5)
    padded = left_padded(batch, widths)

    def generators(rows):
        return [torch_generator(7, row) for row in rows] if temperature else None

    together = generate_batch(model, padded, 10, temperature=temperature, generators=generators(range(3)))
    for row, width in enumerate(widths):
        alone = {"input_ids": batch["input_ids"][row : row + 1, :width]}
        images = int((alone["input_ids"] == IMAGE).sum())
        if images:
            alone["pixel_values"] = batch["pixel_values"][row : row + 1, :images]
        assert generate_batch(model, alone, 10, temperature=temperature, generators=generators([row])) == [
            together[row]
        ]
    if not temperature:
        plain = model.generate(**padded, max_new_tokens=10, do_sample=False)
        for line, ids in zip(together, plain[:, 12:].tolist(), strict=True):
            assert ids[: len(line)] == line and all(token in (0, 2) for token in ids[len(line) :])


def test_batch_rows_end_one_by_one_and_leave_the_batch(model, batch):
    """With every token as an end in turn, the lines are those of the endless run, cut."""
    endless = generate_batch(model, batch, 16, eos=[])
    for end in {token for line in endless for token in line}:
        expected = [line[: line.index(end)] if end in line else line for line in endless]
        assert generate_batch(model, batch, 16, eos=end) == expected
    some = [endless[0][3], endless[1][7]]
    expected = [
        line[: min(line.index(t) for t in some if t in line)] if set(some) & set(line) else line for line in endless
    ]
    assert generate_batch(model, batch, 16, eos=some) == expected


def test_batch_sampling_follows_the_distribution(model, batch):
    """4,000 draws of one token against the model's own probabilities (chi-squared, 60 degrees of freedom at most)."""
    one = {"input_ids": batch["input_ids"][2:].repeat(4000, 1)}
    drawn = generate_batch(
        model, one, 1, eos=[], temperature=2.0, generators=[torch_generator(1, row) for row in range(4000)]
    )
    logits = model(input_ids=batch["input_ids"][2:]).logits[0, -1].detach() / 2.0
    logits[IMAGE] = -torch.inf
    expected = logits.softmax(-1) * 4000
    counts = torch.bincount(torch.tensor(drawn).flatten(), minlength=len(expected)).float()
    enough = expected > 5
    statistic = ((counts - expected)[enough] ** 2 / expected[enough]).sum()
    assert counts[IMAGE] == 0 and statistic < 2 * enough.sum()


def test_precomputed_latents_and_memory(model, batch):
    expected = generate_batch(model, batch, 6)
    latents = model.resample(model.encode_images(batch["pixel_values"]))
    assert generate_batch(model, {"input_ids": batch["input_ids"], "latents": latents}, 6) == expected
    assert (
        generate_batch(model, {"input_ids": batch["input_ids"], "visual_memory": model.remember(latents)}, 6)
        == expected
    )


def test_suppressed_tokens(model, batch):
    first = generate_batch(model, batch, 4, eos=[])
    banned = sorted({token for line in first for token in line})
    assert not set(banned) & {
        token for line in generate_batch(model, batch, 4, eos=[], suppress=banned) for token in line
    }


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        ({"input_ids": torch.zeros(0, 3, dtype=torch.long)}, {}, "batch is empty"),
        ({"attention_mask": F.pad(torch.ones(3, 11, dtype=torch.long), (0, 1))}, {}, "padded on the right.*row 0"),
        ({}, {"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({}, {"temperature": 1.0}, "one generator for each row"),
        ({}, {"temperature": 1.0, "generators": [torch.Generator()]}, "one generator for each row"),
        ({"pixel_values": None}, {}, "2 <image> tokens but 0 images.*row 0"),
    ],
)
def test_bad_input(model, batch, change, settings, message):
    with pytest.raises(DataError, match=message):
        generate_batch(model, {**batch, **change}, **{"max_new_tokens": 4, **settings})


def test_cache_writes_in_place_and_keeps_rows():
    cache, draw = KVCache(layers=2, room=7), torch.Generator().manual_seed(0)
    given = [torch.randn(2, 3, 2, t, 4, generator=draw) for t in (4, 1, 2)]
    for key, value in given:
        found = cache.update(key, value, 1)
    for which in range(2):
        assert torch.equal(found[which], torch.cat([pair[which] for pair in given], dim=2))
    assert cache.layers[1].get_seq_length() == 7
    before = cache.layers[1].keys
    cache.layers[1].keep(torch.tensor([2, 0]))
    assert torch.equal(cache.layers[1].keys, before[[2, 0]])


def test_a_decoder_of_ones_own(model, batch):
    made = []

    class Counting(ModelDecoder):
        def __init__(self, *args, **kwargs):
            made.append(kwargs["steps"])
            super().__init__(*args, **kwargs)

    expected = generate_batch(model, batch, 6, eos=[])
    assert generate_batch(model, batch, 6, eos=[], decoder=Counting) == expected and made == [6]
    model.decoder = Counting
    assert generate_batch(model, batch, 4, eos=[]) == [line[:4] for line in expected] and made == [6, 4]


def test_a_watched_batch_tells_every_token_and_ends_rows_on_request(model, batch):
    plain = generate_batch(model, batch, 12)
    told = {row: [] for row in range(len(plain))}

    def watch(rows, tokens):
        for row, token in zip(rows, tokens, strict=True):
            told[row].append(token)
        return [row for row in rows if row == 0 and len(told[0]) == 2]

    watched = generate_batch(model, batch, 12, watch=watch)
    assert watched[0] == plain[0][:2]
    assert watched[1:] == plain[1:]
    assert all(told[row] == watched[row] for row in told)
