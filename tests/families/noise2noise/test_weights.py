"""Published weights in and out, bit by bit, and what is refused."""

import dataclasses

import jax
import numpy as np
import pytest

from onenoise_jax.__main__ import main
from onenoise_jax.convert.files import read_weights, write_weights
from onenoise_jax.convert.weights import export
from onenoise_jax.core.errors import UserError
from onenoise_jax.core.trees import named_leaves
from onenoise_jax.families.noise2noise.commands import convert
from onenoise_jax.families.noise2noise.corruptions import CorruptionConfig
from onenoise_jax.families.noise2noise.weights import layout_of, network_of, weight_map
from onenoise_jax.families.noise2noise.weights_folder import load_weights
from onenoise_jax.models.restoration_unet import PAPER, SHARED, RestorationUNetConfig
from tests.families.noise2noise.small_weights import NARROW, small_weights

PORT = dataclasses.replace(SHARED, width=3, channels=9)


@pytest.mark.parametrize(("model", "name"), [(NARROW, "a.npz"), (PORT, "a.pt")])
def test_weights_go_out_and_come_back_bit_by_bit(model: RestorationUNetConfig, name, tmp_path):
    weights = small_weights(model)
    count = export(weights, weight_map, tmp_path / name)
    assert count == len(jax.tree.leaves(weights.params))
    back = convert(tmp_path / name)
    assert back.config.model == model
    for path, leaf in named_leaves(back.params).items():
        assert leaf.tobytes() == named_leaves(weights.params)[path].tobytes(), path


def test_the_commands_do_the_same(tmp_path, capsys):
    export(small_weights(), weight_map, tmp_path / "a.npz")
    folder, out = tmp_path / "w", tmp_path / "b.npz"
    noise = ("--noise", "gaussian", "0", "50")
    main(
        ["convert", "noise2noise", "--input", f"{tmp_path / 'a.npz'}", "--out", f"{folder}", *noise]
    )
    assert "3 channels to 3, no shared blocks" in capsys.readouterr().out
    assert load_weights(folder).config.corruption == CorruptionConfig("gaussian", 0.0, 50.0)
    main(["export", "noise2noise", "--weights", f"{folder}", "--out", f"{out}"])
    main(["export", "noise2noise", "--weights", f"{folder}", "--out", f"{tmp_path / 'again'}"])
    assert load_weights(tmp_path / "again").config == load_weights(folder).config
    first, second = read_weights(tmp_path / "a.npz"), read_weights(out)
    assert {k: v.tobytes() for k, v in first.items()} == {k: v.tobytes() for k, v in second.items()}


def test_a_network_is_known_by_its_names_and_shapes():
    shapes = {"enc_conv0/weight": (3, 3, 9, 48), "dec_conv1/bias": (3,)}
    state = {key: np.zeros(shape, np.float32) for key, shape in shapes.items()}
    assert network_of(state) == dataclasses.replace(PAPER, channels=9)
    assert (layout_of(PAPER), layout_of(SHARED)) == ("tf", "torch")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("dec_conv4b/bias"), r"missing: dec_conv4b/bias \(6,\)"),
        (lambda state: state.update(more=np.zeros(2)), "unexpected: more"),
        (
            lambda state: state.update({"dec_conv1a/bias": np.zeros(5, np.float32)}),
            "misshapen: dec_conv1a/bias",
        ),
        (lambda state: state.pop("enc_conv0/weight"), "no published Noise2Noise network"),
    ],
)
def test_keys_that_do_not_fit_are_named(change, message, tmp_path):
    export(small_weights(), weight_map, tmp_path / "a.npz")
    state = read_weights(tmp_path / "a.npz")
    change(state)
    write_weights(tmp_path / "b.npz", state)
    with pytest.raises(UserError, match=message):
        convert(tmp_path / "b.npz")


def test_a_mixture_of_both_networks_has_no_published_names(tmp_path):
    mixed = dataclasses.replace(NARROW, upsampling="transposed")
    with pytest.raises(UserError, match="never published"):
        export(small_weights(mixed), weight_map, tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convert", "--input", "no.npz", "--out", "w"], "no such file"),
        (
            ["convert", "--input", "no.npz", "--out", "w", "--noise", "fog", "0", "1"],
            "expected one",
        ),
        (["export", "--weights", "nowhere", "--out", "a.npz"], "no such folder"),
        (["export", "--weights", ".", "--out", "a.txt"], "expected a name ending in"),
        (["export", "--weights", ".", "--out", "a.npz"], "neither a folder of weights"),
    ],
)
def test_commands_that_cannot_be_done_end_with_status_2(
    arguments, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main([arguments[0], "noise2noise", *arguments[1:]])
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
