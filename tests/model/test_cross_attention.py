"""The gated layer, against the formula written out token by token."""

import pytest
import torch
import torch.nn.functional as F

from flamingo_lib.model.conditioning import image_attention_mask
from flamingo_lib.model.cross_attention import GatedCrossAttention

SIZES = {"dim": 10, "dim_visual": 6, "heads": 2, "dim_head": 4, "ff_mult": 3}


def layer(**changes):
    torch.manual_seed(0)
    module = GatedCrossAttention(**SIZES, gate_init=0.7, **changes)
    for weight in module.parameters():
        if weight.numel() > 1:
            torch.nn.init.normal_(weight, std=0.5)
    return module


def token_output(module, x, image):
    """One token (d,) with its image's latents (n, D), or None."""
    attn, update = module.attn, torch.zeros(10)
    if image is not None:
        image = image if attn.slots is None else image + attn.slots
        query = attn.to_q.weight @ F.layer_norm(x, (10,), attn.norm.weight, attn.norm.bias)
        key, value = (image @ weight.T for weight in attn.to_kv.weight.chunk(2))
        heads = []
        for head in (slice(0, 4), slice(4, 8)):
            heads.append((key[:, head] @ query[head] / 2).softmax(0) @ value[:, head])
        update = attn.to_out.weight @ torch.cat(heads)
    x = x + module.attn_gate.tanh() * update
    norm, up, _, down = module.ff
    hidden = up.weight @ F.layer_norm(x, (10,), norm.weight, norm.bias)
    return x + module.ff_gate.tanh() * (down.weight @ (hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))))


@pytest.mark.parametrize("slots", [0, 3])
@pytest.mark.parametrize("images", [1, 2])
def test_formula(slots, images):
    module, draw = layer(num_slots=slots), torch.Generator().manual_seed(1)
    x, latents = torch.randn(2, 5, 10, generator=draw), torch.randn(2, images, 3, 6, generator=draw)
    attended = torch.tensor([[0, 1, 1, images, images], [0, 0, 0, 1, 1]])
    mask, has_image = image_attention_mask(attended, images, 3)
    expected = torch.stack(
        [
            torch.stack(
                [token_output(module, x[row, t], latents[row, k - 1] if k else None) for t, k in enumerate(line)]
            )
            for row, line in enumerate(attended.tolist())
        ]
    )
    for known in (None, module.attn.keys_values(latents)):
        found = module(x, latents, known, mask, has_image)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_without_images_only_the_feed_forward_runs():
    module, x = layer(), torch.randn(1, 2, 10)
    expected = torch.stack([token_output(module, token, None) for token in x[0]])
    torch.testing.assert_close(module(x, None, None, None, None)[0], expected, atol=1e-5, rtol=1e-4)


def test_states_keep_their_number_format_beside_trained_weights_in_float32():
    module = layer().to(torch.bfloat16)
    module.attn_gate.data, module.ff_gate.data = module.attn_gate.data.float(), module.ff_gate.data.float()
    x, latents = torch.randn(1, 4, 10, dtype=torch.bfloat16), torch.randn(1, 1, 3, 6, dtype=torch.bfloat16)
    assert module(x, latents, None, None, torch.ones(1, 4, 1)).dtype == torch.bfloat16
