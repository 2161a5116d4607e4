import functools
import itertools
import threading

import numpy as np
import pytest
from absl import flags

from onenoise_jax.core.errors import UserError
from onenoise_jax.core.random import stream_generator
from onenoise_jax.data.pipeline import Batches, each
from onenoise_jax.data.source import open_source
from tests.data.examples import image, write

RECORDS = 40


def drawn_one(slot, record, source, generator):
    """A sample that tells everything it was made from."""
    found = source[record]
    return {
        "pixels": found.pixels,
        "slot": np.int64(slot),
        "record": np.int64(record),
        "draws": generator.random(3),
    }


drawn = each(drawn_one)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write(folder, RECORDS)
    return open_source(folder)


def first(batches, count, first_batch=0):
    return list(itertools.islice(batches.iterator(first_batch), count))


def assert_equal(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def records(source, slots, **options):
    """The record at each of the first `slots` slots."""
    batches = Batches(source, 10, sample=drawn, **options)
    return np.concatenate([batch["record"] for batch in first(batches, slots // 10)])


def test_a_batch_consists_of_the_slots_of_its_index_in_order(source):
    for index, batch in enumerate(first(Batches(source, 12, 0, drawn), 5)):
        np.testing.assert_array_equal(batch["slot"], np.arange(12) + 12 * index)
        for row in range(12):
            expected = image(int(batch["record"][row])).pixels
            np.testing.assert_array_equal(batch["pixels"][row], expected)


def test_each_record_comes_once_per_epoch_and_each_epoch_has_its_own_order(source):
    epochs = records(source, 4 * RECORDS, seed=3).reshape(4, RECORDS)
    for epoch in epochs:
        assert sorted(epoch) == list(range(RECORDS))
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert tuple(range(RECORDS)) not in {tuple(epoch) for epoch in epochs}


def test_batches_go_on_over_the_end_of_an_epoch(source):
    batches = Batches(source, 12, 0, drawn)
    across = np.concatenate([batch["record"] for batch in first(batches, 10)])
    np.testing.assert_array_equal(across, records(source, 120, seed=0))


def test_the_seed_decides_the_order_and_the_draws(source):
    first_again, other = (first(Batches(source, 8, s, drawn), 3) for s in (0, 1))
    assert_equal(first(Batches(source, 8, 0, drawn), 3), first_again)
    assert (first_again[0]["record"] != other[0]["record"]).any()
    assert (first_again[0]["draws"] != other[0]["draws"]).all()


def test_any_whole_number_is_a_seed(source):
    assert sorted(records(source, RECORDS, seed=2**40 + 1)) == list(range(RECORDS))


def test_draws_differ_between_slots_and_between_epochs(source):
    draws = np.concatenate([b["draws"] for b in first(Batches(source, 10, 0, drawn), 8)])
    assert len(np.unique(draws)) == draws.size


@pytest.mark.parametrize("processes", [2, 4])
def test_any_number_of_processes_makes_the_same_batches(source, processes):
    whole = first(Batches(source, 12, 5, drawn), 5)
    shares = [
        first(Batches(source, 12, 5, drawn, process_index=p, process_count=processes), 5)
        for p in range(processes)
    ]
    together = [
        {name: np.concatenate([share[name] for share in step]) for name in step[0]}
        for step in zip(*shares, strict=True)
    ]
    assert_equal(together, whole)


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_any_number_of_threads_makes_the_same_batches(source, threads):
    expected = [Batches(source, 12, 5, drawn)[index] for index in range(8)]
    assert_equal(first(Batches(source, 12, 5, drawn, threads=threads), 8), expected)


def test_worker_processes_make_the_same_batches(source):
    flags.FLAGS.mark_as_parsed()  # as any program run through absl has done
    assert_equal(
        first(Batches(source, 12, 5, drawn, workers=2), 6, 3),
        first(Batches(source, 12, 5, drawn), 6, 3),
    )


@pytest.mark.parametrize("start", [1, 3, 4, 11])
def test_an_iterator_started_later_gives_what_an_undisturbed_one_gives(source, start):
    batches = Batches(source, 12, 5, drawn)
    assert_equal(first(batches, 4, start), first(batches, start + 4)[start:])


def test_the_batch_given_out_is_not_written_to_again(source):
    running = Batches(source, 12, 0, drawn).iterator()
    batch = next(running)
    kept = {name: array.copy() for name, array in batch.items()}
    for _ in range(20):
        next(running)
    assert_equal([batch], [kept])


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_compute_ahead_of_the_reader(source, threads):
    third = threading.Event()

    @each
    def watched(slot, record, source, generator):
        if slot == 24:
            third.set()
        return drawn_one(slot, record, source, generator)

    running = Batches(source, 12, 0, watched, threads=threads).iterator()
    next(running)
    assert third.wait(timeout=60)
    running.close()


def test_an_error_in_a_sample_reaches_the_reader(source):
    @each
    def failing(slot, record, source, generator):
        if slot == 30:
            raise UserError("slot 30 is damaged")
        return drawn_one(slot, record, source, generator)

    running = Batches(source, 12, 0, failing).iterator()
    assert_equal([next(running), next(running)], first(Batches(source, 12, 0, drawn), 2))
    with pytest.raises(UserError, match="slot 30 is damaged"):
        next(running)


def test_a_batch_that_does_not_divide_over_the_processes_is_refused(source):
    with pytest.raises(UserError, match=r"batch_size=10: .*multiple of the 4 processes"):
        Batches(source, 10, 0, drawn, process_count=4)


def test_a_dataset_smaller_than_a_batch_is_refused(source):
    with pytest.raises(UserError, match="batch_size=41, but the dataset has 40 records"):
        Batches(source, RECORDS + 1, 0, drawn)


@pytest.mark.parametrize("batch_size", [0, -4])
def test_an_empty_batch_is_refused(source, batch_size):
    with pytest.raises(UserError, match=f"batch_size={batch_size}"):
        Batches(source, batch_size, 0, drawn)


def test_a_sample_function_may_have_bound_arguments(source):
    def scaled(scale, slot, record, source, generator):
        return {"value": np.float32(scale * slot)}

    (batch,) = first(Batches(source, 4, 0, each(functools.partial(scaled, 2))), 1)
    np.testing.assert_array_equal(batch["value"], [0, 2, 4, 6])


def test_the_order_of_an_epoch_is_drawn_from_its_stream(source):
    found = records(source, 5 * RECORDS, seed=9)
    epochs = [stream_generator(9, "shuffle", k).permutation(RECORDS) for k in range(5)]
    np.testing.assert_array_equal(found, np.concatenate(epochs))


def test_a_sample_draws_from_the_stream_of_its_slot(source):
    batch = Batches(source, 12, 5, drawn)[3]
    expected = [stream_generator(5, "sample", slot).random(3) for slot in range(36, 48)]
    np.testing.assert_array_equal(batch["draws"], expected)
