"""Networks with state: samples are steps in time, on every engine, until they are reset."""

from __future__ import annotations

import numpy as np
import pytest

import npusim
from npusim import operators as op
from npusim.errors import FormatError, ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.state import State
from npusim.graph.tensor import Quantization, Tensor
from npusim.words import EngineName

INITIAL = np.full((1, 2, 3), 5, np.int8)


def tensor(name: str, shape: tuple[int, ...]) -> Tensor:
    return Tensor(name, shape, np.dtype("int8"), Quantization(np.float32(0.5), np.int64(0)))


def delay_line(**state: object) -> Network:
    """Return y = the last three samples, of which the two before x are state."""
    tensors = [tensor("x", (1, 1, 3)), tensor("old", (1, 2, 3)), tensor("y", (1, 3, 3))]
    tensors.append(tensor("new", (1, 2, 3)))
    nodes = (
        Node("join", op.Concat(1), ("old", "x"), ("y",)),
        Node("cut", op.Slice((0, 1, 0), (1, 3, 3), (1, 1, 1)), ("y",), ("new",)),
    )
    kept = State(**({"value": "old", "update": "new", "initial": INITIAL} | state))
    named = {t.name: t for t in tensors}
    return Network("delay", "tflite", nodes, named, ("x",), ("y",), state=(kept,))


def steps(count: int) -> np.ndarray:
    return np.arange(3 * count, dtype=np.int8).reshape(count, 1, 3)


def delayed(x: np.ndarray) -> np.ndarray:
    line = np.concatenate([INITIAL[0], x[:, 0]])
    return np.stack([line[i : i + 3] for i in range(len(x))])


@pytest.mark.parametrize("engine", ["kernels", "machine"])
def test_samples_are_steps_in_time(engine: EngineName) -> None:
    x = steps(9)
    found = npusim.run(delay_line(), x, engine=engine, requant="half_up")
    np.testing.assert_array_equal(found.outputs["y"], delayed(x))
    assert found.samples == 9
    alone = npusim.run(delay_line(), x, engine=engine, requant="half_up", reset_state=True)
    expected = np.concatenate([delayed(x[i : i + 1]) for i in range(9)])
    np.testing.assert_array_equal(alone.outputs["y"], expected)


def test_a_prepared_network_keeps_its_state_between_calls() -> None:
    x, prepared = steps(6), npusim.prepare(delay_line())
    parts = [prepared.run(x[a:b])["y"] for a, b in ((0, 1), (1, 4), (4, 6))]
    np.testing.assert_array_equal(np.concatenate(parts), delayed(x))
    np.testing.assert_array_equal(prepared.state["old"][0], x[4:, 0])
    prepared.reset()
    np.testing.assert_array_equal(prepared.state["old"], INITIAL)
    np.testing.assert_array_equal(prepared.run(x, keep=["y", "old"])["y"], delayed(x))


def test_what_a_run_returned_stays() -> None:
    x, prepared = steps(2), npusim.prepare(delay_line())
    first = prepared.run(x[:1], keep=["old", "new"])
    before = {name: array.copy() for name, array in first.items()}
    first["new"][...] = 99
    after = prepared.run(x[1:], keep=["old", "new"])
    np.testing.assert_array_equal(after["old"], before["new"])


def test_the_functional_form() -> None:
    network = delay_line().functional()
    assert (network.inputs, network.outputs, network.state) == (("x", "old"), ("y", "new"), ())
    found = npusim.run(network, {"x": steps(1), "old": INITIAL})
    np.testing.assert_array_equal(found.outputs["new"], found.outputs["y"][:, 1:])


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ({"update": "nothing"}, FormatError, "nothing is not declared"),
        ({"value": "y"}, ShapeError, "expected an initial value of int8"),
        ({"value": "x", "update": "x", "initial": steps(1)}, FormatError, "has a value already"),
        ({"update": "y"}, ShapeError, r"expected update y of int8 \[1, 2, 3\], found int8"),
        ({"initial": INITIAL.astype(np.uint8)}, ShapeError, "found uint8"),
    ],
)
def test_wrong_states_are_named(state: dict, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        delay_line(**state)
