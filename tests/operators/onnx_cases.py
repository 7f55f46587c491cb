"""Nodes alone in a graph, of values of any type, against a default session of onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.simulator.onnxruntime_reference import ALL, loaded, model, npusim_run, session

from .drawn import Drawn

Case = tuple[Sequence[Any], Mapping[str, NDArray], Mapping[str, NDArray], Mapping[str, type]]
"""Nodes, the graph's inputs, its constants, and its outputs' types."""

NUMBERS: tuple[type, ...] = (np.float32, np.int64, np.int32, np.int8, np.uint8)


def equals_onnxruntime(
    make: Callable[[np.random.Generator], Case],
    cases: int = 200,
    opset: int = 18,
    last_places: int = 0,
) -> Callable[[], None]:
    """Return the test that random graphs have onnxruntime's outputs, to the last bit.

    Floats of an operator that sums otherwise may be `last_places` away: those of the output's
    greatest value, and of 1 at least.
    """

    def content(seed: int) -> bytes:
        return model(*make(np.random.default_rng(seed)), opset).SerializeToString()

    def compare(seed: int) -> None:
        nodes, inputs, constants, outputs = make(np.random.default_rng(seed))
        proto = model(nodes, inputs, constants, outputs, opset)
        expected = session(proto, ALL).run(list(outputs), dict(inputs))
        found = npusim_run(loaded(proto), inputs)
        for name, value in zip(outputs, expected, strict=True):
            assert found[name].dtype == value.dtype, f"seed {seed}: {nodes}"
            assert found[name].shape == value.shape, f"seed {seed}: {nodes}"
            away = 0.0
            if last_places and value.dtype.kind == "f":
                away = last_places * np.spacing(max(1, np.abs(value).max(initial=0)), dtype="f")
            np.testing.assert_allclose(
                found[name], value, rtol=0, atol=away, err_msg=f"seed {seed}: {nodes}"
            )

    def test() -> None:
        for seed in range(cases):
            compare(seed)

    test.drawn = Drawn(".onnx", content, compare)  # type: ignore[attr-defined]
    return test


def values(
    rng: np.random.Generator, shape: Sequence[int], dtype: type, distinct: int = 40
) -> NDArray:
    """Return values of a type, `distinct` of them, so that some are equal."""
    if dtype is np.float32:
        return (rng.integers(-distinct, distinct, shape) / np.float32(7)).astype(dtype)
    low = 0 if np.iinfo(dtype).min == 0 else -distinct
    return rng.integers(low, distinct, shape).astype(dtype)


def recurrent_case(
    rng: np.random.Generator, gates: int
) -> tuple[dict[str, NDArray], dict[str, NDArray], dict[str, Any]]:
    """Return inputs, weights and attributes of a recurrent layer of so many gates."""
    steps, samples, inner, hidden = (int(rng.integers(1, most)) for most in (8, 4, 40, 40))
    if rng.random() < 0.1:  # beyond what is summed at a time
        inner, hidden = 300, 270
    direction = ("forward", "reverse", "bidirectional")[rng.integers(3)]
    ways = 2 if direction == "bidirectional" else 1

    def normal(*shape: int) -> NDArray[np.float32]:
        return (rng.normal(size=shape) * rng.choice([0.1, 0.5, 2])).astype(np.float32)

    inputs = {"x": normal(steps, samples, inner)}
    held = {"w": normal(ways, gates * hidden, inner), "r": normal(ways, gates * hidden, hidden)}
    if rng.random() < 0.8:
        held["b"] = normal(ways, 2 * gates * hidden)
    if rng.random() < 0.3:
        inputs["h"] = normal(ways, samples, hidden)
    return inputs, held, {"hidden_size": hidden, "direction": direction}
