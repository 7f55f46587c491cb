"""`npusim program`: the bytes are those that a run begins with."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.cli.app import app
from npusim.compiler.compile import compile_checked
from npusim.cosim.npu.run import read_hex
from npusim.errors import FormatError
from npusim.formats.files import load
from npusim.machines import Machine
from npusim.simulator.run import load_image, step_code
from tests.conftest import DIGITS


def test_both_forms_of_an_image_are_what_a_run_begins_with(tmp_path, capsys) -> None:
    program = compile_checked(load(DIGITS / "digits_int8.onnx"), Machine.load("nano"), "auto")
    source, binary, text = (tmp_path / f"d.{suffix}" for suffix in ("npu", "bin", "hex"))
    program.save(source)
    for output in (binary, text):
        app(["program", str(source), "-o", str(output)], standalone_mode=False)
    image = np.frombuffer(binary.read_bytes(), np.uint8)
    assert np.array_equal(read_hex(text, 4), image)
    base = program.code_address()
    (step,) = program.runs()
    code = step_code(program, step)
    assert np.array_equal(image[:base], load_image(program)[:base])
    assert image[base : base + len(code)].tobytes() == code
    said = capsys.readouterr().out
    assert f"run 1: program_base = {base:#x}, program_length = {step.count}\n" in said
    for number, address in enumerate(program.region_addresses()):
        assert f"region{number} = {address:#x}\n" in said


def test_another_suffix_is_refused(tmp_path) -> None:
    with pytest.raises(FormatError, match=r"\.bin.*\.hex"):
        app(["program", "d.npu", "-o", str(tmp_path / "d.mem")], standalone_mode=False)
