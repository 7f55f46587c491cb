"""`npusim quantize` and `npusim compare`: files written whole, one line for every mistake."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import npusim
from npusim.cli.app import app
from npusim.errors import NpuError
from npusim.quant.quantize import prepare
from tests.conftest import DIGITS

FLOAT = DIGITS / "digits_float.onnx"


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    held_out = np.load(DIGITS / "digits_test.npz")
    path = tmp_path_factory.mktemp("samples") / "samples.npz"
    np.savez(path, x=held_out["x"][:60].astype(np.float32), y=held_out["y"][:60])
    return path


def quantize(samples: Path, output: Path, *layers: str, **settings: object) -> None:
    chosen = [f"--{key}={value}" for key, value in settings.items()]
    chosen += [f"--layer={layer}" for layer in layers]
    arguments = ["quantize", str(FLOAT), f"--calibrate={samples}", f"--output={output}", *chosen]
    app(arguments, standalone_mode=False)


def test_quantize_writes_a_network_that_loads(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "q.onnx"
    layer = next(n.name for n in npusim.load(FLOAT).nodes if n.kind == "Conv2D")
    quantize(samples, output, f"{layer}=pwlq:3", scheme="subset", bits=4, normalize="channel")
    network = npusim.load(output)
    assert network.source == "npusim"
    shown = capsys.readouterr().out
    assert f"{layer}" in shown
    assert "pwlq 3" in shown
    assert "subset 4" in shown
    first = output.read_bytes()
    quantize(samples, output, f"{layer}=pwlq:3", scheme="subset", bits=4, normalize="channel")
    assert output.read_bytes() == first


def test_a_recipe_gives_the_same_file_again(samples: Path, tmp_path: Path) -> None:
    first, again, recipe = tmp_path / "a.onnx", tmp_path / "b.onnx", tmp_path / "recipe.toml"
    quantize(samples, first, "s*=pwlq:3", scheme="wes", bits=4, encoder="nearest",
             **{"save-recipe": recipe})  # fmt: skip
    assert '"s*" = "pwlq:3"' in recipe.read_text()
    quantize(samples, again, recipe=recipe)
    assert again.read_bytes() == first.read_bytes()
    quantize(samples, again, "s*=wes:4", recipe=recipe)
    assert again.read_bytes() != first.read_bytes()
    quantize(samples, first, recipe=recipe, int16="s*", **{"save-recipe": tmp_path / "2.toml"})
    assert 'int16 = ["s*"]' in (tmp_path / "2.toml").read_text()
    quantize(samples, again, recipe=tmp_path / "2.toml")
    assert again.read_bytes() == first.read_bytes()


@pytest.mark.parametrize(
    ("layers", "settings", "message"),
    [
        ((), {"scheme": "subset", "bits": 5}, "subset: expected 2 to 4 bits, found 5"),
        ((), {"scheme": "subst"}, "found 'subst'; did you mean subset"),
        ((), {"grid": "paper"}, "--grid: expected scheme pwlq, found uniform"),
        ((), {"format": "qdq", "scheme": "wes"}, "--format qdq: expected scheme uniform, found"),
        ((), {"output": "q.tflite"}, "q.tflite: expected a name ending in .onnx"),
        ((), {"scheme": "other"}, "scheme: expected one of"),
        (("nothing=uniform:8",), {}, "--layer nothing: expected one of"),
        ((), {"int16": "nothing"}, "--int16 nothing: expected one of"),
        ((), {"float": "nothing"}, "--float nothing: expected one of"),
        ((), {"format": "qoperator", "int16": "stem"}, "scheme uniform, found multipoint"),
        ((), {"format": "qoperator", "float": "stem"}, "scheme uniform, found multipoint"),
        (("conv=uniform",), {}, "expected NAME=SCHEME:BITS"),
        ((), {"points": 9.0}, "points: expected a mean of 1 to 4"),
        ((), {"scheme": "subset+wes", "bits": 4, "normalize": "channel"}, "normalize"),
    ],
)
def test_mistakes_leave_no_file(
    samples: Path, tmp_path: Path, layers: tuple[str, ...], settings: dict, message: str
) -> None:
    name = str(settings.pop("output", "q.onnx"))
    with pytest.raises(NpuError, match=message) as caught:
        quantize(samples, tmp_path / name, *layers, **settings)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_bits_are_those_that_the_scheme_takes(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quantize(samples, tmp_path / "q.onnx", scheme="subset", encoder="nearest")
    assert "subset 4" in capsys.readouterr().out


def test_a_float_network_at_chance_is_said_before_the_table(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.load(samples) as data:
        codes = (255 * data["x"] - 128).astype(np.int8)
        np.savez(tmp_path / "codes.npz", x=codes, y=(data["y"] + 1) % 10)
    with pytest.raises(NpuError, match="int8 numbers are codes, and image takes real values"):
        compare(tmp_path / "codes.npz", tmp_path / "rows.csv", bits="8", schemes="uniform")
    app(["compare", str(FLOAT), f"--calibrate={tmp_path / 'codes.npz'}", "--samples=real",
         "--bits=8", "--schemes=uniform", "--encoder=nearest",
         f"--output={tmp_path / 'rows.json'}"],
        standalone_mode=False)  # fmt: skip
    shown = capsys.readouterr().out
    assert "inputs: int8 as real values" in shown
    told = json.loads((tmp_path / "rows.json").read_text())
    assert told["inputs"]["evaluation"]["meaning"] == "int8 as real values"
    assert shown.startswith("warning: float network: no more labels are met than by chance")


def test_codes_are_not_quantized_again(samples: Path, tmp_path: Path) -> None:
    with pytest.raises(NpuError, match="weights are coded already, quantize the float network"):
        prepare(npusim.load(DIGITS / "digits_int8.onnx"), np.load(samples)["x"])
    assert not list(tmp_path.iterdir())


def test_codes_of_an_integer_network_mean_the_same_when_it_is_quantized_anew(
    samples: Path, tmp_path: Path
) -> None:
    """One file of int8 codes serves the network, its quantization and what that writes."""
    first, second = tmp_path / "first.onnx", tmp_path / "second.onnx"
    app(["quantize", str(FLOAT), f"--calibrate={samples}", "--encoder=nearest", "--format=qdq",
         "--io=int8", f"--output={first}"], standalone_mode=False)  # fmt: skip
    network = npusim.load(first)
    (tensor,) = (network.tensors[name] for name in network.inputs)
    q = tensor.quantization
    assert q is not None
    with np.load(samples) as data:
        codes = np.clip(np.rint(data["x"] / q.scale) + q.zero_point, -128, 127).astype(np.int8)
    np.save(tmp_path / "codes.npy", codes[:20] // 2)
    app(["quantize", str(first), f"--calibrate={tmp_path / 'codes.npy'}", "--encoder=nearest",
         f"--output={second}"], standalone_mode=False)  # fmt: skip
    again = npusim.load(second)
    (found,) = (again.tensors[name].quantization for name in again.inputs)
    assert found is not None
    assert (found.scale, found.zero_point) == (q.scale, q.zero_point)


def test_calibration_that_is_not_finite_is_named(tmp_path: Path) -> None:
    x = np.load(DIGITS / "digits_test.npz")["x"][:4].astype(np.float32)
    x[2].flat[3] = np.nan
    np.savez(tmp_path / "bad.npz", x=x)
    with pytest.raises(NpuError, match="expected finite samples, found nan"):
        quantize(tmp_path / "bad.npz", tmp_path / "q.onnx")
    assert not (tmp_path / "q.onnx").exists()


def compare(samples: Path, output: Path, **options: object) -> None:
    chosen = {"schemes": "uniform,pwlq", "bits": "8,4", **options}
    arguments = [f"--{key}={value}" for key, value in chosen.items()]
    arguments += [f"--calibrate={samples}", f"--output={output}"]
    app(["compare", str(FLOAT), *arguments], standalone_mode=False)


def test_compare_writes_the_page_and_its_numbers(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(samples, tmp_path / "page.html")
    data = json.loads((tmp_path / "page.json").read_text())
    assert [(r["variant"], r["bits"]) for r in data["rows"]] == [
        ("uniform", 8), ("uniform", 4), ("pwlq", 8), ("pwlq", 4)
    ]  # fmt: skip
    assert data["rows"][0]["accuracy"] > 90
    page = (tmp_path / "page.html").read_text()
    assert "page.json" in page
    assert "<svg" in page
    assert "float network" in capsys.readouterr().out
    compare(samples, tmp_path / "rows.csv", bits="8")
    assert (tmp_path / "rows.csv").read_text().startswith("variant,bits,")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schemes": "unknown"}, "--schemes: expected names"),
        ({"bits": "8,x"}, "--bits: expected numbers"),
        ({"bits": "12"}, "no scheme is defined"),
        ({"output": "page.pdf"}, "expected a name ending in"),
    ],
)
def test_compare_names_mistakes(samples: Path, tmp_path: Path, options: dict, message: str) -> None:
    output = tmp_path / options.pop("output", "page.html")
    with pytest.raises(NpuError, match=message):
        compare(samples, output, **options)
    assert not list(tmp_path.iterdir())


def test_a_budget_is_kept_and_its_recipe_repeats_the_file(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, recipe = (tmp_path / name for name in ("1.onnx", "2.onnx", "r.toml"))
    chosen = {"budget": "bytes=0.6x", "mix": "uniform", "save-recipe": recipe}
    quantize(samples, first, encoder="nearest", **chosen)
    quantize(samples, second, recipe=recipe)
    assert first.read_bytes() == second.read_bytes()
    assert "uniform 4" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["mix", "machine", "set"])
def test_what_only_a_budget_uses_needs_one(option: str, samples: Path, tmp_path: Path) -> None:
    with pytest.raises(NpuError, match=f"--{option}: expected --budget"):
        quantize(samples, tmp_path / "q.onnx", **{option: "array.size=8"})


@pytest.mark.parametrize(("option", "value"), [("scheme", "wes"), ("bits", 4)])
def test_a_budget_chooses_schemes(
    option: str, value: object, samples: Path, tmp_path: Path
) -> None:
    with pytest.raises(NpuError, match=f"--{option}: expected no --budget"):
        quantize(samples, tmp_path / "q.onnx", budget="bytes=0.5x", **{option: value})


def test_a_budget_of_bytes_is_of_no_machine(samples: Path, tmp_path: Path) -> None:
    with pytest.raises(NpuError, match="--machine: expected --budget beside it, of cycles"):
        quantize(samples, tmp_path / "q.onnx", budget="bytes=0.5x", machine="base")
