"""A run of the shipped network on the smallest machine, with everything a report is made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import npusim
from npusim.analysis.conformance import check_conformance
from npusim.analysis.machine_data import machine_data
from npusim.engines.estimate import estimate
from npusim.engines.program_cost import ProgramCost
from npusim.engines.result import MachineResult
from npusim.formats.files import load
from npusim.machines import Machine
from tests.conftest import DIGITS


class Reported(NamedTuple):
    result: MachineResult
    data: dict[str, Any]

    @property
    def layer_cycles(self) -> dict[str, int]:
        rows = self.data["results"]["layers"]
        return {row["name"]: row["cycles"] for row in rows if "cycles" in row}


@pytest.fixture(scope="session")
def reported() -> Reported:
    network = load(DIGITS / "digits_int8.onnx")
    x = np.load(DIGITS / "digits_test.npz")["x"][:3]
    result = npusim.run(network, x, engine="machine", machine="nano")
    assert isinstance(result, MachineResult)
    conformance = check_conformance(network, x, result.outputs, result.requant)
    data = machine_data(result.cost.program, result.cost.timelines, result.as_json(), conformance)
    return Reported(result, data)


@pytest.fixture(scope="session")
def in_two_runs(shared: Path) -> ProgramCost:
    """A network of many layers with host operators before, between and behind its runs."""
    path = shared / "models" / "onnx" / "shufflenet-v2-12-int8.onnx"
    found = estimate(load(path), Machine.load("base"))
    assert len(found.timelines) == 2
    return found
