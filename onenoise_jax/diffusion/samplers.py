"""Samplers: from noise to images in a few evaluations of a network.

Every sampler here takes steps from a timestep t to an earlier s by one linear rule,

    x_s = a x_t + b x0_t + c e_t + d x0_before + n z,   z ~ N(0, I),                   (1)

with x0_t and e_t read from the network's output at t and x0_before from the step before. A
sampler is thus a table of five numbers per step, made in float64 from the schedule, and one
loop serves all. With abar_s, sigma_s^2 = 1 - abar_s, and abar = 1 after the last step:

Ancestral: the posterior of Ho et al. (2020), eq. 6-7, for the step's own alpha = abar_t /
    abar_s (Nichol & Dhariwal 2021, section 4):
    b = sqrt(abar_s) (1 - alpha) / sigma_t^2, a = sqrt(alpha) sigma_s^2 / sigma_t^2,
    n^2 = (1 - alpha) sigma_s^2 / sigma_t^2, or the larger n^2 = 1 - alpha (section 3.2: the
    best choices for data that are a point, or normal), and no noise in the last step.
DDIM: Song et al., Denoising Diffusion Implicit Models (2021), eq. 12 and 16:
    n = eta sqrt((1 - alpha) sigma_s^2 / sigma_t^2), b = sqrt(abar_s), c = sqrt(sigma_s^2 - n^2).
DPM-Solver++ 2M: Lu et al., DPM-Solver++ (2022), algorithm 2: with lambda = log(sqrt(abar) /
    sigma), h = lambda_s - lambda_t and r the step before's h over this one's,
    a = sigma_s / sigma_t, D = sqrt(abar_s) (1 - exp(-h)), b = D (1 + 1 / 2r), d = -D / 2r;
    the first and the last step are of first order (d = 0).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from onenoise_jax.diffusion.objectives import Objective, check_objective, predict
from onenoise_jax.diffusion.process import GaussianProcess

Denoise = Callable[[jax.Array, jax.Array], jax.Array]


class StepTable(NamedTuple):
    """Per step, (steps,) each: the timestep t and the one told to the network, usually t too
    (int32); and the factors of equation 1 (float32).
    """

    t: np.ndarray
    network_t: np.ndarray
    x: np.ndarray
    x0: np.ndarray
    noise: np.ndarray
    previous_x0: np.ndarray
    fresh: np.ndarray


class Sampler(Protocol):
    """What `sample` needs: `clip` limits each x_0 to [-1, 1]; the table holds the rest."""

    @property
    def steps(self) -> int: ...

    @property
    def clip(self) -> bool: ...

    def table(self, process: GaussianProcess) -> StepTable:
        """The steps, from the noisiest; ValueError if the process has fewer timesteps."""
        ...


def timesteps(total: int, steps: int) -> np.ndarray:
    """`steps` + 1 equally spaced timesteps from -1, which means no noise, to `total` - 1.

    Spaced in float32 from the nearer end and truncated, so that they are the integers of
    `torch.linspace(-1, total - 1, steps + 1).int()`. Raises ValueError unless 1 <= steps <= total.
    """
    if not 1 <= steps <= total:
        raise ValueError(f"steps={steps}: expected 1 to {total}, the process's timesteps")
    index = np.arange(steps + 1)
    spacing = np.float32(total) / np.float32(steps)
    rising = np.float32(-1) + spacing * index.astype(np.float32)
    falling = np.float32(total - 1) - spacing * (steps - index).astype(np.float32)
    return np.where(index < (steps + 1) // 2, rising, falling).astype(np.int32)


class _Steps(NamedTuple):
    """Timesteps, abar and sigma^2 before (t) and after (s) each step, in float64."""

    t: np.ndarray
    s: np.ndarray
    signal_t: np.ndarray
    signal_s: np.ndarray
    variance_t: np.ndarray
    variance_s: np.ndarray


def _steps(process: GaussianProcess, steps: int) -> _Steps:
    times = timesteps(process.timesteps, steps)[::-1]
    # Index -1, after the last step, finds the appended 1.
    signal = np.append(process.alphas_cumprod_float64, 1.0)[times]
    return _Steps(times[:-1], times[1:], signal[:-1], signal[1:], 1 - signal[:-1], 1 - signal[1:])


def _step_table(
    t: np.ndarray, network_t: np.ndarray | None = None, **factors: np.ndarray
) -> StepTable:
    zeros = np.zeros(len(t), np.float32)
    columns = {"x": zeros, "x0": zeros, "noise": zeros, "previous_x0": zeros, "fresh": zeros}
    columns |= {name: np.float32(factor) for name, factor in factors.items()}
    return StepTable(np.int32(t), np.int32(t if network_t is None else network_t), **columns)


@dataclass(frozen=True)
class Ancestral:
    """The stochastic sampler of DDPM, over all timesteps or a subsequence of them.

    `variance` is that of the "posterior", or that of the "forward" step, beta_t.
    """

    steps: int
    clip: bool = True
    variance: Literal["posterior", "forward"] = "posterior"

    def __post_init__(self) -> None:
        if self.variance not in ("posterior", "forward"):
            raise ValueError(f"variance={self.variance!r}: expected 'posterior' or 'forward'")

    def table(self, process: GaussianProcess) -> StepTable:
        """See `Sampler`."""
        step = _steps(process, self.steps)
        alpha = step.signal_t / step.signal_s
        posterior = (1 - alpha) * step.variance_s / step.variance_t
        forward = np.where(step.s < 0, 0, 1 - alpha)
        return _step_table(
            step.t,
            x=np.sqrt(alpha) * step.variance_s / step.variance_t,
            x0=np.sqrt(step.signal_s) * (1 - alpha) / step.variance_t,
            fresh=np.sqrt(posterior if self.variance == "posterior" else forward),
        )


@dataclass(frozen=True)
class DDIM:
    """DDIM: deterministic for `eta` 0, as noisy as the ancestral sampler for 1.

    `network_time` says which timestep the network is told: "start", that of the image it is
    given, or "end", the one that the step leads to (-1 in the last step). The published
    sampler of One Noise to Rule Them All (2024) does the latter; it takes "end" to repeat
    its images.
    """

    steps: int
    eta: float = 0.0
    clip: bool = True
    network_time: Literal["start", "end"] = "start"

    def __post_init__(self) -> None:
        if not 0 <= self.eta <= 1:
            raise ValueError(f"eta={self.eta}: expected a number from 0 to 1")
        if self.network_time not in ("start", "end"):
            raise ValueError(f"network_time={self.network_time!r}: expected 'start' or 'end'")

    def table(self, process: GaussianProcess) -> StepTable:
        """See `Sampler`."""
        step = _steps(process, self.steps)
        alpha = step.signal_t / step.signal_s
        fresh = self.eta * np.sqrt((1 - alpha) * step.variance_s / step.variance_t)
        return _step_table(
            step.t,
            step.t if self.network_time == "start" else step.s,
            x0=np.sqrt(step.signal_s),
            noise=np.sqrt(np.maximum(step.variance_s - fresh**2, 0)),
            fresh=fresh,
        )


@dataclass(frozen=True)
class DPMSolver:
    """DPM-Solver++ 2M: deterministic, of second order in the number of steps."""

    steps: int
    clip: bool = True

    def table(self, process: GaussianProcess) -> StepTable:
        """See `Sampler`."""
        step = _steps(process, self.steps)
        ratio = np.sqrt(step.variance_s / step.variance_t)
        # sqrt(abar_s) (1 - exp(-h)), finite also for the last step, whose h is infinite.
        rate = np.sqrt(step.signal_s) - ratio * np.sqrt(step.signal_t)
        extrapolation = np.zeros(self.steps)
        if self.steps > 2:
            log_snr = 0.5 * np.log(step.signal_t / step.variance_t)
            h = np.diff(log_snr)
            extrapolation[1:-1] = 0.5 * h[1:] / h[:-1]
        return _step_table(
            step.t,
            x=ratio,
            x0=rate * (1 + extrapolation),
            previous_x0=-rate * extrapolation,
        )


def sample(
    sampler: Sampler,
    process: GaussianProcess,
    objective: Objective,
    denoise: Denoise,
    initial_noise: jax.Array,
    keys: jax.Array | None = None,
) -> jax.Array:
    """Images (b, ...) from `initial_noise` (b, ...) ~ N(0, I).

    `denoise(x, t)` is the network: (b, ...) noisy images and (b,) int32 timesteps to its
    output, of the form `objective`. `keys` (b,) are one JAX key per image, so that an image
    depends on its own key and noise and on no other image; samplers that draw no noise need
    none (ValueError if one that does has none).
    """
    draw = _noise_of(sampler.table(process), keys, initial_noise, f"{sampler}")
    return sample_with_noise(sampler, process, objective, denoise, initial_noise, draw)


def sample_stages(
    sampler: Sampler,
    process: GaussianProcess,
    objective: Objective,
    denoise: Denoise,
    initial_noise: jax.Array,
    keys: jax.Array | None,
    stages: int,
) -> jax.Array:
    """As `sample`, but `stages` images on the way, evenly spaced: (stages, b, ...).

    The last is the sample; the others are x_t, noise included. Raises ValueError unless there is
    at least one stage, and no more than steps.
    """
    table = sampler.table(process)
    steps = len(table.t)
    if not 1 <= stages <= steps:
        raise ValueError(f"stages={stages}: expected 1 to {steps}, the sampler's steps")
    draw = _noise_of(table, keys, initial_noise, f"{sampler}")
    step = _step(sampler, process, objective, denoise, draw)

    def kept(carry: tuple, row: tuple) -> tuple:
        inner, shown = carry
        place, row = row
        inner, _ = step(inner, row)
        # Each place is written until its turn is over: its last image stays.
        return (inner, shown.at[place].set(inner[0])), None

    places = jnp.arange(steps) * stages // steps
    shown = jnp.zeros((stages, *initial_noise.shape), initial_noise.dtype)
    (_, shown), _ = jax.lax.scan(kept, (_start(initial_noise), shown), (places, _rows(table)))
    return shown


def sample_with_noise(
    sampler: Sampler,
    process: GaussianProcess,
    objective: Objective,
    denoise: Denoise,
    initial_noise: jax.Array,
    draw: Callable[[jax.Array], jax.Array],
) -> jax.Array:
    """`sample` with the noise of step i = 0, 1, ... given by `draw(i)`, (b, ...) or a scalar."""
    step = _step(sampler, process, objective, denoise, draw)
    (x, _), _ = jax.lax.scan(step, _start(initial_noise), _rows(sampler.table(process)))
    return x


def _noise_of(
    table: StepTable, keys: jax.Array | None, images: jax.Array, sampler: str
) -> Callable[[jax.Array], jax.Array]:
    """Step -> the noise (b, ...) for images like `images`, by their `keys`; 0 if none is drawn."""
    if not table.fresh.any():
        return lambda index: jnp.zeros(())
    if keys is None:
        raise ValueError(f"{sampler} draws noise: expected one key per image")

    def draw(index: jax.Array) -> jax.Array:
        def one(key: jax.Array) -> jax.Array:
            return jax.random.normal(jax.random.fold_in(key, index), images.shape[1:], images.dtype)

        return jax.vmap(one)(keys)

    return draw


def _start(initial_noise: jax.Array) -> tuple[jax.Array, jax.Array]:
    """What the first step is given: x, and x0_before."""
    return initial_noise, jnp.zeros_like(initial_noise)


def _rows(table: StepTable) -> tuple[jax.Array, StepTable]:
    """The table's rows with their numbers, to scan over."""
    return jnp.arange(len(table.t)), StepTable(*map(jnp.asarray, table))


def _step(
    sampler: Sampler,
    process: GaussianProcess,
    objective: Objective,
    denoise: Denoise,
    draw: Callable[[jax.Array], jax.Array],
) -> Callable[[tuple, tuple], tuple]:
    """Equation 1, as a function of `jax.lax.scan`: ((x, x0_before), row) -> ((x, x0), None)."""
    check_objective(objective)

    def step(carry: tuple, row: tuple) -> tuple:
        x, previous_x0 = carry
        index, factor = row
        output = denoise(x, jnp.full((x.shape[0],), factor.network_t))
        x0, noise = predict(objective, process, x, output, factor.t, clip=sampler.clip)
        x = (
            factor.x * x
            + factor.x0 * x0
            + factor.noise * noise
            + factor.previous_x0 * previous_x0
            + factor.fresh * draw(index)
        )
        return (x, x0), None

    return step
