"""Assessments of generated images: real ones pass, noise, copies and collapse are told."""

import numpy as np
import pytest

from onenoise_jax.evaluation import generated as module
from onenoise_jax.evaluation.generated import FEWEST, assess, judge
from onenoise_jax.evaluation.judge import JudgeConfig, Reading
from onenoise_jax.evaluation.sets import Comparison


def blobs(count, seed, size=16):
    """Bright discs in random places, (count, size, size, 1) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    centres = rng.uniform(4, size - 4, (2, count, 1, 1))
    discs = np.exp(
        -((y - centres[0]) ** 2 + (x - centres[1]) ** 2) / rng.uniform(4, 9, (count, 1, 1))
    )
    noise = rng.normal(0, 4, discs.shape)
    return np.uint8(np.clip(230 * discs + 10 + noise, 0, 255))[..., None]


REAL = blobs(120, 0)


def table_rows(table):
    return {line[:34].strip(): line[34:].split() for line in table.splitlines()}


def test_more_of_the_same_is_as_good_as_the_other_half():
    found = assess(REAL, blobs(60, 1), REAL)
    numbers = found.result["hand_made_features"]
    assert numbers["generated"]["frechet"] < 1.3 * numbers["real"]["frechet"]
    assert min(numbers["generated"]["precision"], numbers["generated"]["recall"]) > 0.6
    assert found.result["images"] == {"generated": 60, "real": 60, "training": 120}
    near = found.result["nearest_rms"]
    assert 0.8 < near["generated"] / near["real"] < 1.25
    rows = table_rows(found.table)
    assert rows["Fréchet distance"] == [
        f"{numbers[kind]['frechet']:.3f}" for kind in ("generated", "real")
    ]
    assert "not FID" in found.table and "FID, Inception" not in found.table
    assert all(picture.ndim == 3 for picture in found.pictures.values())


def test_noise_is_far_and_outside():
    noise = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 1), np.uint8)
    numbers = assess(REAL, noise, REAL).result["hand_made_features"]
    assert numbers["generated"]["frechet"] > 3 * numbers["real"]["frechet"]
    assert numbers["generated"]["precision"] == numbers["generated"]["recall"] == 0


def test_copies_are_precise_and_found_and_shown():
    found = assess(REAL, REAL[60:], REAL)
    assert found.result["nearest_rms"]["generated_to_training_min"] == 0
    near, numbers = found.result["nearest_rms"], found.result["hand_made_features"]
    assert near["generated"] == near["real"] and numbers["generated"] == numbers["real"]
    one = assess(REAL, np.repeat(REAL[:1], 60, axis=0), REAL)
    numbers = one.result["hand_made_features"]["generated"]
    assert numbers["precision"] == 1 and numbers["recall"] < 0.1


def test_the_neighbours_that_are_shown_are_the_nearest(monkeypatch):
    pictures = []
    monkeypatch.setattr(
        module, "labelled_grid", lambda images, **options: pictures.append((images, options))
    )
    assess(REAL, np.concatenate([blobs(20, 1), REAL[7:8]]), REAL)
    images, options = pictures[-1]
    np.testing.assert_array_equal(images[0], REAL[7])
    np.testing.assert_array_equal(images[10], REAL[7])
    assert options["captions"][10] == "rms 0.0" and options["columns"] == 10


def test_the_standard_fid_is_of_the_same_sets(monkeypatch):
    calls = []

    def comparison(real, generated, weights):
        calls.append((real, generated, weights))
        return Comparison(float(len(calls)), 0.5, 0.25)

    monkeypatch.setattr(module, "inception_comparison", comparison)
    drawn = blobs(60, 1)
    found = assess(REAL, drawn, REAL, inception="weights.pth")
    assert found.result["inception"]["generated"] == {
        "frechet": 1,
        "precision": 0.5,
        "recall": 0.25,
    }
    assert table_rows(found.table)["FID"] == ["1.000", "2.000"]
    assert table_rows(found.table)["recall, Inception"] == ["0.250", "0.250"]
    for call, second in zip(calls, (drawn, REAL[60:]), strict=True):
        np.testing.assert_array_equal(call[0], REAL[:60])
        np.testing.assert_array_equal(call[1], second)
        assert call[2] == "weights.pth"


def test_the_fewest_images_are_enough():
    found = assess(REAL[:FEWEST], REAL[: FEWEST // 2], REAL[:2])
    assert np.isfinite(found.result["hand_made_features"]["generated"]["frechet"])


def test_a_classifier_tells_what_it_sees():
    """Red and green of equal brightness; what is generated is red, but for one."""
    rng = np.random.default_rng(0)
    labels = np.arange(64) % 2
    pixels = rng.integers(0, 50, (64, 16, 16, 3), np.uint8)
    pixels[np.arange(64), :, :, labels] += 150
    config = JudgeConfig(epochs=3, batch=12, learning_rate=5e-3, weight_decay=0.0)
    verdict = judge(pixels, labels, np.concatenate([pixels[::2], pixels[1:2]]), config, seed=0)
    assert verdict.per_class == (32, 1) and verdict.real_accuracy == 1
    assert verdict.top_probability > 0.9 and verdict.real_top_probability > 0.9
    rows = table_rows(verdict.table())
    assert rows["classes found"] == ["2", "2"]
    assert rows["images taken for each class"] == ["32", "1"]
    assert rows["mean top probability"][0] == f"{verdict.top_probability:.3f}"


def test_collapse_to_one_class_is_told_and_what_is_no_image_asked_of(monkeypatch):
    seen = []

    class Judge:
        def read(self, pixels):
            seen.append(pixels)
            return Reading(np.tile([0.1, 0.8, 0.1], (len(pixels), 1)), np.zeros((len(pixels), 0)))

    def train_judge(images, mask, config, seed):
        seen.append(images.pixels)
        return Judge()

    monkeypatch.setattr(module, "train_judge", train_judge)
    verdict = judge(REAL[:40], np.arange(40) % 3, REAL[:9], None, seed=0)
    assert verdict.per_class == (0, 9, 0) and verdict.top_probability == pytest.approx(0.8)
    assert table_rows(verdict.table())["classes found"] == ["1", "3"]
    learned, unseen, mixed, generated = seen
    both = np.concatenate([learned, unseen])
    assert len(unseen) == 10 and {x.tobytes() for x in both} == {x.tobytes() for x in REAL[:40]}
    label_of = {half.tobytes(): i % 3 for i, x in enumerate(REAL[:40]) for half in (x[:8], x[8:])}
    halves = (mixed[:, :8], mixed[:, 8:])
    for half, rows in zip(halves, (unseen[:, :8], unseen[:, 8:]), strict=True):
        assert sorted(x.tobytes() for x in half) == sorted(x.tobytes() for x in rows)
    upper, lower = ([label_of[x.tobytes()] for x in half] for half in halves)
    assert all(one != other for one, other in zip(upper, lower, strict=True))
    np.testing.assert_array_equal(generated, REAL[:9])
