"""Miter: a sequential circuit and the same with a mutation, side by side, that must never differ.

The circuit is an AIGER file (http://fmv.jku.at/aiger) of a machine in which every mutation has a
switch, an input called m<number>. The miter has the same inputs for both copies, and one output: 1
where an output of theirs differs. What the mutation cannot reach stands there once.

It begins after a reset: a register that the reset sets has that value, for each copy what it is
there; any other holds any value, the same in both copies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

AND, INPUT, LATCH = "and", "input", "latch"


@dataclass(frozen=True)
class Circuit:
    """An and-inverter graph; a literal is 2 * node, + 1 where inverted, node 0 is false.

    Nodes: 0, inputs, latches, ands, in this order.
    """

    inputs: tuple[str, ...]
    next_literals: tuple[int, ...]
    """What each latch takes."""
    output_literals: tuple[int, ...]
    ands: tuple[tuple[int, int], ...]

    @property
    def first_latch(self) -> int:
        """Return the node of the first latch."""
        return 1 + len(self.inputs)

    @property
    def first_and(self) -> int:
        """Return the node of the first and."""
        return self.first_latch + len(self.next_literals)


def read_circuit(path: Path) -> Circuit:
    """Return the circuit of a binary AIGER file; inputs without a name have an empty one."""
    data = path.read_bytes()
    place = data.index(b"\n") + 1
    _, inputs, latches, outputs, ands, *bad = (int(part) for part in data[:place].split()[1:])

    def line() -> bytes:
        nonlocal place
        end = data.index(b"\n", place)
        start, place = place, end + 1
        return data[start:end]

    def delta() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    next_literals = tuple(int(line().split()[0]) for _ in range(latches))
    output_literals = tuple(int(line()) for _ in range(outputs + sum(bad[:1])))
    pairs = []
    for node in range(1 + inputs + latches, 1 + inputs + latches + ands):
        left = 2 * node - delta()
        pairs.append((left, left - delta()))
    names = dict(re.findall(rb"^i(\d+) (.*)$", data[place:], re.MULTILINE))
    return Circuit(
        tuple(names.get(b"%d" % number, b"").decode() for number in range(inputs)),
        next_literals, output_literals, tuple(pairs),
    )  # fmt: skip


def reached(circuit: Circuit, switch: str) -> bytearray:
    """Return for each node whether the mutation behind `switch` can ever change it."""
    found = bytearray(circuit.first_and + len(circuit.ands))
    found[1 + circuit.inputs.index(switch)] = 1
    grows = True
    while grows:
        grows = False
        for node, (left, right) in enumerate(circuit.ands, circuit.first_and):
            if found[left >> 1] or found[right >> 1]:
                found[node] = 1
        for node, literal in enumerate(circuit.next_literals, circuit.first_latch):
            if found[literal >> 1] and not found[node]:
                found[node] = grows = True
    return found


def after_reset(circuit: Circuit, reset: str, switch: str | None = None) -> list[int | None]:
    """Return the value of each latch after a cycle of `reset`; None where it may be any.

    With `switch` that mutation is on.
    """
    values: list[int | None] = [0]
    for name in circuit.inputs:
        values.append(None if not is_switch(name) else int(name == switch))
        if name == reset:
            values[-1] = 1
    values += [None] * len(circuit.next_literals)

    def value(literal: int) -> int | None:
        found = values[literal >> 1]
        return None if found is None else found ^ literal & 1

    for left, right in circuit.ands:
        both = (value(left), value(right))
        values.append(0 if 0 in both else 1 if both == (1, 1) else None)
    return [value(literal) for literal in circuit.next_literals]


def is_switch(name: str) -> bool:
    """Return whether the input `name` is a mutation's switch."""
    return re.fullmatch(r"m\d+", name) is not None


class _Builder:
    """A graph that grows; equal ands are one node."""

    def __init__(self) -> None:
        self.nodes: list[tuple[str, int, int]] = []
        self._ands: dict[tuple[int, int], int] = {}

    def add(self, kind: str, left: int = 0, right: int = 0) -> int:
        """Return the literal of a new node."""
        self.nodes.append((kind, left, right))
        return 2 * len(self.nodes)

    def both(self, left: int, right: int) -> int:
        """Return left and right."""
        low, high = sorted((left, right))
        if low == 0 or low == high ^ 1:
            return 0
        if low in (1, high):
            return high
        if (low, high) not in self._ands:
            self._ands[low, high] = self.add(AND, low, high)
        return self._ands[low, high]

    def either(self, left: int, right: int) -> int:
        """Return left or right."""
        return self.both(left ^ 1, right ^ 1) ^ 1

    def choose(self, condition: int, yes: int, no: int) -> int:
        """Return yes where the condition holds, else no."""
        return self.either(self.both(condition, yes), self.both(condition ^ 1, no))

    def any(self, literals: list[int]) -> int:
        """Return whether one of `literals` holds, as a tree."""
        while len(literals) > 1:
            odd = literals[-1:] if len(literals) % 2 else []
            pairs = zip(literals[::2], literals[1::2], strict=False)
            literals = [self.either(left, right) for left, right in pairs] + odd
        return literals[0] if literals else 0

    def write(self, path: Path, output: int) -> None:
        """Write binary AIGER: inputs, latches, ands in the order in which they were added."""
        by_kind: dict[str, list[int]] = {INPUT: [], LATCH: [], AND: []}
        for number, (kind, _, _) in enumerate(self.nodes, 1):
            by_kind[kind].append(number)
        order = [0, *by_kind[INPUT], *by_kind[LATCH], *by_kind[AND]]
        place = {number: index for index, number in enumerate(order)}

        def final(literal: int) -> int:
            return 2 * place[literal >> 1] | literal & 1

        counts = [len(by_kind[kind]) for kind in (INPUT, LATCH, AND)]
        text = f"aig {len(self.nodes)} {counts[0]} {counts[1]} 1 {counts[2]}\n"
        text += "".join(f"{final(self.nodes[n - 1][1])}\n" for n in by_kind[LATCH])
        data = bytearray(f"{text}{final(output)}\n".encode())
        for number in by_kind[AND]:
            low, high = sorted(final(literal) for literal in self.nodes[number - 1][1:])
            for value in (2 * place[number] - high, high - low):
                rest = value
                while rest > 127:
                    data.append(rest & 127 | 128)
                    rest >>= 7
                data.append(rest)
        path.write_bytes(bytes(data))


def write_miter(circuit: Circuit, switch: str, reset: str, path: Path) -> bool:
    """Write the miter of the mutation behind `switch`; return whether an output may differ at all.

    `reset` is the input that resets. The switches of other mutations are off.
    """
    dirty = reached(circuit, switch)
    graph = _Builder()
    later = graph.add(LATCH, 1)  # 0 in the first cycle
    plain, mutated = [0], [0]
    for name in circuit.inputs:
        plain.append(0 if is_switch(name) else graph.add(INPUT))
        mutated.append(int(name == switch) if is_switch(name) else plain[-1])
    begins = zip(after_reset(circuit, reset), after_reset(circuit, reset, switch), strict=True)
    states: list[tuple[int, int]] = []
    for node, (value, other_value) in enumerate(begins, circuit.first_latch):
        begin = graph.add(INPUT) if value is None else value
        one = graph.add(LATCH)
        plain.append(graph.choose(later, one, begin))
        if dirty[node]:
            other = graph.add(LATCH)
            if other_value != value:
                begin = graph.add(INPUT) if other_value is None else other_value
            mutated.append(graph.choose(later, other, begin))
        else:
            other = one
            mutated.append(plain[-1])
        states.append((one, other))

    def literal_in(copy: list[int], literal: int) -> int:
        return copy[literal >> 1] ^ literal & 1

    for node, pair in enumerate(circuit.ands, circuit.first_and):
        plain.append(graph.both(*(literal_in(plain, literal) for literal in pair)))
        mutated.append(
            graph.both(*(literal_in(mutated, literal) for literal in pair))
            if dirty[node] else plain[-1]
        )  # fmt: skip
    for (one, other), literal in zip(states, circuit.next_literals, strict=True):
        graph.nodes[one // 2 - 1] = (LATCH, literal_in(plain, literal), 0)
        if other != one:
            graph.nodes[other // 2 - 1] = (LATCH, literal_in(mutated, literal), 0)
    differences = []
    for literal in circuit.output_literals:
        one, other = literal_in(plain, literal), literal_in(mutated, literal)
        if one != other:
            differences.append(graph.choose(one, other ^ 1, other))
    graph.write(path, graph.any(differences))
    return bool(differences)
