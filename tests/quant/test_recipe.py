"""Recipes: what is written is read again, and mistakes are one line that names the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from npusim.errors import FormatError, UnsupportedError
from npusim.quant.options import Options, as_published
from npusim.quant.quantize import layer_choices
from npusim.quant.recipe import read_recipe, recipe_text

LAYERS = {'odd "name"': ("uniform", 8), "block*": ("pwlq", 3)}


@pytest.mark.parametrize(
    "options",
    [Options(), Options("subset", 4, layers=LAYERS), as_published("pwlq", bits=2),
     Options("multipoint", 3, points=1.5, per_layer=True, most_points=3),
     Options("pwlq", 3, int16=("stem", "block?"), float32=("head",))],
)  # fmt: skip
def test_what_is_written_is_read_again(options: Options, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_text(options))
    assert Options(**read_recipe(path)) == options


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bits = ", "recipe.toml: "),
        ("bit = 3", "expected keys of scheme, bits, .*, found bit"),
        ("bits = 9", "uniform: expected 2 to 8 bits, found 9"),
        ('encoder = "best"', "encoder: expected one of nearest"),
        ('layers = "all"', "layers: expected a table"),
        ('int16 = "stem"', "int16: expected names of layers, found 'stem'"),
        ("float32 = [1]", r"float32: expected names of layers, found \[1\]"),
        ("most_points = 5", "most_points: expected 1 to 4, found 5"),
        ('[layers]\nstem = "uniform"', "expected NAME=SCHEME:BITS"),
    ],
)
def test_mistakes_name_the_file(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(FormatError, match=message) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot read it"):
        read_recipe(tmp_path / "none.toml")


def test_patterns_choose_layers_and_a_name_goes_before_a_pattern() -> None:
    layers = ["stem", "block1_a", "block1_b", "block2_a", "head"]
    options = Options(
        "subset", 4, exempt="last",
        layers={"block*": ("uniform", 3), "block1_?": ("wes", 4), "block2_a": ("pwlq", 2)},
    )  # fmt: skip
    assert layer_choices(layers, options) == {
        "stem": ("subset", 4), "block1_a": ("uniform", 3), "block1_b": ("uniform", 3),
        "block2_a": ("pwlq", 2), "head": ("uniform", 8),
    }  # fmt: skip


def test_16_bits_go_before_all_else_and_must_name_a_layer() -> None:
    layers = ["stem", "block1_a", "head"]
    options = Options(layers={"stem": ("wes", 4)}, exempt="last", int16=("stem", "h*"))
    wide, plain = ("multipoint", 8), ("uniform", 8)
    assert layer_choices(layers, options) == {"stem": wide, "block1_a": plain, "head": wide}
    with pytest.raises(UnsupportedError, match=r"--int16 heads: .*did you mean head"):
        layer_choices(layers, Options(int16=("heads",)))
    with pytest.raises(UnsupportedError, match=r"--float heads: .*did you mean head"):
        layer_choices(layers, Options(float32=("heads",)))


def test_24_bits_go_before_16() -> None:
    options = Options("subset", 4, int16=("stem", "h*"), float32=("s*",))
    points = {name: options.of_layer(name).points for name in ("stem", "block", "head")}
    assert points == {"stem": 3.0, "block": None, "head": 2.0}
    assert layer_choices([*points], options)["stem"] == ("multipoint", 8)
