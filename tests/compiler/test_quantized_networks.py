"""Whole quantized networks, the five schemes at every width, on the machine."""

from __future__ import annotations

import pytest

from npusim.errors import CapacityError
from npusim.machines import Machine
from npusim.quant.options import as_published
from npusim.quant.quantize import prepare, quantize_prepared
from tests.compiler.agreement import assert_agrees
from tests.quant.networks import CHOICES_OF_FIVE, REFERENCE_NETWORKS, reference_network

BASE = Machine.load("base")
WIDE_PWLQ = BASE.with_({"array.pwlq_bits": 7})


@pytest.mark.parametrize("name", REFERENCE_NETWORKS)
def test_every_scheme_at_every_width(name: str, request: pytest.FixtureRequest) -> None:
    network, x = reference_network(name, request)
    prepared = prepare(network, x)
    for scheme, bits in (*CHOICES_OF_FIVE, ("pwlq", 7)):
        machine = WIDE_PWLQ if scheme == "pwlq" and bits > 4 else BASE
        quantized = quantize_prepared(prepared, as_published(scheme, bits=bits)).network
        if (scheme, bits) == ("pwlq", 8):  # 9 stored bits: no byte of the WGT scratchpad holds them
            with pytest.raises(CapacityError, match="pwlq"):
                assert_agrees(quantized, machine)
        else:
            assert_agrees(quantized, machine, seed=bits)
