"""Both references' semantics written out slowly, image by image, and parity fixtures of any shape made from them.

Nothing of the library is used: the language model is Transformers' own with hooks, the tower is open_clip's own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from open_clip.model import CLIPVisionCfg, _build_vision_tower
from safetensors.torch import save_file
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

PAD, BOS, EOS, END_OF_CHUNK, IMAGE, VOCABULARY = 0, 1, 2, 60, 61, 62
NAMES = {"B": BOS, "E": END_OF_CHUNK, "I": IMAGE}


@dataclass
class Recipe:
    """A fixture's shape. Layouts: B begin, t text, I image, E end of chunk."""

    version: str = "v2"
    rows: list[str] = field(default_factory=lambda: ["BIttttEIttE", "BtttIttE"])
    generation_rows: list[str] = field(default_factory=lambda: ["BttIt", "BItItt"])
    layers: int = 4
    every: int = 2
    width: int = 32
    tied: bool = False
    vision_width: int = 24
    image_size: int = 16
    patch_size: int = 8
    quick_gelu: bool = False
    depth: int = 2
    latents: int = 6
    heads: int = 2
    dim_head: int = 8
    ff_mult: int = 4
    frames: int = 1
    left_padded: bool = False
    spare_slots: int = 0
    seed: int = 0


class Reference:
    """A random model of the recipe's shape."""

    def __init__(self, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = r = recipe
        self.text = {
            "vocab_size": VOCABULARY,
            "hidden_size": r.width,
            "intermediate_size": 2 * r.width,
            "num_hidden_layers": r.layers,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 64,
            "tie_word_embeddings": r.tied,
        }
        config = LlamaConfig(**self.text, initializer_range=0.3, pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS)
        self.llama = LlamaForCausalLM._from_config(config, attn_implementation="eager").eval()
        self.vision = {
            "image_size": r.image_size,
            "patch_size": r.patch_size,
            "width": r.vision_width,
            "layers": 2,
            "head_width": r.vision_width // 2,
        }
        towers = [
            _build_vision_tower(
                8, CLIPVisionCfg(**self.vision, output_tokens=True, final_ln_after_pool=late), r.quick_gelu
            ).eval()
            for late in (False, True)
        ]
        torch.nn.init.normal_(towers[0].ln_post.bias, std=0.5)
        towers[1].load_state_dict(towers[0].state_dict())
        self.towers = {"": towers[0], "pre_ln_post.": towers[1]}
        inner, d, v = r.heads * r.dim_head, r.width, r.vision_width
        self.weights: dict[str, Tensor] = {"perceiver.latents": torch.randn(r.latents, v)}
        for i in range(r.depth):
            self._norms(f"perceiver.layers.{i}.0.norm_media", v)
            self._norms(f"perceiver.layers.{i}.0.norm_latents", v)
            self._attention(f"perceiver.layers.{i}.0", v, v, inner)
            self._feed_forward(f"perceiver.layers.{i}.1", v)
        self._norms("perceiver.norm", v)
        self.gated = [i for i in range(r.layers) if (i + 1) % r.every == 0]
        for i in self.gated:
            name = f"lang_encoder.model.layers.{i}.gated_cross_attn_layer"
            self._norms(f"{name}.attn.norm", d)
            self._attention(f"{name}.attn", d, v, inner)
            self._feed_forward(f"{name}.ff", d)
            self.weights[f"{name}.attn_gate"], self.weights[f"{name}.ff_gate"] = (
                torch.tensor([0.8]),
                torch.tensor([-0.6]),
            )
        for weight in self.weights.values():
            weight.requires_grad_()

    def _norms(self, name: str, width: int) -> None:
        self.weights[f"{name}.weight"] = 1 + 0.1 * torch.randn(width)
        self.weights[f"{name}.bias"] = 0.1 * torch.randn(width)

    def _attention(self, name: str, width: int, visual: int, inner: int) -> None:
        for part, shape in (("to_q", (inner, width)), ("to_kv", (2 * inner, visual)), ("to_out", (width, inner))):
            self.weights[f"{name}.{part}.weight"] = torch.randn(shape) * shape[1] ** -0.5

    def _feed_forward(self, name: str, width: int) -> None:
        self._norms(f"{name}.0", width)
        hidden = self.recipe.ff_mult * width
        self.weights[f"{name}.1.weight"] = torch.randn(hidden, width) * width**-0.5
        self.weights[f"{name}.3.weight"] = torch.randn(width, hidden) * hidden**-0.5

    def _norm(self, name: str, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        return (
            centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * self.weights[f"{name}.weight"]
            + self.weights[f"{name}.bias"]
        )

    def _ff(self, name: str, x: Tensor) -> Tensor:
        hidden = self._norm(f"{name}.0", x) @ self.weights[f"{name}.1.weight"].T
        return (hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))) @ self.weights[f"{name}.3.weight"].T

    def _ask(self, name: str, asking: Tensor, answering: Tensor) -> Tensor:
        """(t, d) looks at (l, D), head by head."""
        inner, size = self.recipe.heads * self.recipe.dim_head, self.recipe.dim_head
        query, both = asking @ self.weights[f"{name}.to_q.weight"].T, answering @ self.weights[f"{name}.to_kv.weight"].T
        key, value = both[:, :inner], both[:, inner:]
        seen = []
        for start in range(0, inner, size):
            part = slice(start, start + size)
            seen.append((query[:, part] @ key[:, part].T / size**0.5).softmax(-1) @ value[:, part])
        return torch.cat(seen, -1) @ self.weights[f"{name}.to_out.weight"].T

    def patch_tokens(self, prefix: str, vision_x: Tensor) -> Tensor:
        with torch.no_grad():
            tokens = self.towers[prefix](vision_x.flatten(0, 2))[1]
        return tokens.view(*vision_x.shape[:3], *tokens.shape[1:])

    def perceive(self, tokens: Tensor) -> Tensor:
        """(b, m, f, v, D) to (b, m, n, D), one image at a time."""
        images = []
        for media in tokens.flatten(0, 1).flatten(1, 2):
            latents = self.weights["perceiver.latents"]
            for i in range(self.recipe.depth):
                name = f"perceiver.layers.{i}.0"
                asking = self._norm(f"{name}.norm_latents", latents)
                latents = latents + self._ask(
                    name, asking, torch.cat([self._norm(f"{name}.norm_media", media), asking])
                )
                latents = latents + self._ff(f"perceiver.layers.{i}.1", latents)
            images.append(self._norm("perceiver.norm", latents))
        return torch.stack(images).view(*tokens.shape[:2], self.recipe.latents, -1)

    def times(self, ids: list[int]) -> list[int]:
        """The image that each token looks at, as the fixtures' README tells it."""
        total, found, seen = ids.count(IMAGE), [], 0
        for token in ids:
            seen += token == IMAGE
            time = seen if self.recipe.version == "v2" or token == IMAGE else seen + 1
            found.append(time if time <= total else 0)
        return found

    def logits(self, ids: Tensor, latents: Tensor, mask: Tensor | None = None) -> Tensor:
        def before(index: int):
            name = f"lang_encoder.model.layers.{index}.gated_cross_attn_layer"

            def hook(module, args):
                rows = []
                for x, line, images in zip(args[0], ids.tolist(), latents, strict=True):
                    asking = self._norm(f"{name}.attn.norm", x)
                    seen = [
                        self._ask(f"{name}.attn", asking[i : i + 1], images[time - 1])[0]
                        if time
                        else torch.zeros_like(x[i])
                        for i, time in enumerate(self.times(line))
                    ]
                    x = x + torch.stack(seen) * self.weights[f"{name}.attn_gate"].tanh()
                    rows.append(x + self._ff(f"{name}.ff", x) * self.weights[f"{name}.ff_gate"].tanh())
                return torch.stack(rows), *args[1:]

            return hook

        hooks = [self.llama.model.layers[i].register_forward_pre_hook(before(i)) for i in self.gated]
        try:
            return self.llama(input_ids=ids, attention_mask=mask, use_cache=False).logits
        finally:
            for hook in hooks:
                hook.remove()

    def greedy(self, ids: Tensor, latents: Tensor, steps: int, end: int) -> Tensor:
        """The whole row again for every token; an `<image>` is never taken."""
        with torch.no_grad():
            for _ in range(steps):
                logits = self.logits(ids, latents)[0, -1]
                logits[IMAGE] = -torch.inf
                ids = torch.cat([ids, logits.argmax().view(1, 1)], 1)
                if int(ids[0, -1]) == end:
                    break
        return ids

    def named_weights(self) -> dict[str, Tensor]:
        """Under the reference's names, each once."""
        visual = "vision_encoder.visual." if self.recipe.version == "v1" else "vision_encoder."
        named = {visual + name: weight for name, weight in self.towers[""].state_dict().items()} | self.weights
        for name, weight in self.llama.named_parameters():
            named["lang_encoder." + layer_name(name)] = weight
        return named


def layer_name(name: str) -> str:
    """A decoder layer's weight as it is called once wrapped."""
    parts = name.split(".")
    return ".".join([*parts[:3], "decoder_layer", *parts[3:]]) if parts[1] == "layers" else name


def ids_of(layout: str, generator: torch.Generator) -> list[int]:
    return [
        NAMES[letter] if letter in NAMES else int(torch.randint(3, 60, (1,), generator=generator)) for letter in layout
    ]


def write_fixture(folder: Path, recipe: Recipe) -> Path:
    """A folder as the fixtures' README describes it."""
    reference, r = Reference(recipe), recipe
    generator = torch.Generator().manual_seed(recipe.seed)
    length = max(map(len, r.rows))
    ids, mask, labels = (torch.full((len(r.rows), length), fill) for fill in (PAD, 0, -100))
    for row, layout in enumerate(r.rows):
        place = slice(length - len(layout), length) if r.left_padded else slice(0, len(layout))
        ids[row, place], mask[row, place] = torch.tensor(ids_of(layout, generator)), 1
        labels[row, place] = torch.tensor(
            [-100 if token in (BOS, IMAGE) else token for token in ids[row, place].tolist()]
        )

    def pictures(*counts: int) -> Tensor:
        slots = max(1, max(counts)) + r.spare_slots
        pixels = torch.randn(len(counts), slots, r.frames, 3, r.image_size, r.image_size, generator=generator)
        for row, count in enumerate(counts[1:], start=1):
            pixels[row, count:] = 0
        return pixels

    inputs = {
        "input_ids": ids,
        "attention_mask": mask,
        "labels": labels,
        "vision_x": pictures(*[layout.count("I") for layout in r.rows]),
    }
    for number, layout in enumerate(r.generation_rows):
        inputs[f"gen{number}.input_ids"] = torch.tensor([ids_of(layout, generator)])
        inputs[f"gen{number}.vision_x"] = pictures(layout.count("I"))
    end = EOS if r.version == "v1" else END_OF_CHUNK
    expected, named = {}, reference.named_weights()
    for prefix in ("", "pre_ln_post."):
        for weight in named.values():
            weight.grad = None
        tokens = reference.patch_tokens(prefix, inputs["vision_x"])
        latents = reference.perceive(tokens)
        logits = reference.logits(ids, latents, mask)
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        loss.backward()
        expected |= {
            f"{prefix}{name}": value
            for name, value in zip(
                ("vision_tokens", "perceiver_output", "logits"), (tokens, latents, logits), strict=True
            )
        }
        expected[f"{prefix}loss"] = loss.reshape(1)
        for name, weight in named.items():
            if weight.grad is None and name in reference.weights:  # no image is looked at
                weight.grad = torch.zeros_like(weight)
            if weight.grad is not None:
                expected[f"{prefix}grad_norm.{name}"] = weight.grad.norm()
        expected[f"{prefix}grad.perceiver.latents"] = reference.weights["perceiver.latents"].grad
        for number in range(len(r.generation_rows)):
            prompt = inputs[f"gen{number}.input_ids"]
            latents = reference.perceive(reference.patch_tokens(prefix, inputs[f"gen{number}.vision_x"]))
            expected[f"{prefix}gen{number}.prompt_logits"] = reference.logits(prompt, latents)
            expected[f"{prefix}gen{number}.output_ids"] = reference.greedy(prompt, latents, 5, end)
    folder.mkdir()
    gated = {
        "every_n_layers": r.every,
        "dim_head": r.dim_head,
        "heads": r.heads,
        "ff_mult": r.ff_mult,
        "only_attend_immediate_media": True,
    }
    perceiver = {
        "depth": r.depth,
        "dim_head": r.dim_head,
        "heads": r.heads,
        "num_latents": r.latents,
        "ff_mult": r.ff_mult,
    }
    config = {
        "language_model": {"class": "LlamaForCausalLM", "attn_implementation": "eager", **reference.text},
        "special_tokens": {"pad": PAD, "bos": BOS, "eos": EOS, "<|endofchunk|>": END_OF_CHUNK, "<image>": IMAGE},
        "vision": {"embed_dim": 8, "quick_gelu": r.quick_gelu, "vision_cfg": reference.vision},
        "perceiver": perceiver | {"max_num_media": None, "max_num_frames": None},
        "gated_cross_attention": gated | ({"attend_previous": False} if r.version == "v1" else {}),
        "generation": {"max_new_tokens": 5, "eos_token_id": end},
    }
    (folder / "config.json").write_text(json.dumps(config))
    for name, tensors in (("weights", named), ("inputs", inputs), ("expected", expected)):
        save_file({key: value.detach().clone() for key, value in tensors.items()}, folder / f"{name}.safetensors")
    return folder
