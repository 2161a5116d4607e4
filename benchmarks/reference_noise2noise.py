"""The networks of Noise2Noise in PyTorch, a step of them timed, for noise2noise_against_torch.

Written from table 2 of the paper (arXiv:1803.04189), for measuring alone: nothing here is used by
the package. `paper` and `port` are `PAPER` and `SHARED` of `models/restoration_unet.py`, layer by
layer. On the CPU with 2 threads. Answers each line on standard input by the milliseconds of
one step, right after an untimed one.
"""

import argparse

import torch
from torch import nn

from benchmarks.noise2noise_case import EMA_DECAY, LEARNING_RATE, SIGMA, add_options
from benchmarks.sides import answer


class Network(nn.Module):
    """(b, 3, h, w) -> (b, 3, h, w)."""

    def __init__(self, name: str, width: int = 48):
        super().__init__()
        self.is_port = name == "port"
        self.slope = 0.0 if self.is_port else 0.1
        wide = 2 * width
        convs = {"stem": (3, width), "middle": (width, width)}
        convs |= {f"encode_{self.encoder(level)}": (width, width) for level in range(5)}
        for level in (4, 3, 2, 1):
            block, before = self.decoder(level), width if level == 4 else wide
            convs[f"decode_{block}_0"] = (before + width, wide)
            convs[f"decode_{block}_1"] = (wide, wide)
        convs |= {"head_0": (wide + 3, 64), "head_1": (64, 32), "head_2": (32, 3)}
        self.convs = nn.ModuleDict(
            {name: nn.Conv2d(*channels, 3, padding=1) for name, channels in convs.items()}
        )
        ups = {"5": width, "4": wide, "3": wide} if self.is_port else {}
        self.ups = nn.ModuleDict(
            {
                name: nn.ConvTranspose2d(n, n, 3, stride=2, padding=1, output_padding=1)
                for name, n in ups.items()
            }
        )

    def encoder(self, level: int) -> int:
        return min(level, 1) if self.is_port else level

    def decoder(self, level: int) -> int:
        return max(level, 3) if self.is_port else level

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips = [x]
        x = self.hidden("stem", x)
        for level in range(5):
            x = nn.functional.max_pool2d(self.hidden(f"encode_{self.encoder(level)}", x), 2)
            skips.append(x)
        x = self.hidden("middle", skips.pop())
        for level in (4, 3, 2, 1):
            block = self.decoder(level)
            x = torch.cat([self.upsampled(x, level), skips.pop()], dim=1)
            x = self.hidden(f"decode_{block}_1", self.hidden(f"decode_{block}_0", x))
        x = torch.cat([self.upsampled(x, 0), skips.pop()], dim=1)
        x = self.convs["head_2"](self.hidden("head_1", self.hidden("head_0", x)))
        return nn.functional.leaky_relu(x, 0.1) if self.is_port else x

    def hidden(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.leaky_relu(self.convs[name](x), self.slope, inplace=True)

    def upsampled(self, x: torch.Tensor, level: int) -> torch.Tensor:
        if not self.is_port:
            return nn.functional.interpolate(x, scale_factor=2, mode="nearest")
        return self.ups[str(max(level + 1, 3))](x)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(0)
    network = Network(options.network)
    average = Network(options.network).requires_grad_(False)
    clean = torch.rand(options.batch, 3, *options.size)
    if options.channels_last:
        network = network.to(memory_format=torch.channels_last)
        average = average.to(memory_format=torch.channels_last)
        clean = clean.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.99))

    def train() -> None:
        source, target = (clean + SIGMA * torch.randn_like(clean) for _ in range(2))
        loss = nn.functional.mse_loss(network(source), target)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            torch._foreach_lerp_(
                list(average.parameters()), list(network.parameters()), 1 - EMA_DECAY
            )

    def restore() -> None:
        with torch.no_grad():
            network(clean)

    answer(train if options.what == "train" else restore)


if __name__ == "__main__":
    main()
