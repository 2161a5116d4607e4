"""Datasets prepared by TensorFlow Datasets, read by random access without TensorFlow."""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.records import LabelledImage

SPLIT = "train"


class TfdsSource:
    """The `train` split of a dataset with the features `image`, `label` and, if it has it,
    `attributes` (a vector of floats); see `source.Source`.

    The attributes of such a dataset have no names of their own: they get the names that
    `open` is given if those are as many, else `attribute 0`, `attribute 1`, ... Counting its
    labels reads the dataset once.
    """

    def __init__(
        self,
        where: str,
        examples: Sequence[dict[str, Any]],
        labels: tuple[str, ...],
        attributes: tuple[str, ...],
        image_shape: tuple[int, int, int],
        fingerprint: str,
    ):
        self.where = where
        self.fingerprint = fingerprint
        self.labels = labels
        self.attributes = attributes
        self.image_shape = image_shape
        self._examples = examples

    @classmethod
    def open(cls, where: str, attribute_names: Sequence[str] = ()) -> "TfdsSource":
        """Opens the prepared dataset in the folder `where`, or of the name `where`.

        Raises UserError if it is not prepared, not stored for random access, or its
        features are not those of labelled images of one size.
        """
        import tensorflow_datasets as tfds  # slow to import, and few runs need it

        builder = prepared(where)
        labels, attributes, image_shape = _vocabulary(where, builder.info.features, tfds.features)
        if len(attributes) == len(attribute_names):
            attributes = tuple(attribute_names)
        examples = random_access(where, builder)
        return cls(where, examples, labels, attributes, image_shape, fingerprint(builder, labels))

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> LabelledImage:
        if not 0 <= index < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        try:
            example = self._examples[index]
        except RuntimeError as error:
            raise UserError(
                f"tfds:{self.where}: record {index} is damaged: {error}. Prepare the dataset again."
            ) from error
        attributes = np.asarray(example.get("attributes", ()), np.float32)
        return LabelledImage(np.asarray(example["image"]), int(example["label"]), attributes)

    @functools.cached_property
    def label_counts(self) -> tuple[int, ...]:
        found = [self[i].label for i in range(len(self))]
        return tuple(np.bincount(found, minlength=len(self.labels)).tolist())


def prepared(where: str) -> Any:
    """The builder of the prepared dataset in the folder `where`, or of the name `where`.

    Raises UserError if there is none, or its split `train` is not prepared.
    """
    import tensorflow_datasets as tfds  # slow to import, and few runs need it

    # A name that is unknown, malformed, or of an unknown config or version: one kind each.
    refusals = (
        tfds.core.registered.DatasetNotFoundError,
        OSError,
        ValueError,
        AssertionError,
    )
    try:
        is_folder = Path(where).is_dir()
        builder = tfds.builder_from_directory(where) if is_folder else tfds.builder(where)
    except refusals as error:
        raise UserError(
            f"tfds:{where}: neither the folder of a prepared dataset nor a known name "
            f"({str(error).strip().splitlines()[0]})."
        ) from error
    if SPLIT not in builder.info.splits:
        raise UserError(
            f"tfds:{where}: no split {SPLIT!r} is prepared "
            f"(found: {', '.join(builder.info.splits) or 'none'}). Prepare it with "
            "download_and_prepare(file_format='array_record')."
        )
    return builder


def random_access(where: str, builder: Any, **options: Any) -> Sequence[dict[str, Any]]:
    """The examples of the split `train` by index; UserError if they are stored otherwise."""
    try:
        return builder.as_data_source(split=SPLIT, **options)
    except NotImplementedError as error:
        raise UserError(
            f"tfds:{where}: not stored for random access. Prepare it with "
            "download_and_prepare(file_format='array_record')."
        ) from error


def fingerprint(builder: Any, *content: Any) -> str:
    """SHA-256 (hex) over the name, version and shards of the split `train`, and `content`."""
    split = builder.info.splits[SPLIT]
    identity = (builder.info.full_name, split.shard_lengths, split.num_bytes, *content)
    return hashlib.sha256(repr(identity).encode()).hexdigest()


def _vocabulary(
    where: str, features: Any, kinds: Any
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[int, int, int]]:
    """Labels, attributes and image shape that `features` declare."""
    declared = dict(features.items()) if isinstance(features, kinds.FeaturesDict) else {}
    image, label = declared.get("image"), declared.get("label")
    if not isinstance(image, kinds.Image) or not isinstance(label, kinds.ClassLabel):
        raise UserError(
            f"tfds:{where}: its features are {', '.join(declared) or features}; "
            "expected `image` (an Image) and `label` (a ClassLabel)."
        )
    if None in image.shape or image.np_dtype != np.uint8:
        raise UserError(
            f"tfds:{where}: images are {image.np_dtype} of shape {image.shape}; expected uint8 "
            "of one fixed (height, width, channels)."
        )
    vector = declared.get("attributes")
    if vector is None:
        return tuple(label.names), (), tuple(image.shape)
    if len(vector.shape) != 1 or vector.shape[0] is None:
        raise UserError(
            f"tfds:{where}: `attributes` has the shape {vector.shape}; expected a vector of "
            "fixed length."
        )
    names = tuple(f"attribute {i}" for i in range(vector.shape[0]))
    return tuple(label.names), names, tuple(image.shape)
