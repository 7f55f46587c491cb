"""Every weight code has its page, test, multiplier, encoder, parameter of the RTL and price."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from npusim.codes import ARRAY_FORMATS, CODES, LEAST_BITS, MULTIPLIERS, WEIGHT_FORMATS
from npusim.codes.schemes import BY_NAME, SCHEME_BITS
from npusim.cost.table import load_table
from npusim.machines.machine import PARAMETERS
from npusim.quant.options import Options
from npusim.quant.schemes import LayerInputs, encode_layer
from npusim.words import TECHNOLOGIES

ROOT = Path(__file__).resolve().parents[2]
CODE_IDS = {"argvalues": CODES, "ids": lambda code: code.name}


def test_every_module_has_its_test_and_every_test_its_module():
    pages = {path.stem for path in (ROOT / "npusim/codes").glob("*.py")} - {"__init__"}
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests/codes").glob("test_*.py")}
    assert pages == tests


@pytest.mark.parametrize("code", **CODE_IDS)
def test_a_code_is_one_page_of_its_name(code):
    page = ROOT / "npusim" / "codes" / f"{code.name}.py"
    assert ast.get_docstring(ast.parse(page.read_text())).startswith(f"{code.name}: ")
    assert (ROOT / "npusim" / "datapath" / f"{code.unit}.py").exists()
    assert (ROOT / "rtl" / f"npu_{code.unit}.v").exists()


@pytest.mark.parametrize("code", **CODE_IDS)
def test_a_code_has_a_parameter_that_the_rtl_is_built_with(code):
    assert code.parameter in PARAMETERS
    own = not any(element.on for element in code.elements)
    for module in ("npu_weight_decode", *["npu_pe_column"] * own):
        assert f" {code.parameter.verilog} " in (ROOT / "rtl" / f"{module}.v").read_text()


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_every_element_has_a_price(technology):
    rows = [
        row
        for row in load_table(technology, clock_gated=False).rows
        if row.module == "npu_pe_column"
    ]
    assert {name for row in rows for name in row.energy_pj} >= {*MULTIPLIERS, "idle"}


@pytest.mark.parametrize("scheme", SCHEME_BITS)
def test_every_scheme_has_an_encoder_whose_codes_fit(scheme):

    rng = np.random.default_rng(5)
    weights = rng.normal(size=(3, 24))
    layer = LayerInputs(weights, rng.normal(size=(1, 40, 24)), np.zeros((3, 24)))
    for bits in SCHEME_BITS[scheme]:
        coded = encode_layer(layer, scheme, bits, Options(scheme=scheme, bits=bits))
        base, _, other = scheme.partition("+")
        assert coded.scheme in (base, other, BY_NAME[base].code.name)
        code = BY_NAME[coded.scheme].code
        code.require(coded.codes, bits)
        assert coded.codes.dtype == code.dtype(bits)
        assert len(coded.magnitudes) == code.level_count(bits)
        assert coded.real().shape == weights.shape


@pytest.mark.parametrize("code", **CODE_IDS)
def test_every_number_of_bits_has_an_element_and_a_table(code):
    assert WEIGHT_FORMATS.index(code.name) == CODES.index(code)
    for bits in range(LEAST_BITS, code.elements[0].bits + 1):
        assert code.element(bits) in ARRAY_FORMATS
        levels = tuple(range(code.level_count(bits)))
        assert code.table(bits, levels).shape == (1 << code.stored_bits(bits), 3)
        assert (code.table(bits, levels)[:, code.regions :] == 0).all()
        for forms in code.forms:
            assert len(code.plane_table(bits, levels, forms)) == forms
