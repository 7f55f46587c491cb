"""A node -> the function that computes it, found on its operator's page."""

from __future__ import annotations

from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import is_quantized
from npusim.operators.page import Absent, Step
from npusim.operators.pages import PAGE_OF, constants_of
from npusim.runtimes.rule import resolve_rule
from npusim.words import Rule


def step(network: Network, node: Node, rule: Rule) -> Step:
    """Return the function (threads, x, ...) -> y, or a tuple of outputs, that computes `node`.

    Raises
    ------
    UnsupportedError, RangeError
        The operator, its types or its scales are beyond what its page computes under `rule`.
    """
    page = PAGE_OF[type(node.operator)]
    tensors = [*network.inputs_of(node), *network.outputs_of(node)]
    if any(is_quantized(tensor) for tensor in tensors):
        if isinstance(page.quantized, Absent):
            raise page.quantized.raise_for(node)
        return page.quantized(network, node, constants_of(network, node, rule))
    if any(tensor.is_float for tensor in tensors):
        if isinstance(page.float32, Absent):
            raise page.float32.raise_for(node)
        return page.float32(network, node, rule)
    if isinstance(page.plain, Absent):
        raise page.plain.raise_for(node)
    return page.plain(network, node)


def host_step(network: Network, node: Node, rule: Rule) -> Step:
    """Return what the host computes: under the program's rule, else the file's own runtime's."""
    try:
        return step(network, node, rule)
    except UnsupportedError:
        return step(network, node, resolve_rule(network))
