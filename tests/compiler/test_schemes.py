"""Every scheme of weights, on a network with every operator, against the kernels engine."""

from __future__ import annotations

import numpy as np
import pytest

from npusim.codes import ARRAY_FORMATS
from npusim.errors import CapacityError
from npusim.machines import Machine
from npusim.quant.quantize import quantize
from tests.compiler.agreement import assert_agrees
from tests.compiler.machines import random_machine
from tests.quant.networks import every_operator

SCHEMES = (
    ("uniform", 8, {}), ("uniform", 4, {}), ("uniform", 3, {"per_layer": True}), ("wes", 8, {}),
    ("wes", 5, {}), ("pwlq", 4, {}), ("pwlq", 3, {"bias_correction": "paper"}),
    ("pwlq", 4, {"grid": "reference"}), ("subset", 4, {}), ("subset", 3, {"include_zero": True}),
    ("subset", 2, {}), ("multipoint", 4, {"points": 2.0}), ("log2", 3, {}), ("subset+wes", 4, {}),
    ("multipoint+subset", 3, {"points": 1.5}), ("multipoint+pwlq", 3, {"points": 1.5}),
    ("lut", 4, {}), ("lut", 3, {}), ("pwlq_double", 4, {}), ("pwlq_double", 2, {}),
)  # fmt: skip
MIXED = {"stem": ("subset", 4), "grouped": ("pwlq", 4), "dense": ("multipoint", 4)}


def samples(count: int = 8) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(count, 3, 9, 8)).astype(np.float32)


@pytest.mark.parametrize(
    ("scheme", "bits", "options"), SCHEMES, ids=[f"{s}{b}{''.join(o)}" for s, b, o in SCHEMES]
)
def test_every_scheme(scheme: str, bits: int, options: dict) -> None:
    network = quantize(every_operator(bits), samples(), scheme=scheme, bits=bits, **options)
    for name in ("nano", "small", "base"):
        machine = Machine.load(name)
        if scheme in ("lut", "pwlq_double"):
            machine = machine.with_({"array.formats": ARRAY_FORMATS, "array.pwlq_bits": 4})
        assert_agrees(network, machine, seed=bits)
    for seed in range(3):
        machine = random_machine(np.random.default_rng(1000 * bits + seed), least_words=64)
        assert_agrees(network, machine, seed=seed)


@pytest.mark.parametrize("rule", ["half_up", "half_even", "half_away", "floor", "tflite", "ruy"])
def test_schemes_mixed_in_one_network(rule: str) -> None:
    network = quantize(every_operator(), samples(), scheme="uniform", bits=8, layers=MIXED)
    for machine in ("nano", "base"):
        assert_agrees(network, Machine.load(machine), rule)


@pytest.mark.parametrize(
    ("scheme", "bits", "formats", "message"),
    [
        ("pwlq", 4, ("uniform8",), "no pwlq"),
        ("subset", 4, ("uniform8",), "no subset"),
        ("lut", 4, ("uniform8", "subset"), "no lut"),
        ("pwlq_double", 4, ("uniform8", "lut"), "no pwlq_double"),
        ("uniform", 8, ("uniform4",), "uniform of 2..4 bits"),
    ],
)
def test_format_that_is_not_built_in(
    scheme: str, bits: int, formats: tuple[str, ...], message: str
) -> None:
    network = quantize(every_operator(), samples(), scheme=scheme, bits=bits)
    machine = Machine.load("base").with_({"array.formats": formats})
    with pytest.raises(CapacityError, match=message):
        assert_agrees(network, machine)
