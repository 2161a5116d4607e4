"""A step of the published PyTorch program, timed, for benchmarks/against_reference.py.

Reads the program from --reference, a checkout of it; nothing of it is part of this project.
It runs on the CPU with 2 threads; without gradients when it samples. Answers each line on
standard input by the milliseconds of one step, right after an untimed one.
"""

import argparse
import sys
import types

from benchmarks.sides import answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("train", "sample"))
    parser.add_argument("--reference", required=True, help="folder of the checkout")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_args()
    sys.path.insert(0, options.reference)

    import torch
    from network.diffusion import create_diffusion_model

    torch.set_num_threads(2)
    torch.manual_seed(0)
    torch.Tensor.cuda = lambda self, *_: self  # Its sampler moves the times to a GPU.
    diffusion = create_diffusion_model(
        types.SimpleNamespace(
            model_config=options.model,
            attention=options.model != "extra_tiny",
            pos_enc=0,
            cond_layers=(),
            image_size=options.size,
            train_timesteps=1000,
            loss_fn="l2",
            sample_timesteps=options.steps,
            objective="pred_noise",
        )
    )
    shape = (options.batch, 1, options.size, options.size)
    images = torch.rand(shape)
    classes = torch.zeros(options.batch, 20, *shape[2:])
    classes[:, 3] = 1
    parameters = torch.rand(options.batch, 25, 1, 1).expand(-1, -1, *shape[2:]).contiguous()
    if options.channels_last:
        diffusion = diffusion.to(memory_format=torch.channels_last)
        images, classes, parameters = (
            x.contiguous(memory_format=torch.channels_last) for x in (images, classes, parameters)
        )
    optimizer = torch.optim.AdamW(diffusion.parameters(), lr=8e-5, betas=(0.9, 0.99))

    def train() -> None:
        loss, _ = diffusion(images, classes=classes, substance_params=parameters)
        loss.mean().backward()
        torch.nn.utils.clip_grad_norm_(diffusion.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    def sample() -> None:
        diffusion.ddim_sample_fast(parameters, classes, torch.randn(shape), pbar=False)

    answer(train if options.what == "train" else sample)


if __name__ == "__main__":
    main()
