"""Whether a run's outputs are the bytes of the kernels engine, value by value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.graph.network import Network
from npusim.words import Rule


def check_conformance(
    network: Network,
    x: NDArray | Mapping[str, NDArray],
    outputs: Mapping[str, NDArray],
    rule: Rule,
    host_operators: Sequence[str] = (),
    differing_from_asked: int | None = None,
) -> dict[str, Any]:
    """Execute `network` on `x` with the kernels engine under `rule`, and compare `outputs`.

    Returns
    -------
    dict
        `rule`, `host_operators`; `compared_values` and `differing_values`, or `reason` where the
        kernels cannot execute the network under this rule; `differing_from_asked` where given.
    """
    from npusim.prepared.engine import prepare

    found: dict[str, Any] = {"rule": rule, "host_operators": list(host_operators)}
    if differing_from_asked is not None:
        found["differing_from_asked"] = differing_from_asked
    try:
        expected = prepare(network, rule).run(x, keep=network.outputs)
    except UnsupportedError as error:
        return found | {"reason": str(error)}
    return found | {
        "compared_values": sum(int(values.size) for values in outputs.values()),
        "differing_values": sum(
            int(np.count_nonzero(_bytes(values) != _bytes(expected[name])))
            for name, values in outputs.items()
        ),
    }


def _bytes(values: NDArray) -> NDArray:
    """Return `values` as unsigned integers of their width: equal only where the bytes are."""
    return np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")


def not_executed(rule: str, host_operators: Sequence[str], assumed: str = "") -> dict[str, Any]:
    """Return the conformance of an estimate, which executes no data; `assumed`: of what it is."""
    reason = "an estimate executes no data" + (assumed and f"; {assumed}")
    return {"rule": rule, "host_operators": list(host_operators), "reason": reason}
