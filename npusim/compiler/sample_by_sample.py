"""A node on a batch whose samples are computed one after the other, each as if it were alone."""

from __future__ import annotations

from npusim.compiler.context import Context, Lowering
from npusim.compiler.emit.memory import CONSTANTS, Stored
from npusim.compiler.graph.folding import FoldedInput
from npusim.compiler.graph.graph_storage import form_of
from npusim.compiler.lower.lowerings import lower_node
from npusim.graph.network import Network, Node
from npusim.graph.samples import single_sample
from npusim.graph.tensor import Tensor


class _OneSample:
    """What a lowering sees of sample `number` of a batch (Context)."""

    def __init__(self, network: Network, batch: Context, number: int) -> None:
        self._network, self._batch, self._number = network, batch, number
        self.machine, self.rule, self.samples = batch.machine, batch.rule, 1
        self.emitter, self.constants = batch.emitter, batch.constants
        self.pads: dict[str, tuple[Node, tuple[int, int, int, int]]] = {}
        self.folds: dict[str, FoldedInput] = {}
        self.fused: dict[str, Node] = {}

    def of(self, stored: Stored) -> Stored:
        """Return where the sample lies of what is stored."""
        if stored.spot.region == CONSTANTS:
            return stored
        return stored.sample(self._number, self._batch.samples)

    def source(self, name: str) -> Stored:
        return self.of(self._batch.source(name))

    def as_stored(self, tensor: Tensor) -> Stored:
        return self.of(self._batch.as_stored(self._network.tensors[tensor.name]))

    def scratch(self, pixels: int, channels: int, unsigned: bool) -> Stored:
        return self._batch.scratch(pixels, channels, unsigned)

    def addition(self, node: Node) -> Node | None:
        return None

    def lies_as_is(self, name: str) -> bool:
        return self._batch.lies_as_is(name)


def lower_each_sample(network: Network, node: Node, context: Context) -> Lowering | None:
    """Return how the machine computes `node` of a batch; None where the host has to."""
    one = single_sample(network)
    (alone,) = (other for other in one.nodes if other.name == node.name)
    computed = [name for name in (*node.inputs, *node.outputs) if name in network.producer]
    computed += [name for name in node.inputs if name in network.inputs]
    if not all(context.lies_as_is(name) for name in computed):
        return None
    for name in computed:
        stored = context.as_stored(network.tensors[name]).sample(0, context.samples)
        if form_of(one.tensors[name]).sizes != (stored.height, stored.width, stored.channels):
            return None
    views = [_OneSample(network, context, number) for number in range(context.samples)]
    found = [lower_node(one, alone, view) for view in views]
    lowerings = [lowering for lowering in found if lowering is not None]
    if len(lowerings) < len(views):
        return None

    def emit(*places: Stored) -> None:
        for lowering, view in zip(lowerings, views, strict=True):
            lowering(*(view.of(place) for place in places))

    return emit
