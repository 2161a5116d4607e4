"""Checks of Lara, Maria and Alia: forward passes, ancestral samples, a loss and its gradient."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from onenoise_jax.convert.mapping import from_flax, to_flax
from onenoise_jax.diffusion.losses import loss_per_sample
from onenoise_jax.diffusion.objectives import target
from onenoise_jax.diffusion.process import GaussianProcess
from onenoise_jax.diffusion.samplers import Ancestral, sample_with_noise
from onenoise_jax.diffusion.schedules import ramp_betas
from onenoise_jax.families.noisy.weights import weight_map
from onenoise_jax.families.noisy.weights_folder import abstract_params
from onenoise_jax.models.pixel_unet import PixelUNet, PixelUNetConfig
from tests.parity.cases import Case, state_dict
from tests.parity.onenoise import close, to_nchw, to_nhwc

INPUTS = {"x", "t", "start", "step_noise", "x0", "noise"}


def check(case: Case) -> None:
    """Compares every array of the case that is not an input."""
    facts, arrays = case.facts, case.arrays
    config = PixelUNetConfig(
        design=facts["model"].lower(),
        width=facts["width_mult"],
        timestep_channels=facts["timestep_channels"],
        channels=facts["channels"],
    )
    betas = ramp_betas(facts["timesteps"], facts["beta_start"], facts["beta_stop"])
    process = GaussianProcess(betas)
    params = to_flax(state_dict(case), weight_map(config), abstract_params(config))
    if "loss" in arrays:
        found = of_loss(case, config, process, params)
    else:
        x, t = to_nhwc(arrays["x"]), jnp.asarray(arrays["t"])
        predict = partial(apply, config, params)
        found = {"y": to_nchw(predict(x, t))}
        noise = [to_nhwc(step) for step in arrays["step_noise"]]
        found["sample"] = to_nchw(draw(predict, process, start_of(case), noise))
    expected = set(arrays) - INPUTS
    assert expected <= set(found), f"{case.name}: nothing computes {sorted(expected - set(found))}"
    for name in expected:
        if name == "grad_norms":
            # The bias of attention's keys has no gradient but for rounding.
            np.testing.assert_allclose(found[name], arrays[name], rtol=1e-3, atol=2e-5)
        else:
            # Many steps of a sampler amplify the differences of one.
            close(f"{case.name} {name}", found[name], arrays[name], tolerance(name))


def tolerance(name: str) -> float:
    return 1e-3 if name == "sample" else 1e-4


@partial(jax.jit, static_argnums=0)
def apply(config, params, x, t):
    """The network's output."""
    return PixelUNet(config).apply(params, x, t)


def start_of(case):
    """What a sample starts from, twice: a batch as large as that of the forward pass."""
    return jnp.repeat(to_nhwc(case.arrays["start"]), 2, axis=0)


def draw(predict, process, start, noise):
    """A sample (1, h, w, c) from `start`, whatever its values, with `noise[i]` at step i.

    The sampler's scan runs step by step, so that the compiled forward pass serves every step.
    """
    sampler = Ancestral(process.timesteps, clip=False, variance="forward")

    def compiled(x, t):
        with jax.disable_jit(False):
            return predict(x, t)

    with jax.disable_jit():
        drawn = sample_with_noise(
            sampler, process, "noise", compiled, start, lambda i: noise[int(i)]
        )
    return drawn[:1]


def of_loss(case, config, process, params):
    """The noisy images, the loss and the gradient norm of every entry."""
    arrays = case.arrays
    x0, noise = to_nhwc(arrays["x0"]), to_nhwc(arrays["noise"])
    t = jnp.asarray(arrays["t"])
    noisy = process.add_noise(x0, noise, t)

    @jax.jit
    def loss(params):
        output = apply(config, params, noisy, t)
        return loss_per_sample("l2", output, target("noise", process, x0, noise, t)).mean()

    value, gradient = jax.value_and_grad(loss)(params)
    by_key = from_flax(gradient, weight_map(config))
    assert set(by_key) == set(case.facts["grad_keys"])
    norms = np.array([np.linalg.norm(by_key[key]) for key in case.facts["grad_keys"]])
    return {"xt": to_nchw(noisy), "loss": value, "grad_norms": norms}
