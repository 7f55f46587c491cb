"""The whole NPU as one netlist in which a plus argument switches on a mutation of a control module.

Yosys elaborates the machine, keeps its hierarchy and lists mutations of each module; all of them go
into one netlist, so one compilation serves every mutant. A mutation of a module that stands in the
machine with several parameters (a nest, a bank) changes one of its variants, wherever it stands.

Yosys numbers what has no name over the whole machine. Here the numbers begin anew in each module,
so that a module's text, and with it its list of mutations, depends on its own source alone.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from npusim.cosim.npu.build import Simulation, compile_design, design
from npusim.cosim.units import load_unit, sources, unit_names
from npusim.machines import Machine
from tools.checkout import ROOT
from tools.flow import native_yosys
from tools.mutation.past import OF_A_RUN, give_a_past
from tools.mutation.reach import with_probes

RTL = ROOT / "rtl"
MEMORY_BYTES = 1 << 18
QUICK_TO_COMPILE = ("-fno-inline", "-CFLAGS", "-O1")
"""Modules that stay modules: a tenth of the code, and a program runs in a tenth of a second."""


@dataclass(frozen=True)
class Mutant:
    """One mutation: the number that switches it on, its module, its place there, Yosys' command."""

    number: int
    module: str
    place: int
    command: str

    @property
    def where(self) -> str:
        """Return file:line of the narrowest source location."""
        places = re.findall(r"-src (\w+\.v:\d+)", self.command)
        return places[-1] if places else "?"

    @property
    def variant(self) -> str:
        """Return the module of the netlist that it changes."""
        return re.findall(r"-module (\S+)", self.command)[0].removeprefix("\\")

    @property
    def what(self) -> str:
        """Return what is changed, in Yosys' words without the source locations."""
        return re.sub(r" -(src|module) \S+|^mutate -mode ", "", self.command)

    @property
    def is_of_a_clock(self) -> bool:
        """Return whether it changes a clock: more than what stands at the clock's edges."""
        return "clk_i" in self.command or " -port CLK " in self.command


def control_modules() -> tuple[str, ...]:
    """Return every module of npu_top that is not a datapath unit, in alphabetical order."""
    units = {load_unit(name).module for name in unit_names()}
    return tuple(sorted({path.stem for path in sources("npu_top", RTL)} - units))


def elaborate(machine: Machine, folder: Path) -> None:
    """Write base.il: the machine with the modules' variants called npu_x, npu_x__1, npu_x__2 ...

    What only keeps lint quiet (wires called unused...) is no hardware and goes. The enables of a
    memory's bits, which are equal, become one bit, as they are in the source.
    """
    for path in sources("npu_top", RTL):
        shutil.copy(path, folder)
    shutil.copytree(RTL / "generated", folder / "generated")
    give_a_past(folder)
    names = " ".join(["npu_past.v", *(path.name for path in sources("npu_top", RTL))])
    values = " ".join(f"-chparam {key} {value}" for key, value in machine.parameters.items())
    native_yosys.run(
        f"read_verilog -sv -I. {names}; hierarchy -check -top npu_top {values}; proc; pmuxtree; "
        "opt_reduce; delete w:unused* w:*.unused*; opt_clean; write_rtlil base.il",
        folder,
    )
    text = (folder / "base.il").read_text()
    count: dict[str, int] = {}
    for name in re.findall(r"^module \\?(\S+)$", text, re.MULTILINE):
        stem = re.findall(r"npu_\w+", name)[0]
        number = count[stem] = count.get(stem, -1) + 1
        fresh = f"{stem}__{number}" if number else stem
        text = re.sub(
            rf"^( *module|  cell) \\?{re.escape(name)}(?= |$)",
            rf"\g<1> \\{fresh}",
            text, flags=re.MULTILINE,
        )  # fmt: skip
    parts = re.split(r"^(?=module )", text, flags=re.MULTILINE)
    (folder / "base.il").write_text("".join(map(_with_own_numbers, parts)))


def _with_own_numbers(module: str) -> str:
    own: dict[str, int] = {}
    return re.sub(
        r"(?<=\$)\d+(?=[^\d])", lambda found: str(own.setdefault(found[0], len(own))), module
    )


def module_texts(folder: Path) -> dict[str, str]:
    """Return for each module the text of its variants in base.il."""
    text = (folder / "base.il").read_text()
    texts: dict[str, str] = {}
    for name, body in re.findall(r"^module \\(\S+)\n(.*?)^end$", text, re.MULTILINE | re.DOTALL):
        stem = name.partition("__")[0]
        texts[stem] = texts.get(stem, "") + body
    return texts


def list_mutants(modules: tuple[str, ...], count: int, seed: int, folder: Path) -> list[Mutant]:
    """Return `count` mutations of each module, spread over its source; fewer where it is small.

    They are kept in the folder.
    """
    lists = folder / f"list-{count}-{seed}"
    if not lists.exists():
        _write_lists(modules, count, seed, folder, lists)
    found: list[Mutant] = []
    for module in modules:
        for place, line in enumerate((lists / f"{module}.txt").read_text().splitlines()):
            found.append(Mutant(len(found) + 1, module, place, line))
    return found


def _write_lists(
    modules: tuple[str, ...], count: int, seed: int, folder: Path, lists: Path
) -> None:
    names = re.findall(r"^module \\(\S+)$", (folder / "base.il").read_text(), re.MULTILINE)
    script = ["read_rtlil base.il"]
    for module in modules:
        variants = [name for name in names if name.partition("__")[0] == module]
        script.append(f"mutate -list {count} -seed {seed} -o {module}.txt {' '.join(variants)}")
    (folder / "list.ys").write_text("\n".join(script) + "\n")
    native_yosys.run("script list.ys", folder)
    lists.mkdir()
    for module in modules:
        (folder / f"{module}.txt").rename(lists / f"{module}.txt")


def build(machine: Machine, mutants: list[Mutant], folder: Path) -> Simulation:
    """Compile the machine for Verilator with a switch for each of `mutants`: +mutant=NUMBER.

    What has been compiled is kept in the folder.
    """
    commands = "\n".join(mutant.command for mutant in mutants)
    place = folder / f"build-{hashlib.sha256(commands.encode()).hexdigest()[:16]}"
    if not place.exists():
        _compile(machine, mutants, folder, place)
    return Simulation(machine, "verilator", MEMORY_BYTES, (str(place / "Vnpu_system"),))


def _compile(machine: Machine, mutants: list[Mutant], folder: Path, place: Path) -> None:
    width = len(mutants).bit_length()
    script = ["read_rtlil base.il"]
    script += [f"{mutant.command} -ctrl mutant {width} {mutant.number}" for mutant in mutants]
    # A part select beyond a vector is 0, not the remainder that Verilator would take.
    script.append("chtype -set $shift t:$shiftx; write_verilog -noattr mutants.v")
    (folder / "mutants.ys").write_text("\n".join(script) + "\n")
    native_yosys.run("script mutants.ys", folder)
    values = machine.parameters
    units = {load_unit(name).module for name in unit_names()}
    netlist = _with_sources((folder / "mutants.v").read_text(), units, _variants(folder))
    netlist = _with_switch(with_probes(netlist), values)
    (folder / "netlist.v").write_text(netlist + OF_A_RUN)
    (folder / "npu_system.v").write_text(_of_a_netlist((RTL / "sim/npu_system.v").read_text()))
    wanted = design(machine, "verilator", MEMORY_BYTES)
    bench = [path for path in wanted.sources if path.parent.name == "sim"]
    bench = [folder / path.name if path.stem == "npu_system" else path for path in bench]
    own = [path for path in wanted.sources if path.stem in units]
    netlist_design = replace(wanted, sources=(*own, folder / "netlist.v", *bench))
    place.mkdir()
    compile_design(netlist_design, "verilator", place, QUICK_TO_COMPILE)


def _variants(folder: Path) -> dict[str, dict[str, str]]:
    """Return for each module of base.il its parameters with their values."""
    text = (folder / "base.il").read_text()
    found = re.findall(r"^module \\(\S+)\n((?:  parameter .*\n)*)", text, re.MULTILINE)
    return {
        name: dict(re.findall(r"^  parameter \\(\w+) (\d+)$", lines, re.MULTILINE))
        for name, lines in found
    }


def _with_sources(text: str, units: set[str], variants: Mapping[str, Mapping[str, str]]) -> str:
    """Return the netlist without the modules of `units`: instances of their sources instead.

    They have no mutations, and a simulator makes less of a netlist than of its source.
    """
    parts = re.split(r"^(?=module )", text, flags=re.MULTILINE)
    of_units = [name for name in variants if name.partition("__")[0] in units]
    heads = tuple(f"module {name}(" for name in of_units)
    text = "".join(part for part in parts if not part.startswith(heads))
    for name in of_units:
        values = ", ".join(f".{key}({value})" for key, value in variants[name].items())
        parameters = f" #({values})" if values else ""
        unit = name.partition("__")[0]
        text = re.sub(rf"^  {name} (?=\S)", f"  {unit}{parameters} ", text, flags=re.MULTILINE)
    return text


def _with_switch(text: str, values: Mapping[str, int]) -> str:
    """Return the netlist with npu_top's port `mutant` as a plus argument, and its parameters."""
    before, top = text.split("module npu_top(")
    top = re.sub(r"\bmutant, |, mutant(?=\);)", "", top, count=1)
    top, found = re.subn(
        r"^  input (\[.*?\]) mutant;\n  wire .*? mutant;\n",
        r"  reg \1 mutant;" + "\n"
        '  initial if (!$value$plusargs("mutant=%d", mutant)) mutant = 0;\n',
        top, count=1, flags=re.MULTILINE,
    )  # fmt: skip
    assert found
    ignored = ", ".join(f"parameter {name} = {value}" for name, value in values.items())
    return f"{before}module npu_top #({ignored}) ({top}"


def _of_a_netlist(text: str) -> str:
    """Return npu_system.v with the names that generate blocks have in a netlist.

    A run's end is counted from the reset alone: the machine's own cycles may begin anywhere.
    """
    text, found = re.subn(r"sequencer\.(engine\[\d\]\.\w+)", r"sequencer.\\\1 ", text)
    assert found
    own = "(run && npu.cycle >= cycles_most) || "
    assert own in text
    return text.replace(own, "")
