"""Mutation score of the datapath's RTL: how many broken modules the bench notices.

    python -m tools.mutation.datapath [UNIT ...] [--mutants 200] [--seed 1] [--update]

For each unit Yosys lists mutations of the elaborated module: a bit of a cell's port inverted,
stuck, or flipped under control of another bit, spread evenly over the source. It builds netlists in
which a selection port switches on one of 25 of them. A simulation must find no fault with none
switched on, and then drives each mutant until its first fault. What survives is compared with the
original by SAT (an equivalent mutant is no fault) and else driven again with many more vectors.

Run without a unit, the table in docs/verification.md is written anew; with units and --update their
rows are, and the others stay (after a change of a unit's RTL, page or stimulus, for instance).
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from npusim.codes import WEIGHT_FORMATS
from npusim.cosim.bench import Bench, make_image
from npusim.cosim.errors import CosimulationError
from npusim.cosim.units import load_unit, sources, unit_names
from npusim.cosim.wiring import Wiring
from npusim.cosim.yosys import run_script
from npusim.datapath.contract import Unit
from npusim.datapath.weight_decode import bits_bounds
from tools.checkout import ROOT

DOCUMENT = ROOT / "docs" / "verification.md"
LEAST_SCORE = 0.95

BITS_BY_FORMAT = ("weight_decode",)
"""Units whose `bits` is legal by the `format` beside it (weight_decode.bits_bounds)."""

MUTANTS_PER_NETLIST = 25
"""Every mutant makes the netlist slower to simulate; every netlist costs a second."""
SHORT_VECTORS = 3_000
LONG_VECTORS = 50_000
PROOF_SECONDS = 60


@dataclass(frozen=True)
class Mutant:
    """One mutation: Yosys' command for it, and where in the source it is."""

    number: int
    command: str

    @property
    def where(self) -> str:
        """Return file:line of the narrowest source location."""
        places = re.findall(r"-src (\S+?):(\d+)\.\d+-(\d+)\.\d+", self.command)
        places.sort(key=lambda place: int(place[2]) - int(place[1]))
        return f"rtl/{places[0][0]}:{places[0][1]}" if places else "unknown"

    @property
    def what(self) -> str:
        """Return the mutation in words."""
        option = dict(re.findall(r"-(\w+) (\S+)", self.command))
        name = option["cell"]
        cell = name.split("$")[1] if name.startswith("$") else name.lstrip("\\")
        wire = f" ({option['wire']}[{option['wirebit']}])" if "wire" in option else ""
        return f"{option['mode']} {cell}.{option['port']}[{option['portbit']}]{wire}"


@dataclass(frozen=True)
class Score:
    """What became of a module's mutants."""

    unit: str
    killed: int
    equivalent: tuple[Mutant, ...]
    surviving: tuple[Mutant, ...]
    seconds: float

    @property
    def score(self) -> float:
        """Return killed / (killed + surviving)."""
        return self.killed / max(1, self.killed + len(self.surviving))


def list_mutants(unit: Unit, count: int, seed: int, folder: Path) -> list[Mutant]:
    """Write base.il, the original, to `folder`; return `count` mutations of it.

    $pmux cells, whose value is undefined where two selections are active, become trees of $mux, so
    that simulation and SAT mean the same by a mutated selection.
    """
    files = sources(unit.module, ROOT / "rtl")
    for path in files:
        shutil.copy(path, folder)
    names = " ".join(path.name for path in files)
    run_script(
        f"read_verilog -sv {names}; hierarchy -check -top {unit.module}; proc; pmuxtree; "
        f"opt_clean; write_rtlil base.il; "
        f"mutate -list {count} -seed {seed} -o mutations.txt {unit.module}",
        folder,
    )
    lines = (folder / "mutations.txt").read_text().splitlines()
    return [Mutant(number, line) for number, line in enumerate(lines, start=1)]


def simulate(
    unit: Unit,
    mutants: Sequence[Mutant],
    folder: Path,
    vectors: int,
    seed: int,
    *,
    most: int | None = None,
) -> list[Mutant]:
    """Return those of `mutants` in which the bench finds no fault.

    `vectors` random ones are driven beside the directed ones; of all those at most `most`.
    """
    width = len(mutants).bit_length()
    script = ["read_rtlil base.il"]
    script += [f"{m.command} -ctrl mutant {width} {i}" for i, m in enumerate(mutants, start=1)]
    script += ["opt_clean", "write_verilog -noattr mutants.v"]
    (folder / "mutants.ys").write_text("\n".join(script) + "\n")
    run_script("script mutants.ys", folder)
    files = (folder / "mutants.v",)
    wiring = Wiring(ties=unit.ties)
    bench = Bench(unit, unit.module, files, unit.parameters, wiring, select=("mutant", width))
    image = make_image(unit, unit.parameters, wiring, seed=seed, vectors=vectors, most=most)
    outcome = bench.simulate(image, plusargs=[f"+last={len(mutants)}", "+stop_at_fault"])
    faulty = {fault.selection for fault in outcome.faults}
    if 0 in faulty:
        raise CosimulationError(f"{unit.module}: the original fails: run npusim verify first")
    return [mutant for i, mutant in enumerate(mutants, start=1) if i not in faulty]


def is_equivalent(unit: Unit, mutant: Mutant, folder: Path) -> bool:
    """Return whether SAT proves that the mutant does the same on every legal input.

    First as circuits, for every input. Then, with the inputs' legal ranges assumed, for all
    sequences of latency + 3 cycles from an empty pipeline: a unit is a feed-forward pipeline, so
    that is enough to fill it with anything and to stall, reset or drain it.
    """
    flat = f"hierarchy -top {unit.module}; flatten; opt_clean"
    both = (
        f"read_rtlil base.il; {flat}; rename {unit.module} gold; write_rtlil gold.il; "
        "design -reset; "
        f"read_rtlil base.il; {mutant.command}; {flat}; rename {unit.module} gate; "
        "read_rtlil gold.il; "
    )
    circuits = (
        "equiv_make gold gate equiv; hierarchy -top equiv; opt -full; equiv_struct; "
        "equiv_simple -undef; equiv_induct -undef; equiv_status -assert"
    )
    (folder / "miter.v").write_text(miter(unit))
    steps = unit.latency(unit.parameters) + 3
    behaviour = (
        "read_verilog -sv -formal miter.v; hierarchy -top miter; proc; flatten; async2sync; "
        "chformal -lower; opt -full; opt_merge -share_all; opt -full; "
        f"sat -seq {steps} -prove-asserts -set-assumes -set-init-zero -verify miter"
    )
    for proof in (circuits, behaviour):
        try:
            run_script(both + proof, folder, log="proof.log", timeout_seconds=PROOF_SECONDS)
        except (CosimulationError, subprocess.TimeoutExpired):
            continue
        return True
    return False


def miter(unit: Unit) -> str:
    """Return Verilog that assumes legal inputs and asserts that gold and gate agree on them."""
    parameters = unit.parameters
    control = ["clk_i", "rst_i", "en_i", "valid_i"]
    widths = {port.rtl_name: port.total_width(parameters) for port in unit.ports}
    inputs = {port.rtl_name: widths[port.rtl_name] for port in unit.inputs}
    outputs = {port.rtl_name: widths[port.rtl_name] for port in unit.outputs}
    declared = [f"input {name}" for name in control]
    declared += [f"input [{width - 1}:0] {name}" for name, width in inputs.items()]
    lines = [f"module miter ({', '.join(declared)});", "  wire gold_valid, gate_valid;"]
    for side in ("gold", "gate"):
        lines += [f"  wire [{width - 1}:0] {side}_{name};" for name, width in outputs.items()]
        wires = [f".{name}({name})" for name in (*control, *inputs)]
        wires += [f".{name}({value})" for name, value in unit.ties.items()]
        wires += [f".{name}({side}_{name})" for name in outputs]
        lines.append(f"  {side} {side}_unit ({', '.join(wires)}, .valid_o({side}_valid));")
    lines.append("  always @* begin")
    for port in unit.inputs:
        (low, high), width = port.legal_bounds(parameters), port.width(parameters)
        if (low, high) == port.bounds(parameters):
            continue
        for lane in range(port.lane_count(parameters)):
            value = f"{port.rtl_name}[{lane * width}+:{width}]"
            least, most = low & ((1 << width) - 1), high & ((1 << width) - 1)
            if port.signed:  # flipping the sign bit makes the comparison unsigned
                half = 1 << (width - 1)
                value, least, most = f"({value} ^ {width}'d{half})", least ^ half, most ^ half
            lines.append(f"    assume ({value} >= {width}'d{least} && {value} <= {width}'d{most});")
    if unit.name in BITS_BY_FORMAT:
        for weight_format in range(len(WEIGHT_FORMATS)):
            least, most = bits_bounds(weight_format, parameters) or (1, 0)
            legal = f"(bits_i >= {least} && bits_i <= {most})"
            lines.append(f"    assume (format_i != {weight_format} || {legal});")
    lines.append("    assert (gold_valid == gate_valid);")
    lines += [f"    assert (!gold_valid || gold_{n} == gate_{n});" for n in outputs]
    lines += ["  end", "endmodule", ""]
    return "\n".join(lines)


def mutation_score(unit: Unit, count: int, seed: int, *, long: bool = True) -> Score:
    """Return the score of `unit` over `count` mutants; `long` drives survivors again."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="npusim-mutation-") as temporary:
        folder = Path(temporary)
        mutants = list_mutants(unit, count, seed, folder)
        survivors = []
        for first in range(0, len(mutants), MUTANTS_PER_NETLIST):
            some = mutants[first : first + MUTANTS_PER_NETLIST]
            survivors += simulate(unit, some, folder, SHORT_VECTORS, seed, most=SHORT_VECTORS)
        equivalent = [mutant for mutant in survivors if is_equivalent(unit, mutant, folder)]
        survivors = [mutant for mutant in survivors if mutant not in equivalent]
        if long:
            survivors = [
                mutant
                for mutant in survivors
                if simulate(unit, [mutant], folder, LONG_VECTORS, seed + 1)
            ]
    dead = len(mutants) - len(survivors) - len(equivalent)
    seconds = time.monotonic() - start
    return Score(unit.name, dead, tuple(equivalent), tuple(survivors), seconds)


def heading(count: int, seed: int) -> str:
    """Return the line above the table, which says how it was made."""
    return f"{count} mutants a module, seed {seed}; made by `python -m tools.mutation.datapath`."


def row(score: Score) -> str:
    """Return the table's line of one module."""
    return (
        f"| npu_{score.unit} | {score.killed} | {len(score.equivalent)} "
        f"| {len(score.surviving)} | {100 * score.score:.1f} % |"
    )


def table(scores: Sequence[Score], count: int, seed: int, before: Sequence[str] = ()) -> str:
    """Return the Markdown of the scores and of every survivor.

    Rows and survivors in the lines `before` stay where `scores` has nothing about their module.

    Raises
    ------
    ValueError
        The lines before were made with another number of mutants or another seed.
    """
    if before and before[0] != heading(count, seed):
        raise ValueError(f"expected a table of {heading(count, seed)!r}, found {before[0]!r}")
    new = {f"npu_{score.unit}" for score in scores}
    kept = [match for line in before if (match := re.match(r"(?:\| |\* in )(npu_\w+)", line))]
    lines = [match.string for match in kept if match[1] not in new]
    rows = [line for line in lines if line.startswith("|")] + [row(score) for score in scores]
    survivors = [line for line in lines if line.startswith("*")]
    survivors += [
        f"* in npu_{score.unit}, {mutant.where}: {mutant.what}"
        for score in scores
        for mutant in score.surviving
    ]
    title = ["| module | killed | equivalent | surviving | score |", "|---|---|---|---|---|"]
    count_line = f"Surviving: {len(survivors) or 'none'}."
    parts = [heading(count, seed), "", *title, *sorted(rows), "", count_line, "", *survivors]
    return "\n".join(parts).rstrip() + "\n"


def main() -> int:
    """Print the scores; return 1 where one is too low."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("units", nargs="*", help="units; all where none is named")
    parser.add_argument("--mutants", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--update", action="store_true", help="write the units' rows of the table")
    arguments = parser.parse_args()
    scores = []
    for unit in [load_unit(name) for name in arguments.units or unit_names()]:
        score = mutation_score(unit, arguments.mutants, arguments.seed)
        scores.append(score)
        print(
            f"{unit.module}: {score.killed} killed, {len(score.equivalent)} equivalent, "
            f"{len(score.surviving)} surviving: {100 * score.score:.1f} % in {score.seconds:.0f} s"
        )
        for mutant in score.equivalent:
            print(f"  equivalent {mutant.where}: {mutant.what}")
        for mutant in score.surviving:
            print(f"  SURVIVING  {mutant.where}: {mutant.what}")
        sys.stdout.flush()
    if arguments.update or not arguments.units:
        before = section(DOCUMENT, "mutation").splitlines() if arguments.units else ()
        text = table(scores, arguments.mutants, arguments.seed, before)
        write_section(DOCUMENT, "mutation", text)
    return int(any(score.score < LEAST_SCORE for score in scores))


def section(path: Path, name: str) -> str:
    """Return what stands between the markers of section `name` in a Markdown file."""
    rest = path.read_text().split(f"<!-- {name}: begin -->\n")[1]
    return rest.split(f"<!-- {name}: end -->")[0]


def write_section(path: Path, name: str, text: str) -> None:
    """Replace what stands between the markers of section `name` in a Markdown file."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    before, rest = path.read_text().split(begin)
    _, after = rest.split(end)
    path.write_text(f"{before}{begin}{text}{end}{after}")


if __name__ == "__main__":
    sys.exit(main())
