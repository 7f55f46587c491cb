"""What the host core takes for what the machine leaves to it: never nothing."""

from __future__ import annotations

import numpy as np
import pytest

import npusim
from npusim import operators as op
from npusim.cost.host import host_cost, host_costs
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Quantization, Tensor
from npusim.isa.program import Step
from npusim.machines import Machine

HOST = Machine.load("base").host


def softmax(classes: int) -> Network:
    """Return a network of one softmax, which the host computes."""
    x = Quantization(np.float32(0.1), np.int64(0))
    y = Quantization(np.float32(1 / 256), np.int64(-128))
    tensors = {
        "x": Tensor("x", (1, classes), np.dtype("int8"), x),
        "y": Tensor("y", (1, classes), np.dtype("int8"), y),
    }
    node = Node("softmax", op.Softmax(1), ("x",), ("y",))
    return Network("net", "tflite", (node,), tensors, ("x",), ("y",))


@pytest.mark.parametrize(
    ("elements", "macs", "moved_bytes", "cycles"),
    [
        (0, 0, 0, 200),
        (1000, 0, 2000, 200 + 8 * 1000),
        (10, 5000, 30, 200 + 80 + 10_000),
        (10, 0, 100_000, 200 + 25_000),  # the bus is slower than the core
        (1, 0, 33, 200 + 9),
    ],
)
def test_cycles_of_work(elements: int, macs: int, moved_bytes: int, cycles: int) -> None:
    step = Step("host", 0, 0, "n", "Softmax", elements, macs, moved_bytes)
    found = host_cost(HOST, step)
    assert (found.cycles, found.energy_pj) == (cycles, 70.0 * cycles)


def test_a_network_of_the_hosts_alone_has_a_cost_and_no_division_by_zero() -> None:
    found = npusim.estimate(softmax(1000))
    assert (found.cycles, found.host_cycles) == (0, 8200)
    assert found.host_energy_pj == pytest.approx(8200 * 70)
    assert found.seconds == pytest.approx(8200 / HOST.frequency_hz)
    (row,) = found.as_json()["host_layers"]
    assert (row["name"], row["operator"], row["elements"]) == ("softmax", "Softmax", 1000)


def test_the_toml_decides() -> None:
    slow = Machine.load("base").with_({"host.cycles_per_element": 80.0, "host.pj_per_cycle": 1.0})
    found = npusim.estimate(softmax(1000), slow)
    assert (found.host_cycles, found.host_energy_pj) == (80_200, 80_200)


def test_every_host_node_is_a_row_of_the_program() -> None:
    program = npusim.estimate(softmax(10)).program
    again = type(program).from_bytes(program.to_bytes(), "program")
    assert host_costs(again) == host_costs(program)
