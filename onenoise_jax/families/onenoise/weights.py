"""Names of the published PyTorch network's weights, and where each is in ours.

Maesumi et al., One Noise to Rule Them All (2024). A training checkpoint of theirs is
{model, ema, opt, step, scaler}: `model` holds the diffusion buffers and, under `model.`, the
network; `ema` holds the same twice, under `online_model.` and, averaged, `ema_model.`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from onenoise_jax.convert.mapping import (
    CHANNEL_GAIN,
    CONV,
    LINEAR,
    POINTWISE_CONV,
    TABLE,
    VECTOR,
    Rule,
)
from onenoise_jax.core.errors import UserError
from onenoise_jax.models.texture_unet import TextureUNetConfig, blocks, conditioned_blocks

Rules = dict[str, Rule]

# Tables of the diffusion process that follow from its schedule.
_BUFFERS = frozenset(
    {
        "betas",
        "alphas_cumprod",
        "alphas_cumprod_prev",
        "sqrt_alphas_cumprod",
        "sqrt_one_minus_alphas_cumprod",
        "log_one_minus_alphas_cumprod",
        "sqrt_recip_alphas_cumprod",
        "sqrt_recipm1_alphas_cumprod",
        "posterior_variance",
        "posterior_log_variance_clipped",
        "posterior_mean_coef1",
        "posterior_mean_coef2",
        "loss_weight",
    }
)


def network_weights(checkpoint: Mapping[str, Any], *, ema: bool) -> dict[str, np.ndarray]:
    """The state dict of the network alone, keys `model....`, out of what a file holds.

    `checkpoint` is a training checkpoint, its `ema` section, or a state dict, of the diffusion
    model or of the network in it. `ema` asks for the averaged weights. Raises UserError if
    they are asked for and not there, and for entries that are no named arrays.
    """
    state = checkpoint
    if isinstance(checkpoint.get("model"), Mapping):
        section = checkpoint.get("ema" if ema else "model")
        # A checkpoint without averages may say so with None.
        state = section if isinstance(section, Mapping) else {}
    strangers = [key for key, value in state.items() if not _is_named_array(key, value)]
    if strangers:
        raise UserError(
            f"these weights have entries that are no named arrays: {strangers[:5]}. Expected a "
            "training checkpoint ('model', 'ema', 'step', ...) or a state dict"
        )
    averaged = any(key.startswith("ema_model.") for key in state)
    if ema and not averaged:
        raise UserError(
            "these weights have no exponential moving average (no keys 'ema_model....'): "
            "convert the raw weights instead"
        )
    if averaged:
        prefix = "ema_model." if ema else "online_model."
        state = {
            key.removeprefix(prefix): value
            for key, value in state.items()
            if key.startswith(prefix)
        }
    weights = {key: value for key, value in state.items() if key not in _BUFFERS}
    if any(key.startswith("model.") for key in weights):
        return weights
    return {f"model.{key}": value for key, value in weights.items()}


def weight_map(config: TextureUNetConfig) -> Rules:
    """One rule for each leaf of `TextureUNet(config)`'s variables (`params/...`)."""
    prefixes = _block_prefixes(config)
    rules = {"condition/class_embedding": Rule("classes_emb.weight", TABLE)}
    rules |= _pair("condition/embed_0", "cond_mlp.0", LINEAR)
    rules |= _pair("condition/embed_1", "cond_mlp.2", LINEAR)
    rules |= _pair("trunk/time_0", "time_mlp.1", LINEAR)
    rules |= _pair("trunk/time_1", "time_mlp.3", LINEAR)
    rules |= _pair("trunk/stem", "init_conv", CONV)
    rules |= _pair("trunk/head", "final_conv", CONV)
    for block in conditioned_blocks(config):
        rules |= _maps(f"condition/{block.name}", prefixes[block.name])
    for name, changes_width in _changes_width(config).items():
        rules |= _residual(f"trunk/{name}", prefixes[name], changes_width)

    bottom = config.levels - 1
    for level in range(config.levels):
        down, up = f"downs.{level}", f"ups.{bottom - level}"
        # A layer that resamples holds its convolution at index 1, a plain one is it.
        rules |= _pair(
            f"trunk/down_{level}_conv", f"{down}.3{'.1' if level < bottom else ''}", CONV
        )
        rules |= _pair(f"trunk/up_{level}_conv", f"{up}.3{'.1' if level > 0 else ''}", CONV)
        if config.attention:
            rules |= _linear_attention(f"trunk/down_{level}_attention", f"{down}.2.fn")
            rules |= _linear_attention(f"trunk/up_{level}_attention", f"{up}.2.fn")
    if config.attention:
        rules |= _attention("trunk/middle_attention", "mid_attn.fn")
    return {
        f"params/{name}": Rule(f"model.{rule.key}", rule.layout) for name, rule in rules.items()
    }


def _is_named_array(key: Any, value: Any) -> bool:
    return isinstance(key, str) and isinstance(value, np.ndarray)


def _block_prefixes(config: TextureUNetConfig) -> dict[str, str]:
    """Our residual block -> theirs. Their `ups` count from the bottom."""
    prefixes = {"middle_0": "mid_block1", "middle_1": "mid_block2", "last": "final_res_block"}
    for level in range(config.levels):
        for i in range(2):
            prefixes[f"down_{level}_{i}"] = f"downs.{level}.{i}"
            prefixes[f"up_{level}_{i}"] = f"ups.{config.levels - 1 - level}.{i}"
    return prefixes


def _changes_width(config: TextureUNetConfig) -> dict[str, bool]:
    """Whether a block needs a shortcut convolution: those whose input has a skip appended."""
    return {name: name.startswith(("up_", "last")) for name in blocks(config)}


def _pair(ours: str, theirs: str, layout: str) -> Rules:
    return {
        f"{ours}/kernel": Rule(f"{theirs}.weight", layout),
        f"{ours}/bias": Rule(f"{theirs}.bias", VECTOR),
    }


def _maps(ours: str, theirs: str) -> Rules:
    return (
        _pair(f"{ours}/hidden", f"{theirs}.spade_conv.1", CONV)
        | _pair(f"{ours}/scale", f"{theirs}.spade_gamma", CONV)
        | _pair(f"{ours}/shift", f"{theirs}.spade_beta", CONV)
    )


def _residual(ours: str, theirs: str, changes_width: bool) -> Rules:
    rules = _pair(f"{ours}/embedding", f"{theirs}.mlp_t.1", LINEAR)
    for i in range(2):
        rules |= _pair(f"{ours}/conv_{i}", f"{theirs}.block{i + 1}.proj", CONV)
        norm = f"{theirs}.block{i + 1}.norm"
        rules[f"{ours}/norm_{i}/scale"] = Rule(f"{norm}.weight", VECTOR)
        rules[f"{ours}/norm_{i}/bias"] = Rule(f"{norm}.bias", VECTOR)
    if changes_width:
        rules |= _pair(f"{ours}/shortcut", f"{theirs}.res_conv", CONV)
    return rules


def _linear_attention(ours: str, theirs: str) -> Rules:
    return {
        f"{ours}_norm/scale": Rule(f"{theirs}.norm.g", CHANNEL_GAIN),
        f"{ours}/qkv_kernel": Rule(f"{theirs}.fn.to_qkv.weight", POINTWISE_CONV),
        f"{ours}/out_kernel": Rule(f"{theirs}.fn.to_out.0.weight", POINTWISE_CONV),
        f"{ours}/out_bias": Rule(f"{theirs}.fn.to_out.0.bias", VECTOR),
        f"{ours}/norm/scale": Rule(f"{theirs}.fn.to_out.1.g", CHANNEL_GAIN),
    }


def _attention(ours: str, theirs: str) -> Rules:
    return {
        f"{ours}_norm/scale": Rule(f"{theirs}.norm.g", CHANNEL_GAIN),
        f"{ours}/qkv/kernel": Rule(f"{theirs}.fn.to_qkv.weight", CONV),
    } | _pair(f"{ours}/out", f"{theirs}.fn.to_out", CONV)
