import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from onenoise_jax.core.errors import UserError
from onenoise_jax.data.images import open_images
from onenoise_jax.data.source import open_source
from tests.data.examples import ATTRIBUTES, LABELS, SHAPE, assert_same, image


def prepare(folder, features, examples):
    """Prepares a dataset of `examples` in `folder`; returns where it stands."""

    with tfds.core.registered.skip_registration():

        class Trees(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("1.0.0")
            code_path = None  # there are no download checksums beside this file

            def _info(self):
                return tfds.core.DatasetInfo(
                    builder=self, features=tfds.features.FeaturesDict(features)
                )

            def _split_generators(self, dl_manager):
                return {"train": self._generate_examples()}

            def _generate_examples(self):
                yield from enumerate(examples)

    builder = Trees(data_dir=folder, file_format="array_record")
    builder.download_and_prepare()
    return builder.data_dir


def png(pixels):
    encoded = io.BytesIO()
    Image.fromarray(pixels[..., 0]).save(encoded, format="PNG")
    return encoded.getvalue()


IMAGE = tfds.features.Image(shape=SHAPE, encoding_format="png")
LABEL = tfds.features.ClassLabel(names=LABELS)
VECTOR = tfds.features.Tensor(shape=(len(ATTRIBUTES),), dtype=np.float32)


def example(index, names=("image", "label", "attributes")):
    made = image(index)
    values = {
        "image": io.BytesIO(png(made.pixels)),
        "label": made.label,
        "attributes": made.attributes,
    }
    return {name: values[name] for name in names}


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    features = {"image": IMAGE, "label": LABEL, "attributes": VECTOR}
    return prepare(tmp_path_factory.mktemp("tfds"), features, [example(i) for i in range(10)])


def test_a_prepared_dataset_gives_its_images_and_vocabulary(trees):
    source = open_source(f"tfds:{trees}")
    assert len(source) == 10
    assert source.labels == LABELS
    assert source.attributes == ("attribute 0", "attribute 1", "attribute 2")
    assert source.image_shape == SHAPE
    assert source.label_counts == (3, 3, 2, 2)
    # Datasets are shuffled when they are prepared.
    expected = {image(i).pixels.tobytes(): image(i) for i in range(10)}
    for index in range(10):
        assert_same(source[index], expected.pop(source[index].pixels.tobytes()))
    assert len(open_source(f"tfds:{trees}", limit=4)) == 4
    with pytest.raises(IndexError):
        source[10]


def test_attributes_get_the_names_that_the_reader_knows(trees):
    names = ("age", "height", "girth")
    assert open_source(f"tfds:{trees}", attribute_names=names).attributes == names
    too_few = open_source(f"tfds:{trees}", attribute_names=names[:2])
    assert too_few.attributes == ("attribute 0", "attribute 1", "attribute 2")


def test_attributes_are_optional(tmp_path):
    names = ("image", "label")
    where = prepare(
        tmp_path, {"image": IMAGE, "label": LABEL}, [example(i, names) for i in range(3)]
    )
    source = open_source(f"tfds:{where}")
    assert source.attributes == ()
    assert source[0].attributes.shape == (0,)


def test_tensorflow_is_not_loaded(trees):
    program = (
        "import sys\n"
        "from onenoise_jax.data.source import open_source\n"
        "assert 'tensorflow_datasets' not in sys.modules\n"
        f"open_source({f'tfds:{trees}'!r})[0]\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


@pytest.mark.parametrize(
    ("features", "names", "message"),
    [
        ({"label": LABEL}, ("label",), "features are label; expected `image`"),
        ({"image": IMAGE}, ("image",), "features are image; expected `image`"),
        (
            {"image": tfds.features.Image(encoding_format="png"), "label": LABEL},
            ("image", "label"),
            "one fixed",
        ),
        (
            {
                "image": IMAGE,
                "label": LABEL,
                "attributes": tfds.features.Tensor(shape=(None,), dtype=np.float32),
            },
            ("image", "label", "attributes"),
            "vector of fixed length",
        ),
    ],
)
def test_datasets_of_other_features_are_refused(tmp_path, features, names, message):
    where = prepare(tmp_path, features, [example(0, names)])
    with pytest.raises(UserError, match=message):
        open_source(f"tfds:{where}")


@pytest.mark.parametrize(
    "name",
    ["", "no_dataset_of_this_name", "no name", "mnist/no_config", "mnist:9.9.9", "/no/such/folder"],
)
def test_names_of_no_dataset_are_refused(name):
    with pytest.raises(UserError, match=f"tfds:{name}: neither the folder"):
        open_source(f"tfds:{name}")


def test_a_folder_that_holds_no_dataset_is_refused(tmp_path):
    with pytest.raises(UserError, match=f"tfds:{tmp_path}: neither the folder"):
        open_source(f"tfds:{tmp_path}")


def test_a_dataset_that_was_never_prepared_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(UserError, match="tfds:mnist: no split 'train' is prepared"):
        open_source("tfds:mnist")


def test_a_damaged_record_is_named(tmp_path):
    names = ("image", "label")
    where = prepare(tmp_path, {"image": IMAGE, "label": LABEL}, [example(0, names)])
    (shard,) = Path(where).glob("*.array_record*")
    content = bytearray(shard.read_bytes())
    middle = content.index(b"IDAT")
    content[middle : middle + 4] = b"junk"
    shard.write_bytes(content)
    with pytest.raises(UserError, match=r"tfds:.* record 0 is damaged"):
        open_source(f"tfds:{where}")[0]


def test_images_of_any_size_need_no_label(tmp_path):
    shapes = [(4, 9, 1), (16, 5, 1)]
    examples = [
        {"image": io.BytesIO(png(image(i, shape).pixels)), "age": 7}
        for i, shape in enumerate(shapes)
    ]
    features = {"image": tfds.features.Image(shape=(None, None, 1)), "age": np.int32}
    where = prepare(tmp_path, features, examples)
    source = open_images(f"tfds:{where}", channels=3)
    found = {source[i].pixels.shape: source[i].pixels for i in range(len(source))}
    assert sorted(found) == [(4, 9, 3), (16, 5, 3)]
    for i, shape in enumerate(shapes):
        assert (found[(*shape[:2], 3)] == image(i, shape).pixels).all()
    with pytest.raises(IndexError):
        source[2]
    with pytest.raises(UserError, match="features are age; expected `image`"):
        open_images(f"tfds:{prepare(tmp_path / 'b', {'age': np.int32}, [{'age': 7}])}")
