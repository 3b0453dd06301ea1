"""The perceiver resampler, against the formula written out image by image and head by head."""

import pytest
import torch
import torch.nn.functional as F

from flamingo_lib.model.resampler import PerceiverResampler

SIZES = {"dim": 12, "depth": 2, "num_latents": 5, "heads": 3, "dim_head": 4, "ff_mult": 2}


def resample(module, tokens):
    """(v, d) patch tokens of one image to (n, d)."""
    latents = module.latents
    if module.positions is not None:
        tokens = tokens + module.positions
    for attend, feed in module.layers:
        queries = F.layer_norm(latents, (12,), attend.norm_latents.weight, attend.norm_latents.bias)
        media = F.layer_norm(tokens, (12,), attend.norm_media.weight, attend.norm_media.bias)
        both = torch.cat([media, queries])
        outputs = []
        for head in range(3):
            rows = slice(4 * head, 4 * head + 4)
            query = queries @ attend.to_q.weight[rows].T
            key, value = (both @ weight[rows].T for weight in attend.to_kv.weight.chunk(2))
            outputs.append((query @ key.T / 2).softmax(-1) @ value)
        latents = latents + torch.cat(outputs, -1) @ attend.to_out.weight.T
        norm, up, _, down = feed
        hidden = F.layer_norm(latents, (12,), norm.weight, norm.bias) @ up.weight.T
        latents = latents + (hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))) @ down.weight.T
    return F.layer_norm(latents, (12,), module.norm.weight, module.norm.bias)


@pytest.mark.parametrize("positions", [0, 7])
@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_formula(positions, implementation):
    torch.manual_seed(0)
    module, tokens = PerceiverResampler(**SIZES, num_positions=positions), torch.randn(3, 7, 12)
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    expected = torch.stack([resample(module, image) for image in tokens])
    torch.testing.assert_close(module(tokens, implementation=implementation), expected, atol=1e-5, rtol=1e-4)


def test_state_dict_names():
    names = {name for name, _ in PerceiverResampler(**SIZES).named_parameters()}
    assert {"latents", "layers.1.0.to_kv.weight", "layers.0.1.3.weight", "norm.bias"} <= names and len(names) == 25
