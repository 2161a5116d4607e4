import itertools

import numpy as np
import pytest

from onenoise_jax.images.grid import labelled_grid


def images(count, *shape):
    return np.random.default_rng(0).integers(0, 200, (count, *shape), np.uint8)


def found_at(page, image):
    """Where `image` (height, width, 3) stands in `page`: its rows and columns."""
    height, width = image.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(page, image.shape).reshape(
        page.shape[0] - height + 1, page.shape[1] - width + 1, -1
    )
    return [tuple(at) for at in np.argwhere((windows == image.reshape(-1)).all(-1)).tolist()]


def enlarged(image, factor):
    return np.kron(image, np.ones((factor, factor, 1), np.uint8))


LABELLED = {
    "row_labels": ("first", "second"),
    "column_labels": ("a", "b", "c"),
    "captions": ("one", "two\nlines", "", "four", "five"),
    "title": "a title",
}


@pytest.mark.parametrize("labels", [{}, LABELLED, *({k: v} for k, v in LABELLED.items())])
def test_every_image_stands_whole_and_once_in_its_row_and_column(labels):
    given = images(5, 6, 8, 3)
    page = labelled_grid(given, columns=3, cell=16, font_size=8, **labels)
    places = [found_at(page, enlarged(image, 2)) for image in given]
    assert [len(place) for place in places] == [1] * 5
    rows, columns = zip(*(place[0] for place in places), strict=True)
    assert rows[0] == rows[1] == rows[2] < rows[3] == rows[4]
    assert columns[0] == columns[3] < columns[1] == columns[4] < columns[2]
    assert columns[1] - columns[0] >= 16 + 4 and rows[3] - rows[0] >= 12 + 4


@pytest.mark.parametrize(
    ("longer", "cell", "factor"), [(8, 16, 2), (8, 23, 2), (8, 7, 1), (8, 64, 8)]
)
def test_small_images_are_enlarged_by_a_whole_factor_and_large_ones_kept(longer, cell, factor):
    given = images(1, 5, longer, 3)
    page = labelled_grid(given, columns=1, cell=cell)
    assert len(found_at(page, enlarged(given[0], factor))) == 1


@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 1)])
def test_grey_images_become_rgb(shape):
    given = images(2, *shape)
    page = labelled_grid(given, columns=2, cell=8)
    for image in given.reshape(2, 6, 8, 1):
        assert len(found_at(page, image.repeat(3, axis=-1))) == 1


@pytest.mark.parametrize("name", LABELLED)
def test_each_label_is_drawn_beside_the_images_and_not_over_them(name):
    colour = np.array([200, 20, 90], np.uint8)
    given = np.broadcast_to(colour, (5, 6, 8, 3))
    plain = labelled_grid(given, columns=3, cell=32)
    page = labelled_grid(given, columns=3, cell=32, **{name: LABELLED[name]})
    assert page.size > plain.size
    assert (page == 0).all(-1).any() and not (plain == 0).all(-1).any()
    assert (page == colour).all(-1).sum() == (plain == colour).all(-1).sum() == 5 * 24 * 32


def test_labels_say_what_was_asked():
    given = images(3, 8, 8)
    pages = [
        labelled_grid(given, columns=3, cell=64, column_labels=labels).tobytes()
        for labels in itertools.permutations(("ash", "birch", "cedar"))
    ]
    assert len(set(pages)) == 6


def test_text_wider_than_its_cell_does_not_reach_the_next():
    given = images(2, 8, 8)
    long, short = ("long " * 20, "b"), ("", "b")
    pages = [labelled_grid(given, columns=2, cell=64, captions=c) for c in (long, short)]
    assert pages[0].shape == pages[1].shape
    right = pages[0].shape[1] // 2
    np.testing.assert_array_equal(pages[0][:, right + 2 :], pages[1][:, right + 2 :])


def test_the_page_is_wide_enough_for_its_title():
    short, long = (
        labelled_grid(images(1, 8, 8), columns=1, cell=8, title=title) for title in ("a", "a" * 40)
    )
    assert long.shape[1] > 4 * short.shape[1]


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (images(4, 6, 8), {"columns": 0}, "columns"),
        (images(4, 6, 8), {"columns": 2, "row_labels": ("a",)}, "row_labels: 1 given, expected 2"),
        (images(4, 6, 8), {"columns": 2, "column_labels": ("a",) * 3}, "column_labels: 3 given"),
        (images(4, 6, 8), {"columns": 2, "captions": ("a",)}, "captions: 1 given, expected 4"),
        (images(4, 6, 8).astype(float), {"columns": 2}, "float64"),
        (images(4, 6, 8, 2), {"columns": 2}, "expected uint8"),
        (images(4, 6), {"columns": 2}, "expected uint8"),
        (images(0, 6, 8), {"columns": 2}, "empty"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(given, options, message):
    with pytest.raises(ValueError, match=message):
        labelled_grid(given, **options)
