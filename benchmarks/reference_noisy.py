"""A step of Lara, Maria or Alia in PyTorch, timed, for benchmarks/noisy_against_torch.py.

The networks are written here anew, from the same `Design`s; they serve to compare speeds alone.
Runs on the CPU with 2 threads. Answers each line on standard input by the milliseconds of one
step, right after an untimed one.
"""

import argparse
import math

import torch
from torch import nn
from torch.nn import functional

from benchmarks.sides import answer
from onenoise_jax.models.pixel_unet import DESIGNS, Layer, PixelUNetConfig, layers

ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU}


class Added(nn.Module):
    """What `inner` makes of its input, added to it."""

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) + x


class Attention(nn.Module):
    """Attention of one head over the pixels of the normalised image, added to it."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.InstanceNorm2d(channels)
        self.parts = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(3))
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.norm(x)
        q, k, v = (part(h).flatten(2).transpose(1, 2)[:, None] for part in self.parts)
        y = functional.scaled_dot_product_attention(q, k, v)[:, 0]
        return x + self.out(y.transpose(1, 2).reshape(x.shape))


class Resampled(nn.Module):
    """A resampling convolution, and the nearest pixels added to it."""

    def __init__(self, conv: nn.Module, factor: float):
        super().__init__()
        self.conv, self.factor = conv, factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x) + functional.interpolate(x, scale_factor=self.factor)


class Network(nn.Module):
    """The network of `config`: images (b, c, h, w) and timesteps (b,) to a prediction."""

    def __init__(self, config: PixelUNetConfig):
        super().__init__()
        self.embedding = config.timestep_channels
        first = config.width * DESIGNS[config.design].levels[0].width
        self.stem = nn.Conv2d(config.channels + self.embedding, first, 1)
        self.main = _level(config, 0)

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        half = self.embedding // 2
        rates = torch.exp(torch.arange(half) * (-math.log(10000) / (half - 1)))
        angles = t[:, None] * rates
        constants = torch.cat([angles.sin(), angles.cos()], 1)[:, :, None, None]
        constants = constants.expand(-1, -1, *x.shape[2:])
        return self.main(self.stem(torch.cat([constants, x], 1)))


def _level(config: PixelUNetConfig, level: int) -> nn.Module:
    return nn.Sequential(*(_layer(config, level, layer) for layer in layers(config, level)))


def _layer(config: PixelUNetConfig, level: int, layer: Layer) -> nn.Module:
    design, channels = DESIGNS[config.design], layer.inputs
    activation = ACTIVATIONS[design.activation]
    if layer.kind == "level":
        return Added(_level(config, level + 1))
    if layer.kind == "activate":
        return activation(inplace=True)
    if layer.kind == "attention":
        return Attention(channels)
    if layer.kind == "halve":
        conv = nn.Conv2d(channels, channels, 3, 2, 1)
        return Resampled(conv, 0.5) if design.shortcuts else conv
    if layer.kind == "double":
        return Resampled(nn.ConvTranspose2d(channels, channels, 2, 2), 2.0)
    if layer.kind == "project":
        return nn.Conv2d(channels, layer.outputs, 1)
    width = layer.outputs
    block = Added(
        nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1),
            activation(inplace=True),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.InstanceNorm2d(width),
            activation(inplace=True),
            nn.Conv2d(width, width, 1),
        )
    )
    return block if channels == width else nn.Sequential(nn.Conv2d(channels, width, 1), block)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("train", "sample"))
    parser.add_argument("--design", choices=tuple(DESIGNS), default="maria")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(0)
    network = Network(PixelUNetConfig(options.design, options.width))
    shape = (options.batch, 3, options.size, options.size)
    images = torch.rand(shape) * 2 - 1
    if options.channels_last:
        network = network.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    signal = torch.cumprod(1 - (1e-4 + torch.arange(1000) / 1000 * (0.01 - 1e-4)), 0)
    average = [p.detach().clone() for p in network.parameters()]

    def train() -> None:
        t = torch.randint(1000, (options.batch,))
        noise, kept = torch.randn_like(images), signal[t][:, None, None, None]
        noisy = kept.sqrt() * images + (1 - kept).sqrt() * noise
        functional.mse_loss(network(noisy, t), noise).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            torch._foreach_lerp_(average, list(network.parameters()), 0.001)

    @torch.inference_mode()
    def sample() -> None:
        x = torch.randn_like(images)
        times = [round(999 - 1000 / options.steps * i) for i in range(options.steps)]
        for t, later in zip(times, [*times[1:], None], strict=True):
            noise = network(x, torch.full((options.batch,), t))
            x0 = ((x - (1 - signal[t]).sqrt() * noise) / signal[t].sqrt()).clip(-1, 1)
            kept = torch.tensor(1.0) if later is None else signal[later]
            x = kept.sqrt() * x0 + (1 - kept).sqrt() * noise

    answer(train if options.what == "train" else sample)


if __name__ == "__main__":
    main()
