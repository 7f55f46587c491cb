"""What an engine is, and the public function that runs a network on one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from numpy.typing import NDArray

from npusim.arguments import require_count, require_one_of
from npusim.engines.result import Result
from npusim.errors import UnsupportedError
from npusim.graph.network import Network
from npusim.machines import Machine
from npusim.words import ENERGY_MODELS, ENGINES, EnergyModel, EngineName, Rule

Samples = NDArray | Mapping[str, NDArray]
"""One sample or a batch [N ...] in the file's layout: of the one input, or of each by its name."""

Progress = Callable[[int, int], None]
"""Called with how much is done, and how much there is in all."""


class Engine(Protocol):
    """Runs networks bit-exactly: engines differ in what else they know (`Result`)."""

    def run(
        self,
        network: Network,
        x: Samples,
        rule: Rule,
        *,
        keep_tensors: bool = False,
        progress: Progress | None = None,
    ) -> Result:
        """Execute `network` on `x` under `rule`; with `keep_tensors` keep more than outputs."""


def engine_named(
    name: str,
    *,
    machine: str | Machine = "base",
    energy: EnergyModel = "average",
    batch: int | None = None,
    threads: int | None = None,
    reset_state: bool = False,
) -> Engine:
    """Return the engine called `name`; see `run` for the settings.

    Raises
    ------
    UnsupportedError
        There is no such engine or energy, or `toggles` are asked of another than `machine`.
    RangeError
        A count is below 1.
    """
    require_one_of("engine", name, ENGINES)
    require_one_of("energy", energy, ENERGY_MODELS)
    require_count("batch", batch)
    require_count("threads", threads)
    if energy == "toggles" and name != "machine":
        raise UnsupportedError(f"energy toggles: expected engine machine, found {name}")
    if name == "kernels":
        from npusim.engines.kernels import KernelsEngine

        return KernelsEngine(batch, threads, reset_state)
    if name == "machine":
        from npusim.engines.machine import MachineEngine

        return MachineEngine(Machine.of(machine), energy, reset_state)
    from npusim.engines.rtl import RtlEngine

    return RtlEngine(Machine.of(machine), reset_state)


def run(
    network: Network,
    x: Samples,
    *,
    engine: EngineName = "kernels",
    machine: str | Machine = "base",
    requant: str = "auto",
    batch: int | None = None,
    threads: int | None = None,
    reset_state: bool = False,
    keep_tensors: bool = False,
    energy: EnergyModel = "average",
    progress: Progress | None = None,
) -> Result:
    """Execute `network` bit-exactly on `x`.

    Parameters
    ----------
    network
        An integer network, see `npusim.load`.
    x : array, or mapping of input name to array
        One sample or a batch with a leading axis, in the file's layout. Integers go in as they are;
        floats are quantized with the input's scale by the file's own runtime's rule.
    engine
        `kernels`: layer by layer, fast. `machine`: the compiled program on the simulated NPU, one
        sample after the other, with cycles. `rtl`: the same program on the Verilog of the NPU,
        compiled by Verilator (minutes where it is new); bytes and cycles are what it did.
    machine
        For engines `machine` and `rtl`: a Machine, a name, or a TOML file.
    requant
        A rounding rule, or `auto` for that of the file's own runtime.
    batch
        Engine `kernels`: most samples that a layer takes at once; as many as suit the cache when
        None.
    threads
        Engine `kernels`: processor cores to use; all when None.
    reset_state
        Whether every sample begins with the network's initial state; else samples are steps in
        time, the first of which begins with it. To keep state between calls, `npusim.prepare`.
    energy
        For engine `machine`: `average` prices of products, or `toggles`, what the operands of these
        samples do in the array, on the mean of them (slower: each bit that changes is counted).
    progress
        Called with (layers done, layers in all) while the run goes on; on a machine with samples.

    Returns
    -------
    Result
        A MachineResult, with cycles and energy, from engines `machine` and `rtl`.

    Raises
    ------
    UnsupportedError
        The rule does not apply to the network, there is no such
        engine or energy, or `toggles` are asked of another engine than `machine`.
    ShapeError, RangeError
        `x` does not fit the network's input; `batch` or `threads` is below 1.
    CosimulationError
        Engine `rtl`: Verilator is missing, or the RTL cannot be run.
    """
    from npusim.runtimes.rule import resolve_rule

    chosen = engine_named(
        engine,
        machine=machine,
        energy=energy,
        batch=batch,
        threads=threads,
        reset_state=reset_state,
    )
    rule = resolve_rule(network, requant)
    return chosen.run(network, x, rule, keep_tensors=keep_tensors, progress=progress)
