"""What is timed of Noise2Noise: the same for our program and for PyTorch's, free of both."""

import argparse

SIGMA = 25 / 255
LEARNING_RATE = 3e-4
EMA_DECAY = 0.999


def add_options(parser: argparse.ArgumentParser) -> None:
    """The network and the sizes, as options of a command line."""
    parser.add_argument("what", choices=("train", "restore"))
    parser.add_argument("--network", choices=("paper", "port"), default="paper")
    parser.add_argument("--size", type=int, nargs=2, default=(128, 128), metavar=("H", "W"))
    parser.add_argument("--batch", type=int, default=16)
