import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.crops import Crops, centre_crop
from onenoise_jax.data.image_conversion import cover
from onenoise_jax.data.images import Repeated
from onenoise_jax.data.named_images import NamedImage
from onenoise_jax.data.pipeline import Batches


class Ramps:
    """Images whose pixels say where they are: (number of the image, row, column)."""

    fingerprint = "ramps"
    sizes = ((5, 9), (7, 6), (2, 3), (12, 12))

    def __len__(self):
        return len(self.sizes)

    def __getitem__(self, index):
        rows, columns = np.indices(self.sizes[index], np.uint8)
        return NamedImage(str(index), np.stack([np.full_like(rows, index), rows, columns], -1))


def crops_of(size: int, flip: bool, batches: int = 80):
    batch = Batches(Repeated(Ramps()), 4, 0, Crops(size, flip))
    return np.concatenate([batch[k]["pixels"] for k in range(batches)])


def test_crops_are_parts_of_their_images_at_every_place():
    for index, (height, width) in enumerate(Ramps.sizes):
        found = [c for c in crops_of(5, flip=False) if c[0, 0, 0] == index]
        places = {tuple(c[0, 0, 1:].tolist()) for c in found}
        rows, columns = max(height - 5, 0) + 1, max(width - 5, 0) + 1
        assert places <= {(r, c) for r in range(rows) for c in range(columns)}
        assert {r for r, _ in places} == set(range(rows))
        assert {c for _, c in places} == set(range(columns))
        if min(height, width) >= 5:
            for crop in found:
                np.testing.assert_array_equal(crop[..., 1:] - crop[:1, :1, 1:], ramp(5))


def ramp(size: int) -> np.ndarray:
    return np.stack(np.indices((size, size), np.uint8), axis=-1)


def test_half_of_the_crops_are_mirrored_and_their_place_does_not_change():
    plain, mixed = crops_of(5, flip=False), crops_of(5, flip=True)
    mirrored = (plain != mixed).any(axis=(1, 2, 3))
    assert 0.35 < mirrored.mean() < 0.65
    np.testing.assert_array_equal(plain[mirrored][:, :, ::-1], mixed[mirrored])


def test_small_images_are_continued_by_their_mirror_image():
    small = Ramps()[2].pixels
    made = centre_crop(small, 7)
    assert made.shape == (7, 7, 3)
    assert made[:, 0, 1].tolist() == [0, 1, 1, 0, 0, 1, 1]
    assert made[0, :, 2].tolist() == [0, 1, 2, 2, 1, 0, 0]
    found = [c for c in crops_of(7, flip=False) if c[0, 0, 0] == 2]
    assert all((crop == made).all() for crop in found)


def test_the_middle_is_the_middle():
    assert centre_crop(Ramps()[3].pixels, 4)[0, 0].tolist() == [3, 4, 4]
    assert centre_crop(Ramps()[1].pixels, 6)[0, 0].tolist() == [1, 0, 0]


def test_batches_of_crops_do_not_depend_on_who_makes_them():
    whole = Batches(Ramps(), 4, 3, Crops(4))[7]["pixels"]
    halves = [
        Batches(Ramps(), 4, 3, Crops(4), process_index=p, process_count=2)[7]["pixels"]
        for p in range(2)
    ]
    np.testing.assert_array_equal(whole, np.concatenate(halves))


def test_a_crop_without_pixels_is_refused():
    with pytest.raises(UserError, match="crop size=0"):
        Crops(0)


def test_resized_crops_are_crops_resized():
    whole = Batches(Repeated(Ramps()), 4, 0, Crops(6, True))
    small = Batches(Repeated(Ramps()), 4, 0, Crops(6, True, resized=3))
    for k in range(5):
        found = small[k]["pixels"]
        assert found.shape == (4, 3, 3, 3)
        expected = np.stack([cover(np.array(crop), 3) for crop in whole[k]["pixels"]])
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(UserError, match="resized=0"):
        Crops(6, resized=0)
