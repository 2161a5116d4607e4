"""How two kinds of texture share one image: weights per pixel, and blends by those weights.

Maesumi et al., One Noise to Rule Them All (2024), section 4: class embeddings are blended
on the sphere, parameters on the line.
"""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage


def slerp(weight: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
    """Spherical interpolation from `low` (d,) to `high` (d,) by `weight` (...): (..., d).

    The angle is that between the two directions; the lengths are not normalised but blended
    with the same factors (Shoemake, Animating Rotation with Quaternion Curves, 1985). Vectors
    of one direction are blended on the line.
    """
    cosine = jnp.vdot(low, high) / (jnp.linalg.norm(low) * jnp.linalg.norm(high))
    angle = jnp.arccos(jnp.clip(cosine, -1, 1))
    curved = jnp.sin(angle) > 1e-4
    safe = jnp.where(curved, angle, 1.0)
    weight = jnp.asarray(weight)[..., None]
    of_low = jnp.where(curved, jnp.sin((1 - weight) * safe) / jnp.sin(safe), 1 - weight)
    of_high = jnp.where(curved, jnp.sin(weight * safe) / jnp.sin(safe), weight)
    return of_low * low + of_high * high


def lerp(weight: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
    """Linear interpolation from `low` (d,) to `high` (d,) by `weight` (...): (..., d)."""
    weight = jnp.asarray(weight)[..., None]
    return (1 - weight) * low + weight * high


def mask_weights(
    mask: np.ndarray, power: float | np.ndarray = 0.25, periodic: tuple[bool, bool] = (False, False)
) -> np.ndarray:
    """Blending weights (h, w) float64 in [0, 1] from a mask (h, w).

    A boolean mask becomes the distance of each of its pixels to the nearest pixel outside,
    as a share of the largest; a mask of numbers in [0, 1] is taken as it is. The result is
    raised to `power`, a positive number or one per pixel: near 0 the blend is abrupt, at 1
    gradual. A mask without an outside has the weight 1 everywhere. Distances go around the
    axes (y, x) that are `periodic`. Raises ValueError for other masks and powers.
    """
    if mask.ndim != 2:
        raise ValueError(f"mask of shape {mask.shape}: expected (height, width)")
    if np.any(np.asarray(power) <= 0):
        raise ValueError(f"power={power}: expected positive numbers")
    if mask.dtype != bool:
        if not (mask.min() >= 0 and mask.max() <= 1):
            raise ValueError(f"mask from {mask.min()} to {mask.max()}: expected 0 to 1")
        return mask.astype(np.float64) ** power
    if mask.all():
        return np.ones(mask.shape)
    # On a torus, nothing is farther than half way around.
    margins = [
        length // 2 if around else 0 for length, around in zip(mask.shape, periodic, strict=True)
    ]
    continued = np.pad(mask, [(margin, margin) for margin in margins], mode="wrap")
    inside = tuple(
        slice(margin, margin + length) for margin, length in zip(margins, mask.shape, strict=True)
    )
    distance = ndimage.distance_transform_edt(continued)[inside]
    return (distance / max(distance.max(), 1.0)) ** power


def smooth_gradient(width: int, iterations: int) -> np.ndarray:
    """A ramp (width,) float64 from near 0 to near 1 whose ends are flattened.

    The ramp is blurred `iterations` times by a 5-tap Gaussian of standard deviation 1, with
    reflection at the ends: the more, the flatter they are. `width` is at least 3.
    """
    taps = np.exp(-0.5 * np.arange(-2, 3) ** 2)
    taps /= taps.sum()
    ramp = np.linspace(0, 1, width)
    for _ in range(iterations):
        ramp = ndimage.correlate1d(ramp, taps, mode="mirror")
    return ramp
