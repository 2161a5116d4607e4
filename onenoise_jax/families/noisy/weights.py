"""Names of the published PyTorch networks' weights, and where each is in ours.

Their networks (github.com/jags111/noisy) are nested sequences: a parameter is named by its places
in them, `main.4.mods.3.mods.0...`, where the layers of a level are counted one by one, those
without parameters, too, and `mods` leads into what has a residual connection.
"""

from onenoise_jax.convert.mapping import CONV, TRANSPOSED_CONV, VECTOR, Rule
from onenoise_jax.models.pixel_unet import DESIGNS, Layer, PixelUNetConfig, layers

Rules = dict[str, Rule]


def weight_map(config: PixelUNetConfig) -> Rules:
    """One rule for each leaf of `PixelUNet(config)`'s variables (`params/...`)."""
    rules = _pair("stem", "main.0.0", CONV) | _level(config, 0, "main")
    return {f"params/{name}": rule for name, rule in rules.items()}


def _level(config: PixelUNetConfig, level: int, theirs: str) -> Rules:
    """The rules of one level and of all below it."""
    rules: Rules = {}
    for place, layer in enumerate(layers(config, level)):
        prefix = f"{theirs}.{place}"
        if layer.kind == "level":
            rules |= _level(config, level + 1, f"{prefix}.mods")
        elif layer.kind == "block":
            rules |= _block(layer, prefix)
        elif layer.kind == "attention":
            names = {"query": "q", "key": "k", "value": "v", "out": "proj_out"}
            for ours, name in names.items():
                rules |= _pair(f"{layer.name}/{ours}", f"{prefix}.{name}", CONV)
        elif layer.kind == "halve":
            within = ".conv" if DESIGNS[config.design].shortcuts else ""
            rules |= _pair(layer.name, f"{prefix}{within}", CONV)
        elif layer.kind == "double":
            rules |= _pair(layer.name, f"{prefix}.conv", TRANSPOSED_CONV)
        elif layer.kind == "project":
            rules |= _pair(layer.name, prefix, CONV)
    return rules


def _block(layer: Layer, theirs: str) -> Rules:
    rules = _pair(f"{layer.name}/conv_0", f"{theirs}.1.mods.0", CONV)
    rules[f"{layer.name}/conv_1/kernel"] = Rule(f"{theirs}.1.mods.2.weight", CONV)
    rules |= _pair(f"{layer.name}/mix", f"{theirs}.1.mods.5", CONV)
    if layer.inputs != layer.outputs:
        rules |= _pair(f"{layer.name}/entry", f"{theirs}.0", CONV)
    return rules


def _pair(ours: str, theirs: str, layout: str) -> Rules:
    return {
        f"{ours}/kernel": Rule(f"{theirs}.weight", layout),
        f"{ours}/bias": Rule(f"{theirs}.bias", VECTOR),
    }
