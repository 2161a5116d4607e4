"""Samplers on Gaussian data, whose denoiser is known in closed form.

A linear denoiser makes the sample a linear function of all noise that went in, so its mean
and covariance follow from one Jacobian, with no Monte Carlo error.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onenoise_jax.diffusion.objectives import OBJECTIVES
from onenoise_jax.diffusion.process import GaussianProcess
from onenoise_jax.diffusion.samplers import (
    DDIM,
    Ancestral,
    DPMSolver,
    StepTable,
    sample,
    sample_stages,
    sample_with_noise,
    timesteps,
)

PROCESS = GaussianProcess.from_schedule("cosine", 1000)
MEAN = np.array([0.4, -0.2])
COVARIANCE = np.array([[0.5, 0.2], [0.2, 0.3]])
ALL = [Ancestral(8), DDIM(8), DDIM(8, eta=0.5), DPMSolver(8)]


def gaussian_denoiser(objective):
    """The best prediction for data from N(MEAN, COVARIANCE)."""
    variances, axes = np.linalg.eigh(COVARIANCE)
    signal, sigma = jnp.asarray(PROCESS.signal), jnp.asarray(PROCESS.sigma)

    def denoise(x, t):
        a, s = signal[t][:, None], sigma[t][:, None]
        whitened = ((x - a * MEAN) @ axes) / (a**2 * variances + s**2)
        noise = s * (whitened @ axes.T)
        x0 = MEAN + a * ((whitened * variances) @ axes.T)
        return {"noise": noise, "x0": x0, "v": a * noise - s * x0}[objective]

    return denoise


def moments(sampler, objective="noise"):
    """Mean (2,) and covariance (2, 2) of the sampler's output."""
    denoise = gaussian_denoiser(objective)

    def run(initial, fresh):
        return sample_with_noise(
            sampler, PROCESS, objective, denoise, initial[None], lambda i: fresh[i][None]
        )[0]

    at_zero = (jnp.zeros(2), jnp.zeros((sampler.steps, 2)))
    of_initial, of_fresh = jax.jit(jax.jacobian(run, (0, 1)))(*at_zero)
    covariance = of_initial @ of_initial.T + jnp.einsum("asb,csb->ac", of_fresh, of_fresh)
    return run(*at_zero), covariance


@pytest.mark.parametrize(
    ("make", "order"),
    [
        (lambda steps: Ancestral(steps, clip=False), 0.7),
        (lambda steps: Ancestral(steps, clip=False, variance="forward"), 0.5),
        (lambda steps: DDIM(steps, eta=0.0, clip=False), 0.9),
        (lambda steps: DDIM(steps, eta=0.5, clip=False), 0.8),
        (lambda steps: DPMSolver(steps, clip=False), 2.0),
    ],
    ids=["ancestral", "ancestral-forward", "ddim", "ddim-eta", "dpm-solver"],
)
def test_samples_converge_to_the_data_at_the_samplers_order(make, order):
    errors = []
    for steps in (10, 40):
        mean, covariance = moments(make(steps))
        np.testing.assert_allclose(mean, MEAN, atol=1e-3)
        errors.append(np.abs(covariance - COVARIANCE).max())
    assert np.log(errors[0] / errors[1]) / np.log(4) > order
    assert errors[1] < 0.1


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("sampler", [DDIM(12, eta=0.5, clip=False), DPMSolver(12, clip=False)])
def test_the_objective_does_not_matter(sampler, objective):
    mean, covariance = moments(sampler, objective)
    expected = moments(sampler, "noise")
    np.testing.assert_allclose(mean, expected[0], atol=5e-4)
    np.testing.assert_allclose(covariance, expected[1], atol=5e-4)


def test_ancestral_steps_are_the_posterior():
    """Bayes' rule: the product of the two Gaussian densities of x_{t-1}, normalised."""
    table = Ancestral(1000).table(PROCESS)
    t = table.t[:-1]
    np.testing.assert_array_equal(table.t, np.arange(1000)[::-1])
    beta, before = PROCESS.betas[t], PROCESS.alphas_cumprod_float64[t - 1]
    precision = (1 - beta) / beta + 1 / (1 - before)
    np.testing.assert_allclose(table.x[:-1], np.sqrt(1 - beta) / beta / precision, rtol=1e-5)
    np.testing.assert_allclose(table.x0[:-1], np.sqrt(before) / (1 - before) / precision, rtol=1e-5)
    np.testing.assert_allclose(table.fresh[:-1] ** 2, 1 / precision, rtol=1e-5)
    wide = Ancestral(1000, variance="forward").table(PROCESS)
    np.testing.assert_allclose(wide.fresh[:-1] ** 2, PROCESS.betas[t], rtol=1e-5)
    np.testing.assert_array_equal(wide.x0, table.x0)


@pytest.mark.parametrize("sampler", [*ALL, DPMSolver(1), Ancestral(1, variance="forward")], ids=str)
def test_the_last_step_returns_the_clean_image(sampler):
    table = sampler.table(PROCESS)
    assert table.x0[-1] == 1
    for factor in (table.x, table.noise, table.previous_x0, table.fresh):
        assert factor[-1] == 0


@partial(jax.jit, static_argnums=(0, 3))
def run(sampler, keys, initial, objective="noise"):
    def denoise(x, t):
        return jnp.sin(3 * x) * jnp.cos(t / 300.0)[:, None, None]

    return sample(sampler, PROCESS, objective, denoise, initial, keys)


@dataclass(frozen=True)
class FixedTable:
    """A sampler that is its table."""

    steps_table: StepTable
    clip: bool = False

    def table(self, process):
        return self.steps_table


def batch(size):
    keys = jax.random.split(jax.random.key(1), size)
    return keys, jax.random.normal(jax.random.key(2), (size, 3, 2))


def test_full_eta_is_the_ancestral_sampler():
    """For outputs that are not clipped; the two then share their law step by step."""
    keys, initial = batch(2)
    images = [run(s, keys, initial, "v") for s in (DDIM(8, 1.0, False), Ancestral(8, False))]
    np.testing.assert_allclose(images[0], images[1], atol=1e-4)


def test_the_solvers_first_order_steps_are_ddim():
    _, initial = batch(2)
    images = [run(s, None, initial) for s in (DPMSolver(2, False), DDIM(2, clip=False))]
    np.testing.assert_allclose(images[0], images[1], rtol=1e-3)


@pytest.mark.parametrize("sampler", ALL, ids=str)
def test_an_image_depends_on_its_own_key_and_noise_only(sampler):
    keys, initial = batch(3)
    images = run(sampler, keys, initial)
    alone = run(sampler, keys[1:2], initial[1:2])
    np.testing.assert_allclose(images[1], alone[0], atol=1e-6)
    assert not np.allclose(images[0], images[1])


def test_every_step_draws_noise_of_its_own():
    """A walk of 16 unit steps has variance 16; one draw repeated would have 256."""
    ones, zeros = np.ones(16, np.float32), np.zeros(16, np.float32)
    time = np.arange(16, dtype=np.int32)
    walk = FixedTable(StepTable(time, time, ones, zeros, zeros, zeros, ones))
    keys = jax.random.split(jax.random.key(1), 500)
    start = jnp.zeros((500, 8))
    images = jax.jit(lambda: sample(walk, PROCESS, "x0", lambda x, t: x, start, keys))()
    assert images.var() == pytest.approx(16, rel=0.1)


def test_keys_matter_exactly_where_noise_is_drawn():
    keys, initial = batch(2)
    for sampler in ALL:
        first, second = (run(sampler, k, initial) for k in (keys, keys[::-1]))
        assert np.allclose(first, second) == (not sampler.table(PROCESS).fresh.any())


@pytest.mark.parametrize("sampler", ALL, ids=str)
def test_clipped_samples_stay_in_range(sampler):
    keys, initial = batch(2)
    assert jnp.abs(run(sampler, keys, 5 * initial)).max() <= 1


def test_the_network_is_told_the_time_of_the_steps_start_or_end():
    def told(network_time):
        return DDIM(4, network_time=network_time).table(PROCESS).network_t.tolist()

    assert told("start") == [999, 749, 499, 249]
    assert told("end") == [749, 499, 249, -1]

    seen = sample(
        DDIM(4, clip=False, network_time="end"),
        PROCESS,
        "x0",
        lambda x, t: jnp.broadcast_to(t[:, None], x.shape).astype(x.dtype),
        jnp.zeros((2, 1)),
    )
    np.testing.assert_array_equal(seen, -1)


def test_timesteps_span_the_process_evenly():
    np.testing.assert_array_equal(timesteps(1000, 4), [-1, 249, 499, 749, 999])
    np.testing.assert_array_equal(timesteps(7, 7), np.arange(-1, 7))
    # The middle of 52 steps is exactly 499; torch.linspace's float32 falls short of it.
    assert timesteps(1000, 52)[26] == 498
    for steps in (3, 50, 999):
        gaps = np.diff(timesteps(1000, steps))
        assert gaps.min() >= 1
        assert gaps.max() - gaps.min() <= 2


def test_bad_requests_are_refused():
    keys, initial = batch(1)
    for steps in (0, 1001):
        with pytest.raises(ValueError, match=f"steps={steps}: expected 1 to 1000"):
            run(DDIM(steps), keys, initial)
    with pytest.raises(ValueError, match=r"eta=1\.5"):
        DDIM(5, eta=1.5)
    with pytest.raises(ValueError, match="variance='large'"):
        Ancestral(5, variance="large")
    with pytest.raises(ValueError, match="network_time='middle'"):
        DDIM(5, network_time="middle")
    with pytest.raises(ValueError, match="one key per image"):
        run(Ancestral(5), None, initial)
    with pytest.raises(ValueError, match="objective 'e'"):
        run(DDIM(5), None, initial, "e")


@pytest.mark.parametrize("sampler", [DDIM(6), DDIM(6, eta=1.0)], ids=str)
def test_stages_are_the_images_of_shorter_chains(sampler):
    """Stage i of n is what the chain is after its share of the steps; the last is the sample."""
    keys = jax.random.split(jax.random.key(0), 2)
    noise = jax.random.normal(jax.random.key(1), (2, 2))
    arguments = (sampler, PROCESS, "noise", gaussian_denoiser("noise"), noise, keys)
    all_steps = sample_stages(*arguments, 6)
    thirds = sample_stages(*arguments, 3)
    assert all_steps.shape == (6, 2, 2) and thirds.shape == (3, 2, 2)
    np.testing.assert_allclose(all_steps[-1], sample(*arguments), atol=1e-5)
    np.testing.assert_allclose(thirds, all_steps[1::2], atol=1e-5)
    assert np.abs(np.diff(all_steps, axis=0)).max(axis=(1, 2)).min() > 1e-3
    for stages in (0, 7):
        with pytest.raises(ValueError, match=f"stages={stages}: expected 1 to 6"):
            sample_stages(*arguments, stages)
