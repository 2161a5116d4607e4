"""Checks of the restoration networks: forward passes, losses and gradients, restored images."""

import os
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from onenoise_jax.convert.files import read_weights
from onenoise_jax.convert.mapping import from_flax, to_flax
from onenoise_jax.families.noise2noise.loss import loss_per_sample
from onenoise_jax.families.noise2noise.weights import network_of, weight_map
from onenoise_jax.families.noise2noise.weights_folder import abstract_params
from onenoise_jax.models.restoration_unet import RestorationUNet
from tests.parity.cases import Case, state_dict
from tests.parity.onenoise import close, to_nchw, to_nhwc

INPUTS = {"x", "target"}


def check(case: Case) -> None:
    """Compares every array of the case that is not an input."""
    expected = set(case.arrays) - INPUTS
    if "checkpoint" in case.facts:
        state = read_weights(Path(os.environ["CHECKPOINTS_DIR"]) / case.facts["checkpoint"])
    else:
        state = state_dict(case)
    config = network_of(state)
    params = to_flax(state, weight_map(config), abstract_params(config))
    x = to_nhwc(case.arrays["x"])
    found = {"y": to_nchw(apply(config, params, x))}
    if "target" in case.arrays:
        target = to_nhwc(case.arrays["target"])
        for kind in ("l2", "l1"):
            found[kind] = loss(config, kind, params, x, target)
        gradient = jax.jit(jax.grad(partial(loss, config, "l2")))(params, x, target)
        by_key = from_flax(gradient, weight_map(config))
        found["grad_norms"] = np.array(
            [np.linalg.norm(by_key[key]) for key in case.facts["grad_keys"]]
        )
        assert set(by_key) == set(case.facts["grad_keys"])
    assert expected <= set(found), f"{case.name}: nothing computes {sorted(expected - set(found))}"
    for name in expected:
        if name == "grad_norms":
            np.testing.assert_allclose(found[name], case.arrays[name], rtol=1e-3)
        else:
            close(f"{case.name} {name}", found[name], case.arrays[name], 1e-4)


@partial(jax.jit, static_argnums=0)
def apply(config, params, x):
    """The restored images."""
    return RestorationUNet(config).apply(params, x)


def loss(config, kind, params, x, target):
    """The mean loss of `x` (b, h, w, c)."""
    restored = apply(config, params, x)
    known, progress = jnp.ones((*x.shape[:3], 1)), jnp.zeros(len(x))
    return jnp.mean(loss_per_sample(kind, restored, target, known, progress))
