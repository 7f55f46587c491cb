"""Proofs that a mutation of the netlist changes nothing that anybody can see.

The machine is flattened down to banks, lanes and datapath units, which are boxes: what goes into
one counts as an output, what comes out of one as an input. All mutations stand in it, each with a
switch of its own, so one netlist serves all. The original and the mutated machine side by side
(mutant_miter.py) then go to ABC, which merges what is equal in every reachable state and looks for
an invariant under which no output differs (signal correspondence, then property directed
reachability). Lanes and banks are roots of their own.

Before that each mutant's module is such a root, with all that stands in it: what changes nothing
there, whatever comes in, changes nothing in the machine, and is found in a second.

ABC is Debian's package berkeley-abc.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from npusim.cosim.errors import CosimulationError
from npusim.cosim.units import load_unit, unit_names
from tools.flow import native_yosys
from tools.mutation.miter import Circuit, read_circuit, write_miter
from tools.mutation.netlist import Mutant

TOP = "npu_top"
OWN_ROOTS = ("npu_lane", "npu_epilogue", "npu_bank")
"""Control modules that are boxes in npu_top."""
LANE_PARTS = ("npu_weight_column",)
"""Control modules that stand in lanes alone."""
NETLIST_SECONDS = 1200
CONFLICTS = 5000
"""Of one proof that two nodes are equal."""
INVARIANT_SECONDS = 60
PROOF_SECONDS = 400
ALONE_SECONDS = 20
"""Of a proof within the mutant's own module, which most often takes one."""
_RESET = "rst_i"

_GATES = (
    "flatten; chtype -set $shift t:$shiftx; memory -nomap; memory_map; setundef -zero; opt_clean; "
    "expose -evert {boxes}; techmap; simplemap; opt -fast; dffunmap; simplemap; setundef -zero; "
    "aigmap; opt_clean; write_blif {name}.blif"
)
_ABC = "berkeley-abc"


class Prover:
    """Proves mutants equivalent; the netlists are made when the first one needs them.

    Parameters
    ----------
    mutants
        All that may be asked for.
    folder
        Holds base.il (mutant_netlist.elaborate); the proof's files go there.
    """

    def __init__(self, mutants: Sequence[Mutant], folder: Path) -> None:
        if shutil.which(_ABC) is None:
            raise CosimulationError(f"{_ABC} not found: sudo apt-get install {_ABC}")
        self._mutants = mutants
        self._folder = folder
        self._circuits: dict[str, Circuit] = {}

    def is_equivalent_alone(self, mutant: Mutant) -> bool:
        """Return whether `mutant` is proved to do what its module does, for every input."""
        return self._is_equivalent_in(mutant.variant, mutant, ALONE_SECONDS)

    def is_equivalent(self, mutant: Mutant) -> bool:
        """Return whether `mutant` is proved to do what the original machine does."""
        return self._is_equivalent_in(_root(mutant), mutant, PROOF_SECONDS)

    def _is_equivalent_in(self, root: str, mutant: Mutant, seconds: int) -> bool:
        if root not in self._circuits:
            self._circuits[root] = self._netlist(root)
        circuit, name = self._circuits[root], f"m{mutant.number}"
        path = self._folder / f"{name}.aig"
        return not write_miter(circuit, name, _RESET, path) or self._never(name, seconds)

    def _netlist(self, root: str) -> Circuit:
        text = (self._folder / "base.il").read_text()
        names = re.findall(r"^module \\(\S+)$", text, re.MULTILINE)
        units = {load_unit(name).module for name in unit_names()}
        boxes = [
            name for name in names
            if name != root and name.partition("__")[0] in {*units, *OWN_ROOTS}
        ]  # fmt: skip
        switches = "\n".join(
            f"{mutant.command} -ctrl m{mutant.number} 1 1"
            for mutant in self._mutants
            if root in (mutant.variant, _root(mutant))
        )
        gates = _GATES.format(boxes=" ".join(f"t:{box}" for box in boxes), name=root)
        (self._folder / f"{root}.ys").write_text(
            f"read_rtlil base.il\ndelete =npu_past\nread_verilog npu_past_none.v\n"
            f"{switches}\nblackbox {' '.join(boxes)}\n"
            f"hierarchy -top {root}\n{gates}\n"
        )
        native_yosys.run(f"script {root}.ys", self._folder, timeout_seconds=NETLIST_SECONDS)
        self._abc(f"read_blif {root}.blif; strash; write_aiger -s {root}.aig", NETLIST_SECONDS)
        return read_circuit(self._folder / f"{root}.aig")

    def _never(self, miter: str, seconds: int) -> bool:
        """Return whether ABC proves that the miter's output is never 1."""
        most = min(seconds, INVARIANT_SECONDS)
        script = f"&r {miter}.aig; &scl; &scorr -C {CONFLICTS}; &put; pdr -T {most}; print_status"
        try:
            said = self._abc(script, seconds)
        except subprocess.TimeoutExpired:
            return False
        return "Property proved" in said

    def _abc(self, script: str, timeout_seconds: int) -> str:
        done = subprocess.run(
            [_ABC, "-c", script], cwd=self._folder, capture_output=True, text=True, check=False,
            timeout=timeout_seconds,
        )  # fmt: skip
        if done.returncode or "error" in done.stdout.lower():
            raise CosimulationError(f"{_ABC}: {(done.stdout + done.stderr).splitlines()[-1:]}")
        return done.stdout


def _root(mutant: Mutant) -> str:
    if mutant.module in LANE_PARTS:
        return OWN_ROOTS[0]
    return mutant.variant if mutant.module in OWN_ROOTS else TOP
