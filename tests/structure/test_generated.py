"""Files that are derived from npusim's tables are what the tables say today."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from npusim.generate import derived_files, main
from npusim.isa.registers import CONTROL
from npusim.machines import Machine
from npusim.machines.machine import KEYS, PARAMETERS
from tests.conftest import missing

ROOT = Path(__file__).resolve().parents[2]
FILES = derived_files()
OPTIONAL = {
    "pwlq_bits", "fp32_requantizer", "line_words", "lanes_per_requantizer", "lanes_per_lookup",
    "acc_banks", "rows",
}  # fmt: skip
"""Keys that mean "not built in", the least that there is, or a square, where they are absent."""


@pytest.mark.parametrize("name", FILES)
def test_a_derived_file_is_current(name):
    assert (ROOT / name).read_text() == FILES[name], f"{name} is stale: python -m npusim.generate"


def test_all_of_them_are_written_and_no_other_is_there(tmp_path):
    main(tmp_path)
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert written == FILES.keys()
    assert {f"rtl/generated/{path.name}" for path in (ROOT / "rtl/generated").iterdir()} <= written


@pytest.mark.parametrize(
    "module",
    [
        "npu_top",
        "npu_control",
        "boards/npu_axi4",
        "boards/npu_board",
        "boards/npu_ulx3s",
        "sim/npu_system",
        "sim/npu_bench",
        "sim/boards/npu_axi",
        "sim/boards/npu_board_bench",
    ],
)
def test_a_module_of_the_whole_machine_names_no_list_of_parameters(module):
    text = (ROOT / "rtl" / f"{module}.v").read_text()
    header = text.partition("module ")[2].partition(") (")[0]
    assert '`include "generated/npu_parameters.vh"' in header
    assert not re.findall(rf"parameter +int +({'|'.join(p.verilog for p in PARAMETERS)})\b", text)


def test_every_parameter_has_a_field_of_its_own():
    fields = {(r.name, f.name): f for r in CONTROL for f in r.fields}
    for row in PARAMETERS:
        field = fields[row.register, row.field]
        assert (field.low, field.width_bits) == (row.low, row.width_bits)
    for register in CONTROL:
        masks = [field.mask << field.low for field in register.fields]
        assert sum(masks) < 1 << 32
        assert all(a & b == 0 for i, a in enumerate(masks) for b in masks[:i])


def test_a_field_holds_the_greatest_value_of_its_parameter():
    largest = {
        kind.__metadata__[0].extra["parameter"]: kind.__metadata__[0].le
        for _, _, kind in KEYS
        if getattr(kind, "__metadata__", ()) and kind.__metadata__[0].extra
        if kind.__metadata__[0].extra["parameter"]
    }
    assert len(largest) > 10
    for row, most in largest.items():
        assert row.register_value(int(most)) < 1 << row.width_bits


def test_the_c_header_compiles_and_says_what_the_registers_are(tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        missing("no C compiler found: apt-get install gcc")
    shutil.copy(ROOT / "rtl/generated/npu.h", tmp_path)
    names = re.findall(r"#define (NPU_\w+) ", FILES["rtl/generated/npu.h"])
    prints = "".join(f'  printf("{name} %u\\n", {name});\n' for name in names)
    source = f'#include <stdio.h>\n#include "npu.h"\nint main(void) {{\n{prints}  return 0;\n}}\n'
    (tmp_path / "main.c").write_text(source)
    command = [compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", "main.c", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run(["./main"], cwd=tmp_path, check=True, capture_output=True, text=True)
    found = {name: int(value) for name, value in map(str.split, done.stdout.splitlines())}
    assert len(found) == len(names), "a name is defined twice"
    for register in CONTROL:
        name = f"NPU_{register.name.upper()}"
        assert found[name] == register.index
        for field in register.fields:
            if field.width_bits < 32:
                assert found[f"{name}_{field.name.upper()}_SHIFT"] == field.low
                assert found[f"{name}_{field.name.upper()}_MASK"] == field.mask


def test_the_register_description_has_every_register_and_field():
    text = FILES["rtl/generated/npu.rdl"]
    assert text.count("{") == text.count("}")
    found = re.findall(r"\} (\w+) @ (0x[0-9a-f]+);", text)
    assert found == [(r.name, f"{r.index:#04x}") for r in CONTROL]
    fields = re.findall(r"\} (\w+)\[(\d+):(\d+)\];", text)
    assert fields == [
        (f.name, str(f.low + f.width_bits - 1), str(f.low)) for r in CONTROL for f in r.fields
    ]


def test_the_schema_knows_every_key_with_its_values():
    schema = json.loads(FILES["docs/schema/machine.schema.json"])
    tables = schema["$defs"]
    for part, key, _ in KEYS:
        for suffix in ("", "Change"):
            assert key in tables[part.capitalize() + suffix]["properties"]
        table = tables[part.capitalize()]
        if part == "dram":  # the part's values stand for what is left out
            assert not table["required"]
            continue
        either = [one["required"] for rule in table.get("allOf", ()) for one in rule["oneOf"]]
        assert key in table["required"] or key in OPTIONAL or [key] in either
        assert not tables[f"{part.capitalize()}Change"]["required"]
    assert tables["Array"]["properties"]["size"]["enum"] == [4, 8, 16, 32, 64]
    assert tables["Memory"]["properties"]["model"]["enum"] == ["dram", "fixed", "lfsr"]
    assert set(schema["else"]["required"]) == {
        name for name in schema["else"]["properties"] if name not in ("energy", "host", "dram")
    }
    assert Machine.load("nano").parameters.keys() == {row.verilog for row in PARAMETERS}
