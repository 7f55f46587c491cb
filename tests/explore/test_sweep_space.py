"""SPACE.toml: what it means, and one line for what it cannot mean."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest

from npusim.errors import FormatError, NpuError
from npusim.explore.sweep.constraint import parse_constraint
from npusim.explore.sweep.machines import KEYS
from npusim.explore.sweep.space import Space, read_space
from npusim.explore.sweep.values import choices, varied
from npusim.formats.files import load
from npusim.formats.onnx.whole import whole_model
from npusim.machines import Machine
from npusim.machines.parts import PARTS
from tests.conftest import DIGITS

SPACE = """
constraints = ["array.size * bus.bus_bytes <= 256", "not (bits == 8 and network == 'b')"]
[[machines]]
base = "base"
array.size = { from = 8, to = 64, times = 2 }
bus.bus_bytes = [8, 16]
memory.latency_cycles = { from = 20, to = 50, step = 15 }
[[machines]]
base = ["nano", "wide"]
array.formats = ["uniform8"]
[[networks]]
model = "a.onnx"
calibrate = "x.npz"
[[networks]]
model = "sub/a.tflite"
name = "b"
calibrate = "x.npz"
[[networks]]
model = "int.tflite"
requant = "floor"
[[schemes]]
scheme = ["uniform", "wes"]
bits = [8, 4]
activations = "min-max"
[[schemes]]
scheme = "multipoint"
bits = 4
points = [1.5, 2]
layers = { conv1 = "uniform:8" }
"""


def read(folder: Path, text: str) -> Space:
    path = folder / "space.toml"
    path.write_text(text)
    return read_space(path)


def test_a_space_is_the_product_of_its_parts_less_what_constraints_forbid(tmp_path):
    space = read(tmp_path, SPACE)
    sizes = [(m.keys["array.size"], m.keys["bus.bus_bytes"]) for m in space.machines[:24]]
    assert sizes == [(s, b) for s in (8, 16, 32, 64) for b in (8, 16) for _ in range(3)]
    assert [m.keys["memory.latency_cycles"] for m in space.machines[:3]] == [20, 35, 50]
    assert [m.name for m in space.machines][-4:] == [
        "base-size64-bus_bytes16-latency_cycles35", "base-size64-bus_bytes16-latency_cycles50",
        "nano", "wide",
    ]  # fmt: skip
    assert [(n.name, n.model) for n in space.networks] == [
        ("a", tmp_path / "a.onnx"),
        ("b", tmp_path / "sub/a.tflite"),
        ("int", tmp_path / "int.tflite"),
    ]  # fmt: skip
    assert [(s.scheme, s.bits, s.text) for s in space.schemes] == [
        ("uniform", 8, "activations=min-max"), ("uniform", 4, "activations=min-max"),
        ("wes", 8, "activations=min-max"), ("wes", 4, "activations=min-max"),
        ("multipoint", 4, "points=1.5 layers=conv1=uniform:8"),
        ("multipoint", 4, "points=2.0 layers=conv1=uniform:8"),
    ]  # fmt: skip
    points = list(space.points())
    assert len(points) == (sum(s * b <= 256 for s, b in sizes) + 1) * (6 + 4 + 1)
    assert "wide" not in {p.machine.name for p in points}, "32 * 16 > 256"
    assert {p.scheme.scheme for p in points if p.network.name == "int"} == {"unchanged"}
    options = space.schemes[-1].options()
    assert (options.points, options.layers) == (2.0, {"conv1": ("uniform", 8)})


def test_a_machine_of_the_space_is_that_of_its_toml(tmp_path):
    machines = {m.name: m for m in read(tmp_path, SPACE).machines}
    wide = machines["wide"].machine()
    assert wide.array.formats == ("uniform8",)
    assert wide.array.pwlq_bits == 0, "pwlq_bits follows the formats unless it is given"
    named = Machine.load("wide")
    assert wide == named.with_({"array.formats": ["uniform8"]})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("array.size == 16", True),
        ("16 <= array.size < 16", False),
        ("array.size * 2 - 1 == 31 and bits in [4, 8]", True),
        ("array.size // 5 == 3 and array.size % 5 == 1 and array.size / 5 > 3", True),
        ("'pwlq' in array.formats or 1 / 0 == 1", True),
        ("'pwlq' not in array.formats", False),
        ("not (scheme != 'wes') and memory.model == 'fixed'", True),
        ("bits < -1", False),
        ("energy.clock_gating", True),
    ],
)
def test_constraints_mean_what_python_means(text, expected):
    values = {**KEYS, "bits": 4, "scheme": "wes", "network": "a", "machine": "base"}
    assert parse_constraint(text, "here", values).holds(values) is expected


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "array.size ** 99999999", "open('x')", "[1][0] == 1",
        "(lambda: 1)()", "array.size.real == 1", "array.__class__ == 1", "x == 1", "1 if 1 else 2",
        "{} == {}", "f'{bits}' == ''", "bits = 3", "", "array", "None", "b'x' == b'x'", "bits is 4",
        "array.size == 1 #" + "x" * 1000, "-" * 200 + "1 == 1", "(" * 400 + "1" + ")" * 400,
        "bits == 4\nand 1", "[n for n in (1, 2)] == 1", "~bits == 1", "1 << 4 == 1", "*bits, == 1",
    ],
)  # fmt: skip
def test_what_is_no_constraint_is_refused_in_a_line(text):
    with pytest.raises(FormatError, match=r"^here ['\"]") as error:
        parse_constraint(text, "here", {**KEYS, "bits": 4})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("array.size", "expected a comparison, found the value 16"),
        ("bits == 4 and array.size", "array.size: expected a comparison, found 16"),
        ("'a' * 1000000000 == ''", "'a': expected a number, found 'a'"),
        ("array.size % (bits - 4) == 0", "array.size % (bits - 4): division by zero"),
        ("array.formats < 3", "cannot compare"),
        ("4 in bits", "cannot compare"),
        (f"{'9' * 400} / 2 == 1", "the numbers are too large"),
    ],
)
def test_what_cannot_be_evaluated_is_an_error_in_a_line(text, message):
    values = {**KEYS, "bits": 4}
    with pytest.raises(FormatError, match=r"^here ") as error:
        parse_constraint(text, "here", values).holds(values)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[[machines]]", "extra = 1\n[[machines]]", "unknown key extra; known are machines, "),
        ("array.size =", "array.sizes =", "[[machines]] 1: [array]: unknown key sizes; known are "),
        ('base = "base"', "", "[[machines]] 1: key base is missing"),
        ('base = "base"', 'base = "huge"', "[[machines]] 1: base: machine: expected one of base, "),
        ('base = "base"', 'base = 3', "[[machines]] 1: base: expected a text, found 3"),
        ("[8, 16]", '[8, "16"]', "bus.bus_bytes: expected an integer, found '16'"),
        ("[8, 16]", "[]", "bus.bus_bytes: expected at least one value, found none"),
        ("[8, 16]", "[true]", "bus.bus_bytes: expected an integer, found True"),
        ("times = 2", "times = 1", "expected from >= 1 and times >= 2, found 8 and 1"),
        ("times = 2", "by = 2", "[array.size]: unknown key by; known are from, to, step, times"),
        ("times = 2", "times = 2, step = 1", "expected either step or times"),
        ("step = 15", "step = 0", "memory.latency_cycles: step: expected at least 1, found 0"),
        ("to = 50, step = 15", "to = 900000000, step = 1", "expected at most 10000 values"),
        ("from = 20, to = 50", "from = 50, to = 20", "expected at least one value, found none"),
        ('formats = ["uniform8"]', 'formats = "uniform8"', "expected a list of names, found 'unif"),
        ('name = "b"', 'name = "a"', "[[networks]] 2: name: expected another than that of a netw"),
        ('name = "b"', 'title = "b"', "[[networks]] 2: unknown key title; known are model, name"),
        ('name = "b"', "name = 2", "[[networks]] 2: name: expected a text, found 2"),
        ('"wes"]', '"wess"]', "[[schemes]] 1: scheme: expected one of uniform, wes, "),
        ("bits = [8, 4]", "bits = [8, 4.5]", "[[schemes]] 1: bits: expected an integer, found 4.5"),
        ("bits = [8, 4]", "bits = [8, 9]", "[[schemes]] 1: uniform: expected 2 to 8 bits, found 9"),
        ("bits = [8, 4]", "", "[[schemes]] 1: key bits is missing"),
        ('"min-max"', '"median"', "[[schemes]] 1: activations: expected one of min-max"),
        ("points = [1.5, 2]", "points = 9", "[[schemes]] 2: points: expected a mean of 1 to 4"),
        ('"uniform:8"', '"uniform8"', "layers: --layer: expected NAME=SCHEME:BITS"),
        ('{ conv1 = "uniform:8" }', "3", "layers: expected a table like {conv1"),
        ('"array.size * ', '3, "', "constraints: expected a text, found 3"),
        ("<= 256", "<= 0", "constraints: expected that a point meets all, found none"),
        ('calibrate = "x.npz"', "", "[[schemes]]: no network has samples to calibrate on"),
        ("[[machines]]", "[[", "expected TOML, found"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_file_and_key(tmp_path, old, new, message):
    assert old in SPACE
    with pytest.raises(NpuError) as error:
        read(tmp_path, SPACE.replace(old, new))
    text = str(error.value)
    assert text.startswith(f"{tmp_path / 'space.toml'}: ")
    assert message in text
    assert "\n" not in text


def test_parts_that_are_missing(tmp_path):
    with pytest.raises(FormatError, match="key networks is missing"):
        read(tmp_path, '[[machines]]\nbase = "base"')
    with pytest.raises(
        FormatError, match=r"\[\[schemes\]\] is missing: m has samples to calibrate"
    ):
        read(
            tmp_path, '[[machines]]\nbase = "base"\n[[networks]]\nmodel = "m.onnx"\ncalibrate = "x"'
        )
    with pytest.raises(FormatError, match=r"machines: expected tables \[\[machines\]\]"):
        read(tmp_path, '[machines]\nbase = "base"\n[[networks]]\nmodel = "m.onnx"')
    with pytest.raises(FormatError, match="cannot read it: No such file"):
        read_space(tmp_path / "none.toml")


def test_more_machines_than_anybody_waits_for(tmp_path):
    many = "{ from = 1, to = 5000, step = 1 }"
    text = SPACE.replace("{ from = 20, to = 50, step = 15 }", f"{many}\nmemory.seed = {many}")
    with pytest.raises(FormatError, match=r"expected at most 100,000 machines, found 200,000,000"):
        read(tmp_path, text)


def test_a_list_of_names_is_one_value_and_a_list_of_lists_several():
    one, kind = ["uniform8"], varied(tuple[str, ...])
    assert choices("", one, kind) == (("uniform8",),)
    assert choices("", [one, ["uniform8", "pwlq"]], kind) == (("uniform8",), ("uniform8", "pwlq"))
    assert choices("", ["wes", "pwlq"], varied(str)) == ("wes", "pwlq")


def test_a_part_brings_its_times_and_a_key_beside_it_changes_one(tmp_path: Path) -> None:
    family = """[[machines]]
base = "nano"
memory.model = "dram"
dram.part = ["LPDDR4-3200", "DDR4-2400"]
dram.tRP_clocks = 5
"""
    text = family + SPACE[SPACE.index("[[networks]]") :]
    for choice, part in zip(read(tmp_path, text).machines, PARTS.values(), strict=True):
        assert choice.machine().dram == msgspec.structs.replace(part, tRP_clocks=5)


def test_what_npusim_brings_is_found_by_its_name_where_no_file_is_called_so(tmp_path: Path) -> None:
    text = """
[[machines]]
base = "nano"
[[networks]]
model = "digits"
[[networks]]
model = "digits_float.onnx"
calibrate = "digits_train.npz"
[[schemes]]
scheme = "uniform"
bits = 8
"""
    files = [(n.model, n.calibrate) for n in read(tmp_path, text).networks]
    assert files == [
        (DIGITS / "digits_int8.onnx", None),
        (DIGITS / "digits_float.onnx", DIGITS / "digits_train.npz"),
    ]
    own = tmp_path / "digits_train.npz"
    own.touch()
    assert read(tmp_path, text).networks[1].calibrate == own


def test_weights_in_a_file_beside_the_model_travel_with_it(tmp_path: Path) -> None:
    model = onnx.load(DIGITS / "digits_float.onnx")
    onnx.save(model, tmp_path / "net.onnx", save_as_external_data=True, size_threshold=0,
              location="net.onnx.data")  # fmt: skip
    assert (tmp_path / "net.onnx").stat().st_size < (DIGITS / "digits_float.onnx").stat().st_size
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "net.onnx").write_bytes(whole_model(tmp_path / "net.onnx"))
    found, expected = load(alone / "net.onnx"), load(DIGITS / "digits_float.onnx")
    for name, tensor in expected.tensors.items():
        if tensor.data is not None:
            np.testing.assert_array_equal(found.tensors[name].data, tensor.data)
