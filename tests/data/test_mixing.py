import itertools
import math

import numpy as np
import pytest

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.mixing import Mixing, random_boxes, write_flipped
from onenoise_jax.data.pipeline import Batches, Slots
from onenoise_jax.data.source import open_source
from tests.data.examples import LABELS, SHAPE, image, write

COUNTS = (10, 10, 10, 10)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write(folder)
    return open_source(folder)


def samples(source, count=200, **options):
    """The first `count` samples of a run in which every sample is mixed, one by one: their layers.

    `pixels`, `labels` and `attributes` are those of the record, then of its partners.
    """
    options = {"probability": 1.0, **options}
    mixing = Mixing(8, source.label_counts, **options)
    batches = Batches(source, 8, 0, mixing, threads=0)
    for batch in itertools.islice(batches.iterator(), count // 8):
        for row in range(8):
            first = row - row % mixing.group
            layers = [row, *(first + batch["partners"][row])]
            named = {name: batch[name][layers] for name in ("pixels", "labels", "attributes")}
            yield named | {"boxes": batch["boxes"][row], "layers": layers}


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


def test_unused_layers_cover_nothing_and_are_the_own_record(source):
    seen = 0
    for sample in samples(source, 80, patches=3):
        for layer in range(used_layers(sample), 4):
            seen += 1
            assert sample["layers"][layer] == sample["layers"][0]
            np.testing.assert_array_equal(sample["boxes"][layer - 1], [0, 0, -1, -1, 0])
            assert not inside(sample["boxes"][layer - 1], 16, 24).any()
    assert seen > 20


def test_the_number_of_patches_is_uniform_from_one(source):
    counts = np.bincount([used_layers(s) - 1 for s in samples(source, 600, patches=2)])
    # All eight of a group have one or two labels less often than once in 200 times.
    assert counts[0] <= 2
    np.testing.assert_allclose(counts[1:] / 600, 1 / 2, atol=0.07)


def test_a_group_of_one_label_is_not_mixed(source):
    mixing = Mixing(4, source.label_counts, probability=1.0, patches=2)
    of_one = [index for index in range(40) if image(index).label == 2][:4]
    records = [*of_one, 0, *of_one[:3]]
    batch = mixing(Slots(0, range(8)), records, source)
    positions = np.arange(4)[:, None]
    np.testing.assert_array_equal(batch["partners"][:4], np.repeat(positions, 2, 1))
    assert (batch["boxes"][:4, :, 2] == -1).all()
    # With two labels in a group, there is one patch, though two may have been wanted.
    assert (batch["boxes"][4:, 0, 2] > 0).all() and (batch["boxes"][4:, 1, 2] == -1).all()
    assert (batch["partners"][5:, 0] == 0).all() and batch["partners"][4, 0] > 0


def test_every_mirroring_is_equally_frequent(source):
    counts = dict.fromkeys(mirrorings(np.eye(2)), 0)
    for sample in samples(source, 800, patches=0):
        counts[origin(sample["pixels"][0], sample["attributes"][0])[1]] += 1
    # 4 cells of 200 expected; 16.3 is the 0.999 quantile of chi squared with 3 degrees of freedom.
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 16.3


def test_without_flips_pixels_are_the_records(source):
    for sample in samples(source, 40, patches=1, flip=False):
        for layer in (0, 1):
            assert origin(sample["pixels"][layer], sample["attributes"][layer])[1] == (0, 0)


def test_without_mixing_there_is_one_layer(source):
    sample = next(samples(source, 8, patches=0))
    assert sample["pixels"].shape == (1, 16, 24) and sample["boxes"].shape == (0, 5)
    origin(sample["pixels"][0], sample["attributes"][0])


def test_each_record_is_read_once(source):
    read = []

    class Counted:
        image_shape, attributes = source.image_shape, source.attributes

        def __getitem__(self, index):
            read.append(index)
            return source[index]

    mixing = Mixing(8, source.label_counts, probability=1.0, patches=3)
    mixing(Slots(0, range(8)), range(10, 18), Counted())
    assert read == list(range(10, 18))


@pytest.mark.parametrize("patches", [1, 2])
def test_any_other_of_a_group_is_as_likely_a_partner(source, patches):
    mixing = Mixing(8, source.label_counts, probability=1.0, patches=patches)
    assert mixing.group == 4 * patches
    counts = np.zeros((mixing.group, mixing.group))
    batches = Batches(source, 8, 0, mixing)
    for index in range(150):
        batch = batches[index]
        own = np.arange(8) % mixing.group
        for patch in range(patches):
            used = batch["boxes"][:, patch, 2] > 0
            np.add.at(counts, (own[used], batch["partners"][used, patch]), 1)
    assert not counts.diagonal().any()
    others = counts[~np.eye(mixing.group, dtype=bool)]
    np.testing.assert_allclose(others, others.mean(), atol=4.5 * others.mean() ** 0.5)


def test_shapes_types_and_size(tmp_path):
    for shape, expected in (((256, 256, 1), (8, 256, 256)), ((16, 24, 3), (8, 16, 24, 3))):
        folder = tmp_path / str(shape[2])
        write(folder, 8, 1, shape)
        source = open_source(folder)
        batch = Batches(source, 8, 0, Mixing(8, source.label_counts, patches=2))[0]
        described = {name: (array.shape, array.dtype.name) for name, array in batch.items()}
        assert described == {
            "pixels": (expected, "uint8"),
            "labels": ((8,), "int32"),
            "attributes": ((8, 3), "float32"),
            "partners": ((8, 2), "int32"),
            "boxes": ((8, 2, 5), "float32"),
        }


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


@pytest.mark.parametrize(
    ("batch_size", "probability", "patches", "group"),
    [
        (64, 0.5, 1, 4),
        (64, 0.5, 3, 16),
        (64, 1.0, 1, 4),
        (12, 0.25, 1, 4),
        (12, 0.25, 2, 12),
        (10, 0.5, 1, 10),
        (4, 0.5, 3, 4),
        (2, 0.5, 1, 2),
        (64, 0.3, 1, 64),
        (8, 0.5, 0, 1),
    ],
)
def test_a_group_has_four_samples_a_patch_if_the_batch_allows(
    batch_size, probability, patches, group
):
    mixing = Mixing(batch_size, COUNTS, probability, patches)
    assert mixing.group == group
    assert batch_size % group == 0 and group % mixing.mixed_block[1] == 0


def test_the_first_samples_of_each_block_are_mixed(source):
    mixing = Mixing(12, source.label_counts, probability=0.25, patches=2)
    batches = Batches(source, 12, 7, mixing)
    for index in range(6):
        covered = (batches[index]["boxes"][..., 2] >= 0).any(axis=1)
        np.testing.assert_array_equal(covered, np.arange(12) % 4 < 1)


def test_any_number_of_processes_mixes_the_same(source):
    mixing = Mixing(32, source.label_counts, probability=0.25, patches=2)
    whole = Batches(source, 32, 7, mixing)[5]
    shares = [Batches(source, 32, 7, mixing, process_index=p, process_count=4)[5] for p in range(4)]
    for name in whole:
        together = np.concatenate([share[name] for share in shares])
        np.testing.assert_array_equal(together, whole[name])


def test_shares_that_cut_a_group_are_refused(source):
    mixing = Mixing(8, source.label_counts)
    with pytest.raises(UserError, match=r"share of 2 samples.*group of 4.*multiple of 4"):
        Batches(source, 8, 7, mixing, process_count=4)[0]
    with pytest.raises(UserError, match="share of 6 samples"):
        Batches(source, 24, 7, mixing, process_index=1, process_count=4)[0]


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
    for box in random_boxes(np.random.default_rng(0).random((20, 7)), 20, 28):
        np.testing.assert_array_equal(inside(box, 20, 28), rasterised(box, 20, 28))


def reference_interval(generator, count):
    """Sizes and centres on an axis of 256 pixels as the reference implementation draws them."""
    start = generator.integers(0, 64, count)
    end = generator.integers(start + 64, 257)
    half = (end - start) // 2
    return half, generator.integers(half, 257 - half)


def test_boxes_are_distributed_as_in_the_reference_at_256_pixels():
    boxes = random_boxes(np.random.default_rng(0).random((4000, 7)), 256, 256)
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
    boxes = random_boxes(np.random.default_rng(0).random((300, 7)), height, width)
    for centre_x, centre_y, half_width, half_height, _ in boxes:
        for centre, half, length in (
            (centre_x, half_width, width),
            (centre_y, half_height, height),
        ):
            assert length // 4 // 2 <= half - 0.5 <= length // 2
            assert half - 0.5 <= centre <= length - (half - 0.5)


def test_the_axes_of_a_box_are_those_of_the_image(source):
    boxes = random_boxes(np.random.default_rng(0).random((300, 7)), 16, 64)
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
        ({"batch_size": 1}, "patches=1 needs batches of at least 2 samples.*has 1"),
        ({"batch_size": 3, "patches": 3}, "patches=3 needs batches of at least 4 samples.*has 3"),
    ],
)
def test_requests_that_cannot_be_met_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        Mixing(**{"batch_size": 8, "label_counts": COUNTS, **options})


def test_as_many_patches_as_there_are_other_labels_can_be_drawn(source):
    assert max(used_layers(s) for s in samples(source, 40, patches=3)) == len(LABELS)
    assert SHAPE == (16, 24, 1)
