"""The miter of tools/mutation/miter.py is 1 exactly where a mutation can be seen, in some cycle.

Witness: both circuits simulated on their own, from every state after a reset.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tools.mutation.miter import Circuit, after_reset, reached, read_circuit, write_miter

CYCLES = 4

# Nodes: inputs rst_i 1, x 2, m1 3, m2 4, m3 5; latches held 6, kept 7, last 8.
#   held: 0 after reset and for ever; kept: never written, never reset; last: x, 0 after reset
#   out = last & x;   m1: | held (cannot be seen), m2: | kept, m3: last is 1 after reset
RST, X, M1, M2, M3, HELD, KEPT, LAST = (2 * node for node in range(1, 9))
NOT_RST_HELD, X_NO_RST, LAST_AND_X, M1_HELD, M2_KEPT = (2 * node for node in range(9, 14))
NEITHER_1, NEITHER_2, M3_RST, NO_LAST = (2 * node for node in range(14, 18))
CIRCUIT = Circuit(
    inputs=("rst_i", "x", "m1", "m2", "m3"),
    next_literals=(NOT_RST_HELD, KEPT, NO_LAST ^ 1),
    output_literals=(NEITHER_2 ^ 1,),
    ands=(
        (RST ^ 1, HELD), (RST ^ 1, X), (LAST, X), (M1, HELD), (M2, KEPT),
        (LAST_AND_X ^ 1, M1_HELD ^ 1), (NEITHER_1, M2_KEPT ^ 1), (M3, RST),
        (X_NO_RST ^ 1, M3_RST ^ 1),
    ),
)  # fmt: skip


def step(circuit: Circuit, inputs: tuple[int, ...], state: tuple[int, ...]):
    """Return (outputs, next state)."""
    values = [0, *inputs, *state]

    def value(literal: int) -> int:
        return values[literal >> 1] ^ literal & 1

    for left, right in circuit.ands:
        values.append(value(left) & value(right))
    return [value(x) for x in circuit.output_literals], tuple(map(value, circuit.next_literals))


def is_seen(switch: str) -> bool:
    """Whether the mutation changes an output in a few cycles after a reset."""
    for kept, *xs in itertools.product((0, 1), repeat=1 + 2 * CYCLES):
        states = []
        for on in (0, 1):
            mutation = tuple(int(on and name == switch) for name in ("m1", "m2", "m3"))
            _, state = step(CIRCUIT, (1, 0, *mutation), (0, kept, 0))
            states.append((state, mutation))
        for reset, x in zip(xs[::2], xs[1::2], strict=True):
            seen = [step(CIRCUIT, (reset, x, *mutation), state) for state, mutation in states]
            if seen[0][0] != seen[1][0]:
                return True
            states = [
                (after, mutation) for (_, after), (_, mutation) in zip(seen, states, strict=True)
            ]
    return False


@pytest.mark.parametrize(("switch", "seen"), [("m1", False), ("m2", True), ("m3", True)])
def test_miter_says_what_can_be_seen(tmp_path: Path, switch: str, seen: bool) -> None:
    """Not reachable: equivalent; an unreset register, a reset value: seen."""
    assert is_seen(switch) == seen
    assert write_miter(CIRCUIT, switch, "rst_i", tmp_path / "m.aig")
    miter = read_circuit(tmp_path / "m.aig")
    free = len(miter.inputs)
    found, states = False, {(0,) * len(miter.next_literals)}
    for _ in range(CYCLES):
        after = set()
        for state in states:
            for inputs in itertools.product((0, 1), repeat=free):
                (output,), follows = step(miter, inputs, state)
                found |= bool(output)
                after.add(follows)
        states = after
    assert found == seen


def test_reset_and_reach() -> None:
    """What the reset sets is known, also in the mutated circuit; a mutation reaches its readers."""
    assert after_reset(CIRCUIT, "rst_i") == [0, None, 0]
    assert after_reset(CIRCUIT, "rst_i", "m3") == [0, None, 1]
    assert not reached(CIRCUIT, "m1")[HELD >> 1]
    assert reached(CIRCUIT, "m3")[LAST >> 1]


def test_what_nobody_reads_is_no_miter(tmp_path: Path) -> None:
    """A mutation that reaches no output needs no proof."""
    unread = Circuit(("rst_i", "m1"), (4,), (2,), ())
    assert not write_miter(unread, "m1", "rst_i", tmp_path / "m.aig")
