"""Checks of the texture network: forward passes, samples, losses, schedules, blending."""

from functools import partial

import einops
import jax
import jax.numpy as jnp
import numpy as np

from onenoise_jax.convert.mapping import from_flax, to_flax
from onenoise_jax.diffusion.losses import loss_per_sample, loss_weights
from onenoise_jax.diffusion.objectives import target
from onenoise_jax.diffusion.process import GaussianProcess
from onenoise_jax.diffusion.samplers import DDIM, Ancestral, StepTable, sample, timesteps
from onenoise_jax.families.onenoise.blending import mask_weights, slerp, smooth_gradient
from onenoise_jax.families.onenoise.embedding import embedding_penalty
from onenoise_jax.families.onenoise.weights import network_weights, weight_map
from onenoise_jax.models.texture_condition import RegionCondition
from onenoise_jax.models.texture_unet import (
    TextureUNet,
    TextureUNetConfig,
    initial_variables,
)
from onenoise_jax.nn.convolution import CIRCULAR, ZERO
from tests.parity.cases import Case, state_dict

INPUTS = {"x", "x0", "noise", "t", "region", "classes", "params", "ddim_times", "mask"}
INPUTS |= {"slerp_t", "slerp_low", "slerp_high"}

TABLES = {
    "betas": lambda process: process.betas,
    "alphas_cumprod": lambda process: process.alphas_cumprod_float64,
    "posterior_variance": lambda process: ancestral(process).fresh[::-1] ** 2,
    "posterior_log_variance_clipped": lambda process: np.log(
        np.maximum(ancestral(process).fresh[::-1] ** 2, 1e-20)
    ),
    "posterior_mean_coef1": lambda process: ancestral(process).x0[::-1],
    "posterior_mean_coef2": lambda process: ancestral(process).x[::-1],
}


def ancestral(process: GaussianProcess) -> StepTable:
    """The steps over all timesteps, whose factors are those of the posterior, the last first."""
    return Ancestral(process.timesteps).table(process)


def check(case: Case) -> None:
    """Compares every array of the case that is not an input."""
    expected = set(case.arrays) - INPUTS
    arrays = dict(case.arrays)
    if "loss" in expected:
        # The reference keeps the loss of every pixel.
        arrays["loss"] = arrays["loss"].mean(axis=1)
    found = {}
    if "shapes" in case.facts:
        found |= check_loss(case) if "grad_norms" in expected else check_forward(case)
    else:
        found |= schedule_tables(expected)
        found |= blends(case, expected)
    assert expected <= set(found), f"{case.name}: nothing computes {sorted(expected - set(found))}"
    for name in expected:
        # Many steps of a sampler amplify the differences of one.
        close(f"{case.name} {name}", found[name], arrays[name], tolerance(name))


def tolerance(name: str) -> float:
    return 1e-3 if name == "ddim_y" else 1e-4


def close(name: str, found: np.ndarray, expected: np.ndarray, limit: float) -> None:
    found = np.asarray(found, np.float64)
    assert found.shape == expected.shape, f"{name}: {found.shape}, expected {expected.shape}"
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert error <= limit, f"{name}: relative error {error:.2e}, expected at most {limit:.0e}"


def to_nchw(x):
    return einops.rearrange(np.asarray(x), "b h w c -> b c h w")


def to_nhwc(x):
    return jnp.asarray(einops.rearrange(x, "b c h w -> b h w c"))


def config_of(case: Case) -> TextureUNetConfig:
    facts = case.facts
    return TextureUNetConfig(
        dim=facts["dim"],
        dim_mults=tuple(facts["dim_mults"]),
        cond_dim=facts["cond_dim"],
        num_classes=facts["num_classes"],
        num_parameters=facts["num_params"],
        attention=facts["attention"],
        cond_layers=tuple(facts["cond_layers"]),
    )


def condition_of(case: Case) -> RegionCondition:
    arrays = case.arrays
    return RegionCondition(
        regions=jnp.asarray(arrays["region"], jnp.int32),
        classes=jnp.asarray(arrays["classes"]),
        parameters=jnp.asarray(einops.rearrange(arrays["params"], "b p l -> b l p")),
    )


def variables_of(case: Case, config: TextureUNetConfig):
    """The case's weights as ours, through the converter."""
    abstract = jax.eval_shape(partial(initial_variables, config), jax.random.key(0))
    weights = network_weights(state_dict(case), ema=False)
    return to_flax(weights, weight_map(config), abstract)


def check_forward(case: Case) -> dict[str, np.ndarray]:
    """The prediction, the embeddings on the way and, if the case has one, a DDIM sample."""
    config, condition = config_of(case), condition_of(case)
    network, variables = TextureUNet(config), variables_of(case, config)
    padding = CIRCULAR if case.facts["circular_padding"] else ZERO
    x = to_nhwc(case.arrays["x"])

    @jax.jit
    def predict(variables, x, t, condition):
        return network.apply(variables, x, t, condition, padding, mutable="intermediates")

    y, state = predict(variables, x, jnp.asarray(case.arrays["t"]), condition)
    (embedding,) = state["intermediates"]["condition"]["embedding"]
    (time,) = state["intermediates"]["trunk"]["time_embedding"]
    rows = np.arange(len(x))[:, None, None]
    field = np.asarray(embedding)[rows, case.arrays["region"][:, ::8, ::8].astype(int)]
    found = {"y": to_nchw(y), "time_emb": time, "cond_emb_sample": to_nchw(field)}
    if "ddim_y" not in case.arrays:
        return found

    process = GaussianProcess.from_schedule("cosine", 1000)
    times = case.arrays["ddim_times"]
    np.testing.assert_array_equal(timesteps(process.timesteps, len(times) - 1), times)
    # The reference tells the network where each step ends.
    sampler = DDIM(len(times) - 1, eta=0.0, network_time="end")
    first = jax.tree.map(lambda leaf: leaf[:1], condition)

    @jax.jit
    def draw(variables, noise, condition):
        encoded = network.apply(variables, condition, padding, method="encode_condition")
        denoise = partial(network.apply, variables, method="denoise")
        images = sample(
            sampler,
            process,
            "noise",
            lambda x, t: denoise(x, t, encoded, padding),
            noise,
        )
        return (images + 1) / 2

    return found | {"ddim_y": to_nchw(draw(variables, x[:1], first))}


def check_loss(case: Case) -> dict[str, np.ndarray]:
    """The loss of each sample, and the gradient norm of every reference entry."""
    facts, arrays = case.facts, case.arrays
    config, condition = config_of(case), condition_of(case)
    objective = facts["objective"].removeprefix("pred_")
    process = GaussianProcess.from_schedule(facts["schedule"], facts["timesteps"])
    x0, noise = to_nhwc(arrays["x0"]), to_nhwc(arrays["noise"])
    t = jnp.asarray(arrays["t"])
    variables = variables_of(case, config)
    losses, gradient = loss_gradient(
        config,
        facts["loss"],
        variables,
        process.add_noise(x0, noise, t),
        t,
        condition,
        target(objective, process, x0, noise, t),
        jnp.asarray(loss_weights(objective, process))[t],
    )
    by_key = from_flax(gradient, weight_map(config))
    norms = np.array([np.linalg.norm(by_key[key]) for key in facts["grad_keys"]])
    assert set(by_key) == set(facts["grad_keys"])
    np.testing.assert_allclose(norms, arrays["grad_norms"], rtol=1e-3, err_msg=case.name)

    table = variables["params"]["condition"]["class_embedding"]
    return {
        "loss": losses,
        "grad_norms": norms,
        "embedding_penalty": 0.02 * embedding_penalty(table, 5.5),
    }


@partial(jax.jit, static_argnums=(0, 1))
def loss_gradient(config, kind, variables, xt, t, condition, target, weights):
    """Weighted losses (b,) and the gradient of their mean; compiled once for all objectives."""

    def loss(variables):
        output = TextureUNet(config).apply(variables, xt, t, condition)
        losses = weights * loss_per_sample(kind, output, target)
        return losses.mean(), losses

    gradient, losses = jax.grad(loss, has_aux=True)(variables)
    return losses, gradient


def schedule_tables(names: set[str]) -> dict[str, np.ndarray]:
    """The arrays called <schedule>_<table>."""
    found = {}
    for name in names:
        schedule, _, table = name.partition("_")
        if table in TABLES:
            found[name] = TABLES[table](GaussianProcess.from_schedule(schedule, 1000))
    return found


def blends(case: Case, names: set[str]) -> dict[str, np.ndarray]:
    """The arrays slerp, mask_blend_<power> and smooth_gradient_<iterations>."""
    arrays, found = case.arrays, {}
    for name in names:
        kind, _, number = name.rpartition("_")
        if name == "slerp":
            ends = (arrays["slerp_low"][0], arrays["slerp_high"][0])
            found[name] = slerp(arrays["slerp_t"], *map(jnp.asarray, ends))
        elif kind == "mask_blend":
            # 1 is 1, 025 is 0.25.
            power = float(f"{number[0]}.{number[1:]}")
            found[name] = mask_weights(arrays["mask"], power)
        elif kind == "smooth_gradient":
            found[name] = smooth_gradient(len(arrays[name]), int(number))
    return found
