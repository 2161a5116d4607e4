"""Composition on the device: the compact batch becomes images and their condition."""

import numpy as np

from onenoise_jax.families.onenoise.compose import box_regions, compose


def test_a_box_without_rotation_is_a_rectangle_with_its_edges():
    boxes = np.array([[[5, 3, 2, 1, 0.0]]], np.float32)
    regions = np.asarray(box_regions(boxes, 8, 12))[0]
    expected = np.zeros((8, 12), int)
    expected[2:5, 3:8] = 1
    np.testing.assert_array_equal(regions, expected)


def test_a_quarter_turn_swaps_width_and_height():
    boxes = np.array([[[6, 6, 4, 1, np.pi / 2]], [[6, 6, 1, 4, 0.0]]], np.float32)
    regions = np.asarray(box_regions(boxes + np.float32([0, 0, 0.01, 0.01, 0]), 13, 13))
    np.testing.assert_array_equal(regions[0], regions[1])
    assert regions[0].sum() == 27


def test_later_boxes_cover_earlier_ones_and_negative_extents_nothing():
    whole, part, none = [4, 4, 9, 9, 0.3], [4, 4, 1, 1, 0.0], [4, 4, -1, -1, 0.0]
    boxes = np.array([[whole, part, none]], np.float32)
    regions = np.asarray(box_regions(boxes, 9, 9))[0]
    assert (regions == 2).sum() == 9 and (regions == 1).sum() == 72


def test_a_rotation_keeps_the_area():
    angles = np.linspace(0, np.pi, 12, dtype=np.float32)
    boxes = np.stack([np.array([64, 64, 30, 20, angle], np.float32) for angle in angles])
    areas = np.asarray(box_regions(boxes[:, None], 128, 128)).sum((1, 2))
    np.testing.assert_allclose(areas, 60 * 40, rtol=0.05)


def test_every_pixel_and_its_condition_come_from_the_same_layer():
    rng = np.random.default_rng(0)
    levels = np.array([0, 100, 255, 30, 60, 90], np.uint8)
    batch = {
        "pixels": np.broadcast_to(levels[:, None, None], (6, 16, 16)).copy(),
        "labels": rng.permutation(20)[:6].astype(np.int32),
        "attributes": rng.random((6, 25), dtype=np.float32),
        "partners": np.array([[2, 1], [0, 2], [2, 2]] * 2, np.int32),
        "boxes": np.array([[[8, 8, 3, 3, 0.5], [2, 2, 2, 2, 0]]] * 6, np.float32),
    }
    images, condition = compose(batch, group=3)
    assert images.shape == (6, 16, 16, 1)
    layers = np.array([[0, 2, 1], [1, 0, 2], [2, 2, 2], [3, 5, 4], [4, 3, 5], [5, 5, 5]])
    np.testing.assert_array_equal(condition.classes, batch["labels"][layers])
    np.testing.assert_array_equal(condition.parameters, batch["attributes"][layers])
    shown = layers[np.arange(6)[:, None, None], condition.regions]
    np.testing.assert_allclose(np.asarray(images)[..., 0], levels[shown] / 127.5 - 1, atol=1e-6)
    assert set(np.unique(condition.regions)) == {0, 1, 2}


def test_a_patch_shows_the_pixels_of_its_place():
    pixels = np.arange(2 * 64, dtype=np.uint8).reshape(2, 8, 8)
    batch = {
        "pixels": pixels,
        "labels": np.zeros(2, np.int32),
        "attributes": np.zeros((2, 25), np.float32),
        "partners": np.array([[1], [1]], np.int32),
        "boxes": np.array([[[3, 4, 1, 1, 0]], [[0, 0, -1, -1, 0]]], np.float32),
    }
    images, _ = compose(batch, group=2)
    expected = pixels.copy()
    expected[0, 3:6, 2:5] = pixels[1, 3:6, 2:5]
    np.testing.assert_allclose(np.asarray(images)[..., 0], expected / 127.5 - 1, atol=1e-6)


def test_no_patches_is_the_record_itself():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    batch = {
        "pixels": pixels,
        "labels": np.zeros(1, np.int32),
        "attributes": np.zeros((1, 25), np.float32),
        "partners": np.zeros((1, 0), np.int32),
        "boxes": np.zeros((1, 0, 5), np.float32),
    }
    images, condition = compose(batch)
    np.testing.assert_allclose(np.asarray(images)[0, :, :, 0], pixels[0] / 127.5 - 1, atol=1e-6)
    assert float(images.min()) == -1 and float(images.max()) == 1
    assert int(condition.regions.max()) == 0
