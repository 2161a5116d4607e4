"""Are the 20 procedural textures 20 families? Trains a classifier and counts its mistakes.

    python -m benchmarks.texture_classifier --out runs/texture_classifier

Textures with random parameters, 64x64, made on the fly; the held-out ones have another seed.
Writes into --out: confusion.png (rows: true type, columns: answer, row-normalised) and
result.json (accuracy, the confusion matrix, the worst pairs, the settings).
Takes 5 to 10 minutes on 2 CPU cores.
"""

import argparse
import itertools
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from PIL import Image, ImageDraw
from tqdm import tqdm

from onenoise_jax.core import files
from onenoise_jax.models.texture_classifier import TextureClassifier, TextureClassifierConfig
from onenoise_jax.textures.specimens import specimens
from onenoise_jax.textures.vocabulary import TYPES


def texture_set(per_type: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(count, size, size, 1) uint8 textures and (count,) labels, `per_type` of each type."""
    pixels = [
        image
        for name in tqdm(TYPES, desc=f"textures, seed {seed}")
        for image, _ in itertools.islice(specimens(name, seed, size, size), per_type)
    ]
    return np.stack(pixels)[..., None], np.repeat(np.arange(len(TYPES)), per_type)


def train(images: np.ndarray, labels: np.ndarray, epochs: int, batch: int, seed: int):
    """(model, params): AdamW with a cosine schedule; each batch is flipped and transposed."""
    model = TextureClassifier(TextureClassifierConfig(len(TYPES)))
    params = model.init(jax.random.key(seed), jnp.zeros((1, *images.shape[1:])))
    steps = epochs * (len(images) // batch)
    schedule = optax.warmup_cosine_decay_schedule(0.0, 3e-3, steps // 20, steps)
    optimizer = optax.adamw(schedule, weight_decay=0.02)

    @jax.jit
    def update(params, state, pixels, answers):
        def loss(params):
            logits = model.apply(params, pixels / 255.0)
            return optax.softmax_cross_entropy_with_integer_labels(logits, answers).mean()

        value, gradient = jax.value_and_grad(loss)(params)
        change, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, change), state, value

    state = optimizer.init(params)
    order = np.random.default_rng(seed)
    bar = tqdm(total=steps, desc="training")
    for _ in range(epochs):
        shuffled = order.permutation(len(images))
        for start in range(0, len(images) - batch + 1, batch):
            chosen = shuffled[start : start + batch]
            pixels = images[chosen][:, :: order.choice([1, -1]), :: order.choice([1, -1])]
            params, state, value = update(params, state, pixels, labels[chosen])
            bar.update()
        bar.set_postfix(loss=f"{float(value):.3f}")
    bar.close()
    return model, params


def confusion(model, params, images: np.ndarray, labels: np.ndarray, batch: int) -> np.ndarray:
    """(20, 20): row t is how the textures of type t were answered, as shares of 1."""
    answer = jax.jit(lambda pixels: model.apply(params, pixels / 255.0).argmax(-1))
    counts = np.zeros((len(TYPES), len(TYPES)))
    for start in range(0, len(images), batch):
        answers = np.asarray(answer(images[start : start + batch]))
        np.add.at(counts, (labels[start : start + batch], answers), 1)
    return counts / counts.sum(1, keepdims=True)


def draw(matrix: np.ndarray, path: Path, cell: int = 34) -> None:
    """The matrix as a picture: percentages, darker is more, names at the sides."""
    left, top, count = 170, 150, len(matrix)
    picture = Image.new("L", (left + cell * count + 4, top + cell * count + 4), 255)
    pen = ImageDraw.Draw(picture)
    for row, column in itertools.product(range(count), repeat=2):
        share = matrix[row, column]
        x, y = left + cell * column, top + cell * row
        shade = 250 - int(200 * share**0.5)
        pen.rectangle((x, y, x + cell - 2, y + cell - 2), fill=shade)
        if share > 0:
            text = f"{100 * share:.3g}"
            pen.text((x + cell / 2 - 1, y + cell / 2 - 1), text, 255 * (shade < 130), anchor="mm")
    for index, name in enumerate(TYPES):
        middle = cell * index + cell / 2
        pen.text((left - 6, top + middle), name, 0, anchor="rm")
        label = Image.new("L", (top - 8, 14), 255)
        ImageDraw.Draw(label).text((0, 7), name, 0, anchor="lm")
        picture.paste(label.rotate(90, expand=True), (int(left + middle - 7), 4))
    pen.text((4, top - 16), "true type (rows), answer (columns), %", 0)
    with files.replaced(path) as temporary:
        picture.save(temporary, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/texture_classifier"))
    parser.add_argument("--per-type", type=int, default=800, help="training textures per type")
    parser.add_argument("--held-out", type=int, default=250, help="test textures per type")
    parser.add_argument("--size", type=int, default=64, help="pixels a side")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    began = time.perf_counter()
    images, labels = texture_set(args.per_type, args.size, args.seed)
    model, params = train(images, labels, args.epochs, args.batch, args.seed)
    unseen = texture_set(args.held_out, args.size, args.seed + 1)
    matrix = confusion(model, params, *unseen, args.batch)
    mistakes = matrix - np.diag(np.diag(matrix))
    wrong = [
        {"true": TYPES[row], "answer": TYPES[column], "share": mistakes[row, column]}
        for row, column in np.argwhere(mistakes > 0)
    ]
    worst = sorted(wrong, key=lambda pair: -pair["share"])[:8]
    result = {
        "accuracy": float(np.diag(matrix).mean()),
        "worst_pairs": worst,
        "settings": {k: v for k, v in vars(args).items() if k != "out"},
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(params)),
        "seconds": time.perf_counter() - began,
        "types": TYPES,
        "confusion": matrix.tolist(),
    }
    draw(matrix, args.out / "confusion.png")
    with files.replaced(args.out / "result.json") as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"accuracy {result['accuracy']:.4f} on {len(unseen[0])} held-out textures")
    for pair in worst:
        print(f"  {pair['true']} taken for {pair['answer']}: {100 * pair['share']:.1f} %")
    print(f"written to {args.out}: confusion.png, result.json")


if __name__ == "__main__":
    main()
