"""A tiny Flamingo folder with a real tokenizer and processor, and polite examples about rendered scenes."""

from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """`folder` of an untrained model, `examples` of one visual question each, `texts` without images, `images`."""
    import torch
    from transformers import LlamaConfig

    from flamingo_lib.chat.tokenizer import train_tiny_tokenizer
    from flamingo_lib.model.config import FlamingoConfig
    from flamingo_lib.model.flamingo import FlamingoForConditionalGeneration
    from flamingo_lib.model.image_processor import FlamingoImageProcessor
    from flamingo_lib.model.processor import FlamingoProcessor
    from flamingo_lib.records import Conversation, Turn
    from flamingo_lib.scenes.graph import draw_scene
    from flamingo_lib.scenes.language import polite, text_dialogue
    from flamingo_lib.scenes.questions import ask
    from flamingo_lib.scenes.render import render
    from flamingo_lib.seeding import generator

    root = tmp_path_factory.mktemp("tiny")
    examples, images, texts = [], [], []
    for index in range(40):
        scene, random = draw_scene(0, str(index)), generator(0, "fixture", index)
        file = root / f"{index}.png"
        render(scene, 72).save(file)
        images.append(str(file))
        question = ask(scene, random)
        examples.append(
            Conversation(f"v{index}", (Turn(question.text, polite(random, scene, question), images=1),), (str(file),))
        )
        instruction, answer, _ = text_dialogue(random)
        texts.append(Conversation(f"t{index}", (Turn(instruction, answer),)))
    tokenizer = train_tiny_tokenizer(
        (part for example in examples + texts for turn in example.turns for part in (turn.instruction, turn.response)),
        400,
    )
    torch.manual_seed(0)
    vocabulary = tokenizer.get_vocab()
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    tower = {"image_size": 72, "patch_size": 24, "width": 32, "layers": 1, "head_width": 16}
    model = FlamingoForConditionalGeneration(
        FlamingoConfig(
            text_config=text,
            vision_config={"source": "open_clip", "embed_dim": 16, "quick_gelu": False, "vision_cfg": tower},
            num_latents=4,
            resampler_depth=1,
            resampler_heads=2,
            resampler_dim_head=8,
            cross_attention_every=1,
            cross_attention_heads=2,
            cross_attention_dim_head=8,
            gate_init=0.5,
            image_token_id=vocabulary["<image>"],
            end_of_chunk_token_id=vocabulary["<|endofchunk|>"],
        )
    )
    processor = FlamingoProcessor(FlamingoImageProcessor(size=72), tokenizer)
    model.save_pretrained(root / "model")
    processor.save_pretrained(root / "model")
    return SimpleNamespace(folder=root / "model", examples=examples, texts=texts, images=images)
