"""Proofs that a mutation of the netlist changes nothing that anybody can see.

The engine around the mutated module (a root below) is flattened, down to memory banks, lanes and
datapath units, which are boxes that get and give the same. With and without the mutation it is
compared register by register and output by output, after logic that nothing reads has gone bit by
bit. The proof holds for every input sequence. A module in several engines is compared in each.

Before that, all mutations are put into the whole machine, each with a switch of its own, and the
machine is reduced to single gates: a switch that no gate reads any more changes no output.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from mutant_netlist import Mutant, control_modules

from npusim.cosim.errors import CosimulationError
from npusim.cosim.yosys import run_script

PROOF_SECONDS = 120
UNREAD_SECONDS = 1200
ROOTS = (
    "npu_control", "npu_fetch", "npu_sequencer", "npu_ld", "npu_st", "npu_ex", "npu_scratchpads",
)  # fmt: skip
CLOSED = ("npu_lane", "npu_bank")
"""Control modules that are boxes in an engine; each is a root of its own."""

_BITS = (
    "flatten; memory -nomap; memory_map; opt -full; simplemap; splitnets; opt_clean -purge; "
    "opt -full; opt_clean -purge"
)

_GATES = (
    "memory -nomap; opt -full; wreduce; opt_clean -purge; "
    "techmap t:$add t:$sub t:$neg t:$lt t:$le t:$gt t:$ge t:$eq t:$ne; simplemap; splitnets; "
    "opt_clean -purge; opt -full; wreduce; opt -full; opt_clean -purge"
)


def unread(mutants: Sequence[Mutant], folder: Path) -> set[int]:
    """Return the numbers of `mutants` that change nothing which an output of npu_top reads."""
    switches = "\n".join(f"{mutant.command} -ctrl m{mutant.number} 1 1" for mutant in mutants)
    (folder / "unread.ys").write_text(
        f"read_rtlil base.il\n{switches}\nhierarchy -top npu_top\nflatten\n{_GATES}\n"
        "write_rtlil unread.il\n"
    )
    run_script("script unread.ys", folder, timeout_seconds=UNREAD_SECONDS)
    read: set[str] = set()
    with (folder / "unread.il").open() as netlist:
        for line in netlist:
            if line.lstrip().startswith("connect"):
                read.update(re.findall(r"\\m(\d+)\b", line))
    return {mutant.number for mutant in mutants} - set(map(int, read))


def is_equivalent(mutant: Mutant, folder: Path) -> bool:
    """Return whether every engine with `mutant` is proved to do what it does without."""
    roots = _roots(mutant, folder)
    return bool(roots) and all(_same(mutant, root, folder) for root in roots)


def _roots(mutant: Mutant, folder: Path) -> list[str]:
    """Return the engines that hold the mutated module; itself where it is a box in them."""
    text = (folder / "base.il").read_text()
    if mutant.module in CLOSED:
        return [mutant.variant]
    return [root for root in (*ROOTS, "npu_lane") if mutant.variant in _below(text, root)]


def _below(text: str, root: str) -> set[str]:
    """Return the modules of the netlist in `root`, itself included, that are no boxes there."""
    found, wanted = set(), [root]
    while wanted:
        name = wanted.pop()
        found.add(name)
        start = text.index(f"\nmodule \\{name}\n")
        body = text[start : text.index("\nend\n", start)]
        inner = set(re.findall(r"^  cell \\(npu_\S+) ", body, re.MULTILINE))
        wanted += [name for name in inner - found if _opens(name)]
    return found


def _opens(name: str) -> bool:
    stem = name.partition("__")[0]
    return stem in control_modules() and stem not in CLOSED


def _same(mutant: Mutant, root: str, folder: Path) -> bool:
    if not (folder / f"gold_{root}.il").exists():
        text = (folder / "base.il").read_text()
        names = re.findall(r"^module \\(\S+)$", text, re.MULTILINE)
        boxes = " ".join(name for name in names if name != root and not _opens(name))
        run_script(
            f"read_rtlil base.il; blackbox {boxes}; hierarchy -top {root}; "
            f"write_rtlil base_{root}.il; {_BITS}; rename {root} gold; write_rtlil gold_{root}.il",
            folder,
        )
    script = (
        f"read_rtlil base_{root}.il; {mutant.command}; {_BITS}; rename {root} gate; "
        f"read_rtlil -overwrite gold_{root}.il; equiv_make gold gate equiv; cd equiv; "
        "opt_merge -share_all; opt_clean; equiv_simple -undef; equiv_induct -undef; "
        "equiv_status -assert"
    )
    try:
        run_script(script, folder, log="proof.log", timeout_seconds=PROOF_SECONDS)
    except (CosimulationError, subprocess.TimeoutExpired):
        return False
    return True
