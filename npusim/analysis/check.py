"""All that keeps a file from running, found at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import npusim
from npusim.errors import UnsupportedError
from npusim.formats.files import read
from npusim.graph.cut import cut_before
from npusim.graph.network import Network
from npusim.graph.refusals import Refusal, RefusedKind, kinds_of
from npusim.operators.page import Absent
from npusim.operators.pages import PAGE_OF
from npusim.operators.steps import refusals_of
from npusim.runtimes.rule import OWN_RULE, resolve_rule
from npusim.words import JSON_VERSION

QUANTIZE = "quantize the network (npusim quantize)"


@dataclass(frozen=True)
class Missing:
    """What is not supported for one reason: how often, where first, and what can be done."""

    operator: str
    count: int
    first: str
    why: str
    advice: str


@dataclass(frozen=True)
class Check:
    """What `npusim check` says of a file.

    `rule` is the rule that the network would run under, `operators` the number of each kind of node
    that can be read; `missing` is empty where the network runs. `outputs` are the tensors that can
    be its outputs instead, so that it runs (the option --outputs); empty where nothing is left.
    """

    name: str
    rule: str
    operators: dict[str, int]
    missing: tuple[Missing, ...]
    outputs: tuple[str, ...]

    @property
    def runs(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    def as_json(self) -> dict[str, Any]:
        """Return the findings as JSON-ready values."""
        return {
            "npusim_version": npusim.__version__,
            "json_version": JSON_VERSION,
            "model": self.name,
            "requant": self.rule,
            "runs": self.runs,
            "operators": self.operators,
            "missing": [vars(each) for each in self.missing],
            "outputs": [*self.outputs],
        }


def check(
    path: str | Path,
    shapes: Mapping[str, Sequence[int]] | None = None,
    outputs: Sequence[str] | None = None,
    requant: str = "auto",
) -> Check:
    """Return all operators, types and forms of a file that npusim does not support.

    Parameters
    ----------
    shapes, outputs
        As `npusim.load` takes them.
    requant
        The rule that the network is to run under; `auto` is that of the file's own runtime.

    Raises
    ------
    NpuError
        The file is damaged, contradicts itself, or is in neither format.
    """
    path = Path(path)
    imported = read(path, shapes, outputs)
    network = imported.network
    refusals: tuple[Refusal, ...] = imported.refusals
    rule = requant
    if network is not None:
        rule = resolve_rule(network, requant)
        if not network.absent_weights:
            refusals += refusals_of(network, rule)
    refused = {refusal.node for refusal in refusals}
    cut = cut_before(imported.operations, refused, imported.outputs) if refused else ()
    missing = [_missing(kind, network, cut, rule) for kind in kinds_of(refusals)]
    kinds = Counter(node.kind for node in (network.nodes if network is not None else ()))
    return Check(path.stem, rule, dict(sorted(kinds.items())), tuple(missing), cut)


def _missing(
    kind: RefusedKind, network: Network | None, cut: tuple[str, ...], rule: str
) -> Missing:
    advice = []
    nodes = {} if network is None else {node.name: node for node in network.nodes}
    node = nodes.get(kind.first.node)
    if network is not None and node is not None:
        if rule != OWN_RULE[network.source] and not _refused(network, OWN_RULE[network.source]):
            advice.append(f"--requant {OWN_RULE[network.source]}, the file's own")
        if network.is_float and not isinstance(PAGE_OF[type(node.operator)].real, Absent):
            advice.append(QUANTIZE)
    if cut:
        advice.append("cut it off (--outputs)")
    return Missing(
        kind.first.kind, kind.count, kind.first.node, kind.first.why, "; ".join(advice) or "nothing"
    )


def _refused(network: Network, rule: Any) -> bool:
    try:
        return bool(refusals_of(network, rule))
    except UnsupportedError:
        return True
