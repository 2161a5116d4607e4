"""Names of published Noise2Noise weights, and where each is in ours.

| layout | network                                  | a file of it                                 |
|--------|------------------------------------------|----------------------------------------------|
| torch  | a PyTorch port's, shared blocks          | state dict, OIHW kernels, transposed IOHW    |
| tf     | the paper's own, as its table 2 names it | arrays by TensorFlow names, HWIO kernels     |
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from onenoise_jax.convert.mapping import CONV, HWIO, TRANSPOSED_CONV, VECTOR, Rule
from onenoise_jax.core.errors import UserError
from onenoise_jax.models.restoration_unet import PAPER, SHARED, RestorationUNetConfig

Layout = Literal["torch", "tf"]

_TORCH = {
    "stem": "_block1.0",
    "encode_0": "_block1.2",
    "encode_1": "_block2.0",
    "middle": "_block3.0",
    "decode_4_0": "_block4.0",
    "decode_4_1": "_block4.2",
    "decode_3_0": "_block5.0",
    "decode_3_1": "_block5.2",
    "head_0": "_block6.0",
    "head_1": "_block6.2",
    "head_2": "_block6.4",
}
_TORCH_UPS = {"up_middle": "_block3.2", "up_4": "_block4.4", "up_3": "_block5.4"}
_TF = {
    "stem": "enc_conv0",
    **{f"encode_{level}": f"enc_conv{level + 1}" for level in range(5)},
    "middle": "enc_conv6",
    **{f"decode_{level}_0": f"dec_conv{level + 1}" for level in range(1, 5)},
    **{f"decode_{level}_1": f"dec_conv{level + 1}b" for level in range(1, 5)},
    "head_0": "dec_conv1a",
    "head_1": "dec_conv1b",
    "head_2": "dec_conv1",
}


def layout_of(config: RestorationUNetConfig) -> Layout:
    """The published layout that holds weights of the network `config`.

    Raises UserError for a network that was never published: half of the options of each.
    """
    for layout, published in (("tf", PAPER), ("torch", SHARED)):
        if (config.shared, config.upsampling) == (published.shared, published.upsampling):
            return layout
    raise UserError(
        f"a network with shared={config.shared} and upsampling={config.upsampling} was never "
        "published: expected the paper's (not shared, nearest) or the port's (shared, transposed)."
    )


def weight_map(config: RestorationUNetConfig) -> dict[str, Rule]:
    """One rule for each leaf of `RestorationUNet(config)`'s variables (`params/...`)."""
    if layout_of(config) == "tf":
        return _pairs(_TF, "{}/weight", "{}/bias", HWIO)
    plain = _pairs(_TORCH, "{}.weight", "{}.bias", CONV)
    return plain | _pairs(_TORCH_UPS, "{}.weight", "{}.bias", TRANSPOSED_CONV)


def network_of(state: Mapping[str, Any]) -> RestorationUNetConfig:
    """The network that the published weights `state` are of; channels and width by their shapes.

    Raises UserError if they are of neither layout.
    """
    for first, last, wide, channels, published in (
        ("_block1.0.weight", "_block6.4.bias", 0, 1, SHARED),
        ("enc_conv0/weight", "dec_conv1/bias", 3, 2, PAPER),
    ):
        if np.ndim(state.get(first)) == 4 and np.ndim(state.get(last)) == 1:
            shape = np.shape(state[first])
            return dataclasses.replace(
                published,
                channels=shape[channels],
                width=shape[wide],
                output_channels=np.shape(state[last])[0],
            )
    raise UserError(
        "these weights are of no published Noise2Noise network: expected a state dict with "
        "_block1.0.weight (PyTorch), or arrays with enc_conv0/weight (the paper's). Found "
        f"{', '.join(map(str, list(state)[:4])) or 'nothing'}"
    )


def _pairs(names: Mapping[str, str], kernel: str, bias: str, layout: str) -> dict[str, Rule]:
    return {
        f"params/{ours}/{leaf}": Rule(pattern.format(theirs), axes)
        for ours, theirs in names.items()
        for leaf, pattern, axes in (("kernel", kernel, layout), ("bias", bias, VECTOR))
    }
