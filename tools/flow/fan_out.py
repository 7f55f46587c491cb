"""Buffer trees on what one cell drives too much of, in a mapped netlist of Yosys (write_json).

ABC sizes and buffers the logic that it maps, but a register, a module that is mapped for itself and
a memory are outside of it: it sees one sink where a net goes to sixteen lanes. So, when the parts
stand together: a net with more load than its driver should bear gets a tree of buffers, its sinks
in groups of as much as one buffer drives; an input of a module that is mapped for itself gets a
buffer, so that the net outside sees that alone, which is what mapping assumed to drive it; and a
register with more than a gate to drive becomes the library's next stronger one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from tools.flow.liberty import Library
from tools.flow.technologies import Technology

Modules = dict[str, Any]
Sink = tuple[str, str, int, float]
"""Cell, pin, index of the bit in it, load in fF."""
CLOCK = "clk_i"
TOP = "design_top"


def buffered(modules: Modules, library: Library, technology: Technology, pin_ff: float) -> None:
    """Put the trees into `modules`, in place. `pin_ff`: of an input of a memory."""
    loads: dict[str, dict[str, list[float]]] = {}  # module -> port -> of each bit
    inner = [name for name in modules if name != TOP and not _is_box(modules[name])]
    for name in inner:
        loads[name] = _Buffering(name, modules, library, technology, loads, pin_ff).inner()
    _Buffering(TOP, modules, library, technology, loads, pin_ff).outer()


def _is_box(module: Mapping[str, Any]) -> bool:
    return "blackbox" in module.get("attributes", {})


class _Buffering:
    """One module under way."""

    def __init__(
        self, name: str, modules: Modules, library: Library, technology: Technology,
        loads: Mapping[str, Mapping[str, list[float]]], pin_ff: float,
    ) -> None:  # fmt: skip
        module = modules[name]
        self.module, self.library, self.technology = module, library, technology
        self.cells: dict[str, Any] = module["cells"]
        self.buffer_ff = library.cells[technology.buffer].capacitances_ff["A"]
        self.output = library.cells[technology.buffer].outputs[0]
        self.next_bit = 1 + max(
            (bit for cell in self.cells.values() for bits in cell["connections"].values()
             for bit in bits if isinstance(bit, int)), default=1,
        )  # fmt: skip
        self.sinks: dict[int, list[Sink]] = defaultdict(list)
        self.drivers: dict[int, tuple[str, str]] = {}  # net -> cell and pin
        for instance, cell in self.cells.items():
            of = library.cells.get(cell["type"])
            outputs = self._outputs(cell["type"], modules)
            for pin, bits in cell["connections"].items():
                for index, bit in enumerate(bits):
                    if not isinstance(bit, int):
                        continue
                    if pin in outputs:
                        self.drivers[bit] = instance, pin
                    elif of is not None:
                        self.sinks[bit].append((instance, pin, index, of.capacitances_ff[pin]))
                    elif cell["type"] in loads:
                        load = loads[cell["type"]][pin][index]
                        self.sinks[bit].append((instance, pin, index, load))
                    else:
                        self.sinks[bit].append((instance, pin, index, pin_ff))
        self.clock = set(module["ports"][CLOCK]["bits"]) if CLOCK in module["ports"] else set()

    def _outputs(self, kind: str, modules: Modules) -> set[str]:
        if kind in self.library.cells:
            return set(self.library.cells[kind].outputs)
        ports = modules[kind]["ports"] if kind in modules else {}
        return {pin for pin, port in ports.items() if port["direction"] != "input"}

    def outer(self) -> None:
        """Put trees behind cells and ports, and stronger registers before them."""
        for bit in [bit for bit in self.sinks if bit not in self.clock]:
            self._tree(bit, self._bears(bit))
            self._stronger(bit)

    def inner(self) -> dict[str, list[float]]:
        """Do the same where every input has a buffer; return the loads of the ports."""
        inputs = {
            name: port["bits"] for name, port in self.module["ports"].items()
            if port["direction"] == "input"
        }  # fmt: skip
        of_ports = {bit for bits in inputs.values() for bit in bits} - self.clock
        for bit in [bit for bit in self.sinks if bit not in self.clock]:
            self._tree(bit, self.buffer_ff if bit in of_ports else self._bears(bit))
            self._stronger(bit)
        return {
            name: [sum(sink[3] for sink in self.sinks.get(bit, ())) for bit in bits]
            for name, bits in inputs.items()
        }

    def _bears(self, bit: int) -> float:
        """Return the load, fF, that the net's driver bears; a port has the technology's driver."""
        instance, pin = self.drivers.get(bit, ("", ""))
        kind = self.cells[instance]["type"] if instance else self.technology.driver
        if kind == self.technology.registers[0]:
            kind = self.technology.registers[1]  # which takes its place
        of = self.library.cells.get(kind)
        if of is None:  # a module or a memory: as much as a port
            of = self.library.cells[self.technology.driver]
            pin = ""
        tables = [table for arc in of.arcs if pin in ("", arc.end) for table in arc.delay]
        return self.technology.filling * max(float(table.loads[-1]) for table in tables)

    def _tree(self, bit: int, most_ff: float) -> None:
        """Group the sinks of a net behind buffers until at most `most_ff` hangs on it."""
        sinks = self.sinks[bit]
        while len(sinks) > 1 and sum(sink[3] for sink in sinks) > most_ff:
            groups: list[list[Sink]] = [[]]
            for sink in sinks:
                if (
                    groups[-1]
                    and sum(s[3] for s in groups[-1]) + sink[3] > self.technology.buffer_ff
                ):
                    groups.append([])
                groups[-1].append(sink)
            if len(groups) == len(sinks):
                break  # each of them is as much as a buffer drives
            sinks = [self._behind_buffer(bit, group) for group in groups]
        self.sinks[bit] = sinks

    def _behind_buffer(self, bit: int, group: list[Sink]) -> Sink:
        if len(group) == 1 and group[0][3] <= self.buffer_ff:
            return group[0]
        new, self.next_bit = self.next_bit, self.next_bit + 1
        name = f"fan_out_{new}"
        for cell, pin, index, _ in group:
            self.cells[cell]["connections"][pin][index] = new
        self.cells[name] = {
            "hide_name": 0, "type": self.technology.buffer, "parameters": {}, "attributes": {},
            "connections": {"A": [bit], self.output: [new]},
        }  # fmt: skip
        return name, "A", 0, self.buffer_ff

    def _stronger(self, bit: int) -> None:
        driver = self.cells.get(self.drivers.get(bit, ("", ""))[0])
        if driver is None or sum(sink[3] for sink in self.sinks[bit]) <= self.buffer_ff:
            return
        weak, strong = self.technology.registers
        if driver["type"] == weak:
            driver["type"] = strong
