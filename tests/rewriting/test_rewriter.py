"""The rewriter with a random tiny model: every record for itself, oddities flagged, nothing lost."""

import pytest
import torch
from PIL import Image
from transformers import LlamaConfig

from flamingo_lib.chat.tokenizer import train_tiny_tokenizer
from flamingo_lib.config import RewritingConfig
from flamingo_lib.errors import CheckpointError, DataError, MissingAsset
from flamingo_lib.model import (
    FlamingoConfig,
    FlamingoForConditionalGeneration,
    FlamingoImageProcessor,
    FlamingoProcessor,
)
from flamingo_lib.records import Sample, Turn
from flamingo_lib.rewriting.backends.flamingo import FlamingoRewriter
from flamingo_lib.rewriting.pictures import Pictures
from flamingo_lib.rewriting.rewriter import flags_of

TEXTS = ["What color is the circle? The circle is red.", "Is there a star? Yes, at the top left."] * 9


@pytest.fixture(scope="module")
def parts():
    """A random Flamingo of width 32 with its processor."""
    tokenizer = train_tiny_tokenizer(TEXTS, 320)
    torch.manual_seed(3)
    llama = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2,
        max_position_embeddings=160, pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, initializer_range=0.4,
    )  # fmt: skip
    config = FlamingoConfig(
        text_config=llama, num_latents=4, resampler_depth=1, resampler_heads=2, resampler_dim_head=8,
        resampler_ff_mult=2,
        vision_config={"source": "open_clip", "embed_dim": 8, "quick_gelu": False,
                       "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 24, "layers": 1, "head_width": 12}},
        cross_attention_every=1, cross_attention_heads=2, cross_attention_dim_head=8,
        cross_attention_ff_mult=2, gate_init=0.7,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        end_of_chunk_token_id=tokenizer.convert_tokens_to_ids("<|endofchunk|>"),
    )  # fmt: skip
    return FlamingoForConditionalGeneration(config).eval(), FlamingoProcessor(FlamingoImageProcessor(16), tokenizer)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two datasets with three pictures."""
    folder = tmp_path_factory.mktemp("data")
    for source in ("vqa", "pairs"):
        (folder / source).mkdir()
        for index, color in enumerate(("red", "green", "blue")):
            Image.new("RGB", (20, 20), color).save(folder / source / f"{index}.png")
    return folder


def samples():
    made = [
        Sample(
            f"vqa/{index}",
            "vqa",
            "vqa",
            (f"{index % 3}.png",),
            f"What color is {'the ' * (index % 4)}circle?",
            "red " * (index % 5 + 1),
        )
        for index in range(9)
    ]
    made.append(Sample("pairs/0", "pairs", "change", ("0.png", "1.png"), "What changed?", "the color"))
    made.append(Sample("text/0", "text", "instruction", (), "Say hello.", "hello"))
    return made


def make(parts, root, **settings):
    return FlamingoRewriter(
        *parts, Pictures(root), RewritingConfig(**{"batch_size": 4, "max_new_tokens": 12, **settings})
    )


def texts(rewrites):
    return [rewrite.output for rewrite in rewrites]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_rewrite_does_not_depend_on_its_neighbours(parts, root, temperature):
    together = make(parts, root, temperature=temperature).rewrite(samples())
    assert [rewrite.sample for rewrite in together] == samples()
    alone = [make(parts, root, temperature=temperature).rewrite([sample])[0] for sample in samples()]
    backwards = make(parts, root, temperature=temperature, batch_size=3).rewrite(samples()[::-1])[::-1]
    assert texts(together) == texts(alone) == texts(backwards)
    assert len(set(texts(together))) > 4


def test_output_is_what_the_prompt_calls_for(parts, root):
    model, processor = parts
    sample = samples()[4]
    turn = Turn(sample.instruction, images=1, draft=sample.raw)
    inputs = processor(chats=[[turn]], images=[[Image.open(root / "vqa" / sample.images[0])]])
    inputs = {name: value for name, value in inputs.items() if name != "num_images"}
    with torch.no_grad():
        new = []
        ids, attended = inputs["input_ids"], inputs["attended_image"]
        for _ in range(12):
            logits = model(input_ids=ids, attended_image=attended, pixel_values=inputs["pixel_values"]).logits[0, -1]
            logits[model.config.image_token_id] = -torch.inf
            token = int(logits.argmax())
            if token == processor.tokenizer.eos_token_id:
                break
            new.append(token)
            ids = torch.cat([ids, torch.tensor([[token]])], dim=1)
            attended = torch.cat([attended, attended[:, -1:]], dim=1)
    assert make(parts, root).rewrite([sample])[0].output == processor.responses([new])[0]


def test_an_unreadable_image_costs_its_record_only(parts, root):
    batch = samples()
    lost = Sample("vqa/gone", "vqa", "vqa", ("gone.png",), "What color?", "red")
    outside = Sample("vqa/out", "vqa", "vqa", ("../pairs/0.png",), "What color?", "red")
    rewrites = make(parts, root).rewrite([lost, *batch, outside])
    assert [rewrite.sample.id for rewrite in rewrites] == ["vqa/gone", *(sample.id for sample in batch), "vqa/out"]
    assert rewrites[0].flags == ("unreadable_image",) and "missing" in rewrites[0].scores["error"]
    assert rewrites[-1].flags == ("unreadable_image",) and "leaves the root" in rewrites[-1].scores["error"]
    assert texts(rewrites[1:-1]) == texts(make(parts, root).rewrite(batch))


def test_too_long_and_empty_prompts_are_set_aside(parts, root):
    long = Sample("vqa/long", "vqa", "vqa", ("0.png",), "What color?", "red and green " * 60)
    empty = Sample("vqa/empty", "vqa", "vqa", ("0.png",), " ", "red")
    fine = samples()[0]
    rewrites = make(parts, root).rewrite([long, fine, empty])
    assert [rewrite.flags[:1] for rewrite in rewrites[::2]] == [("too_long",), ("empty_prompt",)]
    assert rewrites[1].output == make(parts, root).rewrite([fine])[0].output
    assert make(parts, root).rewrite([]) == []


def test_images_are_opened_once_and_forgotten_over_the_limit(parts, root):
    opened = []
    pictures = Pictures(root)

    def count(sample):
        opened.append(sample.images)
        return pictures(sample)

    rewriter = FlamingoRewriter(*parts, count, RewritingConfig(batch_size=4, max_new_tokens=4))
    rewriter.rewrite(samples())
    rewriter.rewrite(samples())
    assert len(opened) == 4
    small = FlamingoRewriter(*parts, count, RewritingConfig(batch_size=4, max_new_tokens=4), cache_bytes=1)
    assert texts(small.rewrite(samples())) == texts(rewriter.rewrite(samples()))
    small.rewrite(samples())
    assert len(opened) == 4 + 8 and small._held <= 1


def test_progress_and_tokens_are_counted(parts, root):
    steps = []
    rewriter = make(parts, root)
    rewriter.rewrite(samples(), progress=steps.append)
    assert sum(steps) == len(samples())
    assert 0 < rewriter.tokens <= 12 * len(samples())


@pytest.mark.parametrize(
    ("text", "complete", "flags"),
    [
        ("The circle is red.", True, ()),
        ("The circle is", False, ("truncated",)),
        ("It is red. It is red. It is red. It is red.", True, ("repetition",)),
        ("A ring: [0.1, 0.2, 0.3, 0.4]", True, ("leaked_preamble",)),
        ("red red red red ### Human:", False, ("truncated", "repetition", "leaked_preamble")),
    ],
)
def test_flags(text, complete, flags):
    assert flags_of(text, complete) == flags


def test_saved_with_lora_loaded_merged(parts, root, tmp_path):
    from copy import deepcopy

    from flamingo_lib.model.lora import add_lora, lora_state

    model, processor = parts
    model = add_lora(deepcopy(model), 2, 4)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in lora_state(model).values():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.2)
    expected = texts(make((model, processor), root).rewrite(samples()))
    model.save_pretrained(tmp_path / "rewriter")
    processor.save_pretrained(tmp_path / "rewriter")
    loaded = FlamingoRewriter.load(
        tmp_path / "rewriter", Pictures(root), RewritingConfig(batch_size=4, max_new_tokens=12)
    )
    assert not loaded.model.config.lora and "decoder" in loaded.model.__dict__
    plain = FlamingoRewriter.load(tmp_path / "rewriter", Pictures(root), loaded.config, optimize=False)
    assert "decoder" not in plain.model.__dict__ and texts(plain.rewrite(samples())) == expected
    assert texts(loaded.rewrite(samples())) == expected != texts(make(parts, root).rewrite(samples()))


def test_loading_nothing_is_refused(root, tmp_path):
    with pytest.raises(MissingAsset, match="the rewriter"):
        FlamingoRewriter.load("no-such-folder", Pictures(root))
    with pytest.raises(CheckpointError, match="lacks config.json"):
        FlamingoRewriter.load(tmp_path, Pictures(root))
    with pytest.raises(DataError, match="--source"):
        Pictures({"vqa": root}).folder("other")


def test_the_old_name_still_works_and_says_the_new_one():
    import flamingo_lib.rewriting as room
    import flamingo_lib.rewriting.rewriter as module

    for place in (room, module):
        with pytest.warns(DeprecationWarning, match="FlamingoRewriter"):
            assert place.Rewriter is FlamingoRewriter
