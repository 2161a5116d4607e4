import itertools
import math

import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.mixing import Mixing, random_box, write_flipped
from onenoise_jax.data.pipeline import Batches
from onenoise_jax.data.source import open_source
from tests.data.examples import LABELS, SHAPE, image, write

COUNTS = (10, 10, 10, 10)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write(folder)
    return open_source(folder)


def samples(source, count=200, **options):
    """The first `count` samples of a run in which every sample is mixed, one by one."""
    options = {"probability": 1.0, **options}
    mixing = Mixing(8, source.label_counts, **options)
    batches = Batches(source, 8, 0, mixing, threads=0)
    for batch in itertools.islice(batches.iterator(), count // 8):
        for row in range(8):
            yield {name: array[row] for name, array in batch.items()}


def used_layers(sample):
    return 1 + int((sample["boxes"][:, 2] >= 0).sum())


def mirrorings(pixels):
    """The four mirror images of `pixels`, by (horizontally, vertically)."""
    return {(x, y): pixels[:: -1 if y else 1, :: -1 if x else 1] for x in (0, 1) for y in (0, 1)}


def origin(pixels, attributes):
    """The image that a layer shows, and how it is mirrored."""
    for index in range(40):
        if np.array_equal(image(index).attributes, attributes):
            for how, mirrored in mirrorings(image(index).pixels[..., 0]).items():
                if np.array_equal(pixels, mirrored):
                    return index, how
    raise AssertionError("the layer shows no image of the dataset")


def test_used_layers_show_records_of_distinct_labels_with_their_attributes(source):
    for sample in samples(source, 80, patches=3):
        used = used_layers(sample)
        assert len(set(sample["labels"][:used].tolist())) == used
        for layer in range(used):
            index, _ = origin(sample["pixels"][layer], sample["attributes"][layer])
            assert sample["labels"][layer] == image(index).label


def test_unused_layers_cover_nothing_and_repeat_the_own_record(source):
    seen = 0
    for sample in samples(source, 80, patches=3):
        for layer in range(used_layers(sample), 4):
            seen += 1
            assert not sample["pixels"][layer].any()
            assert sample["labels"][layer] == sample["labels"][0]
            np.testing.assert_array_equal(sample["attributes"][layer], sample["attributes"][0])
            np.testing.assert_array_equal(sample["boxes"][layer - 1], [0, 0, -1, -1, 0])
            assert not inside(sample["boxes"][layer - 1], 16, 24).any()
    assert seen > 20


def test_the_number_of_patches_is_uniform_from_one(source):
    counts = np.bincount([used_layers(s) - 1 for s in samples(source, 600, patches=3)])
    assert counts[0] == 0
    np.testing.assert_allclose(counts[1:] / 600, 1 / 3, atol=0.08)


def test_every_mirroring_is_equally_frequent_for_own_and_partner_independently(source):
    pairs = []
    for sample in samples(source, 800, patches=1):
        pairs.append(tuple(origin(sample["pixels"][i], sample["attributes"][i])[1] for i in (0, 1)))
    counts = [pairs.count(pair) for pair in itertools.product(mirrorings(np.eye(2)), repeat=2)]
    assert sum(counts) == 800
    # 16 cells of 50 expected; 37.7 is the 0.999 quantile of chi squared with 15 degrees of freedom.
    assert sum((count - 50) ** 2 / 50 for count in counts) < 37.7


def test_without_flips_pixels_are_the_records(source):
    for sample in samples(source, 40, patches=1, flip=False):
        for layer in (0, 1):
            assert origin(sample["pixels"][layer], sample["attributes"][layer])[1] == (0, 0)


def test_without_mixing_there_is_one_layer(source):
    sample = next(samples(source, 8, patches=0))
    assert sample["pixels"].shape == (1, 16, 24) and sample["boxes"].shape == (0, 5)
    origin(sample["pixels"][0], sample["attributes"][0])


@pytest.mark.parametrize("patches", [1, 2])
def test_partners_are_drawn_from_the_whole_dataset(source, patches):
    found = set()
    for sample in samples(source, 800, patches=patches):
        for layer in range(1, used_layers(sample)):
            found.add(origin(sample["pixels"][layer], sample["attributes"][layer])[0])
    assert found == set(range(40))


def test_shapes_types_and_size(tmp_path):
    for shape, expected in (((256, 256, 1), (2, 256, 256)), ((16, 24, 3), (2, 16, 24, 3))):
        folder = tmp_path / str(shape[2])
        write(folder, 8, 1, shape)
        sample = next(samples(open_source(folder), 8, patches=1))
        described = {name: (array.shape, array.dtype.name) for name, array in sample.items()}
        assert described == {
            "pixels": (expected, "uint8"),
            "labels": ((2,), "int32"),
            "attributes": ((2, 3), "float32"),
            "boxes": ((1, 5), "float32"),
        }
        assert sum(array.nbytes for array in sample.values()) < 0.15e6 or shape[2] == 3


@pytest.mark.parametrize("shape", [(16, 24, 1), (5, 7, 1), (4, 12, 1), (4, 8, 3), (1, 8, 1)])
def test_flipping_mirrors(shape):
    pixels = image(0, shape).pixels
    for (horizontally, vertically), expected in mirrorings(pixels).items():
        found = np.empty(shape, np.uint8)
        write_flipped(pixels, found, horizontally, vertically)
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(pixels, image(0, shape).pixels)


# Which samples are mixed


@pytest.mark.parametrize(
    ("batch_size", "probability", "block"),
    [
        (64, 0.5, 2),
        (64, 0.25, 4),
        (12, 1 / 3, 3),
        (20, 0.3, 10),
        (64, 0.3, 64),
        (9, 0.5, 9),
        (64, 0.0, 1),
        (64, 1.0, 1),
        (64, 0.123, 64),
    ],
)
def test_each_block_has_its_fixed_share(batch_size, probability, block):
    mixing = Mixing(batch_size, COUNTS, probability)
    assert mixing.mixed_block == (round(probability * block), block)
    mixed, block = mixing.mixed_block
    assert mixed * batch_size // block == round(probability * batch_size)


def test_without_patches_nothing_is_mixed():
    assert Mixing(8, COUNTS, patches=0).mixed_block == (0, 1)


def test_the_first_samples_of_each_block_are_mixed(source):
    mixing = Mixing(12, source.label_counts, probability=0.25, patches=2)
    batches = Batches(source, 12, 7, mixing)
    for index in range(6):
        covered = (batches[index]["boxes"][..., 2] >= 0).any(axis=1)
        np.testing.assert_array_equal(covered, np.arange(12) % 4 < 1)


def test_any_number_of_processes_mixes_the_same(source):
    mixing = Mixing(12, source.label_counts, probability=0.3, patches=2)
    whole = Batches(source, 12, 7, mixing)[5]
    shares = [Batches(source, 12, 7, mixing, process_index=p, process_count=4)[5] for p in range(4)]
    for name in whole:
        together = np.concatenate([share[name] for share in shares])
        np.testing.assert_array_equal(together, whole[name])


# Boxes


def inside(box, height, width):
    """Which pixels belong to `box`, by the formula of the module."""
    centre_x, centre_y, half_width, half_height, angle = np.asarray(box, np.float64)
    dy, dx = np.mgrid[:height, :width] - np.array([centre_y, centre_x])[:, None, None]
    along = dx * math.cos(angle) + dy * math.sin(angle)
    across = -dx * math.sin(angle) + dy * math.cos(angle)
    return (abs(along) <= half_width) & (abs(across) <= half_height)


def rasterised(box, height, width):
    """The oracle: an upright mask of whole pixels, then rotated by nearest neighbour."""
    centre_x, centre_y, half_width, half_height, angle = (float(value) for value in box)
    upright = set()
    for y in range(-2 * height, 3 * height):
        for x in range(-2 * width, 3 * width):
            if abs(x - centre_x) <= int(half_width) and abs(y - centre_y) <= int(half_height):
                upright.add((y, x))
    mask = np.zeros((height, width), bool)
    turn = complex(math.cos(angle), -math.sin(angle))
    for y in range(height):
        for x in range(width):
            back = complex(x - centre_x, y - centre_y) * turn
            nearest = (math.floor(back.imag + 0.5), math.floor(back.real + 0.5))
            mask[y, x] = (nearest[0] + centre_y, nearest[1] + centre_x) in upright
    return mask


def test_boxes_cover_what_rotating_a_mask_of_whole_pixels_covers():
    generator = np.random.default_rng(0)
    for _ in range(20):
        box = np.asarray(random_box(generator, 20, 28), np.float32)
        np.testing.assert_array_equal(inside(box, 20, 28), rasterised(box, 20, 28))


def reference_interval(generator, count):
    """Sizes and centres on an axis of 256 pixels as the reference implementation draws them."""
    start = generator.integers(0, 64, count)
    end = generator.integers(start + 64, 257)
    half = (end - start) // 2
    return half, generator.integers(half, 257 - half)


def test_boxes_are_distributed_as_in_the_reference_at_256_pixels():
    generator = np.random.default_rng(0)
    boxes = np.array([random_box(generator, 256, 256) for _ in range(4000)])
    for centre, half in ((0, 2), (1, 3)):
        halves, centres = reference_interval(np.random.default_rng(1), 4000)
        quantiles = np.linspace(0, 1, 21)
        for found, expected in ((boxes[:, half] - 0.5, halves), (boxes[:, centre], centres)):
            np.testing.assert_allclose(
                np.quantile(found, quantiles), np.quantile(expected, quantiles), atol=6
            )
            assert (found == np.round(found)).all()
    np.testing.assert_allclose(
        np.quantile(boxes[:, 4], [0, 0.25, 0.5, 0.75, 1]), np.arange(5) * math.pi / 2, atol=0.15
    )


@pytest.mark.parametrize(("height", "width"), [(256, 256), (16, 24), (8, 40), (3, 2), (1, 1)])
def test_upright_boxes_stay_inside_and_are_a_quarter_wide(height, width):
    generator = np.random.default_rng(0)
    for _ in range(300):
        centre_x, centre_y, half_width, half_height, _ = random_box(generator, height, width)
        for centre, half, length in (
            (centre_x, half_width, width),
            (centre_y, half_height, height),
        ):
            assert length // 4 // 2 <= half - 0.5 <= length // 2
            assert half - 0.5 <= centre <= length - (half - 0.5)


def test_the_axes_of_a_box_are_those_of_the_image(source):
    generator = np.random.default_rng(0)
    boxes = np.array([random_box(generator, 16, 64) for _ in range(300)])
    assert boxes[:, 0].max() > 40 > 16 >= boxes[:, 1].max()
    assert boxes[:, 2].min() >= 8 and boxes[:, 3].max() <= 8.5
    centres = np.array([sample["boxes"][0, :2] for sample in samples(source, 200)])
    assert 16 < centres[:, 0].max() <= 24 - 3 and centres[:, 1].max() <= 16 - 2


# Refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probability": 1.5}, "probability=1.5"),
        ({"probability": -0.1}, "probability=-0.1"),
        ({"patches": -1}, "patches=-1"),
        ({"patches": 4}, "patches=4 needs records of 5 labels.*has 4"),
        ({"patches": 1, "label_counts": (10, 0, 0)}, "needs records of 2 labels.*has 1"),
    ],
)
def test_requests_that_cannot_be_met_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        Mixing(**{"batch_size": 8, "label_counts": COUNTS, **options})


def test_as_many_patches_as_there_are_other_labels_can_be_drawn(source):
    assert max(used_layers(s) for s in samples(source, 40, patches=3)) == len(LABELS)
    assert SHAPE == (16, 24, 1)
