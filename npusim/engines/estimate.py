"""Cycles and energy of a network on a machine without executing data."""

from __future__ import annotations

from npusim.arguments import require_type
from npusim.compiler.compile import compile_batch
from npusim.compiler.graph.nominal import nominal_network
from npusim.engines.program_cost import ProgramCost
from npusim.errors import UnsupportedError
from npusim.graph.network import Network
from npusim.graph.samples import declared_samples
from npusim.isa.program import Program
from npusim.machines import Machine
from npusim.simulator.run import time_program


def estimate(
    network: Network,
    machine: str | Machine = "base",
    requant: str = "auto",
    batch: int | None = None,
) -> ProgramCost:
    """Return what a batch of `network` (integer, float, or shapes alone) costs on `machine`.

    The cost is that of `program.samples` samples: of the whole batch, or of a part of it where
    parts one after the other move fewer bytes.

    Parameters
    ----------
    machine
        A Machine, the name of one that comes with npusim, or a TOML file.
    requant
        As in `npusim.run`.
    batch
        Samples; None: as many as the network declares.

    Raises
    ------
    CapacityError, UnsupportedError
        As compile_network; or neither the machine nor the host computes an operator.
    """
    require_type("network", network, Network, hint="npusim.load makes one")
    network = nominal_network(network)
    samples = declared_samples(network) if batch is None else batch
    target = Machine.of(machine)
    program = compile_batch(network, target, requant, samples, with_data=False)
    _require_hosts(network, program)
    return ProgramCost.of(program, time_program(program))


def _require_hosts(network: Network, program: Program) -> None:
    """Raise UnsupportedError where the host has no function for what is left to it."""
    left = {step.node for step in program.steps if step.kind == "host"}
    if not left:
        return
    from npusim.graph.tensor import is_quantized
    from npusim.operators.kinds.called import Caller
    from npusim.operators.page import Absent
    from npusim.operators.pages import PAGE_OF

    for node in network.nodes:
        if isinstance(node.operator, Caller):
            continue
        page = PAGE_OF[type(node.operator)]
        parts: tuple[object, ...] = (page.quantized, page.float32, page.plain)
        tensors = (*network.inputs_of(node), *network.outputs_of(node))
        if not node.group and all(is_quantized(x) for x in tensors if not x.is_constant):
            parts = (page.quantized,)
        if node.name in left and all(isinstance(part, Absent) for part in parts):
            raise UnsupportedError(
                f"{node.name}: neither the machine nor the host computes {node.kind}"
            )
