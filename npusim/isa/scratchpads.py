"""The scratchpads of a machine: banks, words, and where a bank stands in a mask of all of them."""

from __future__ import annotations

from npusim.machines import Machine

SCRATCHPADS = ("ACT", "WGT", "PAR", "ACC")
BANK_BASE = {"ACT": 0, "WGT": 8, "PAR": 12, "ACC": 16}
"""First bit of a scratchpad's banks among those of all."""
ALL_BANKS = 20


def banks_of(machine: Machine, scratchpad: str) -> int:
    """Return how many banks a scratchpad has."""
    pads = machine.scratchpads
    counts = {
        "ACT": pads.act_banks,
        "WGT": pads.wgt_banks,
        "PAR": pads.par_banks,
        "ACC": pads.acc_banks,
    }
    return counts[scratchpad]


def bank_words(machine: Machine, scratchpad: str) -> int:
    """Return the words of one bank of a scratchpad."""
    pads = machine.scratchpads
    words = {
        "ACT": pads.act_bank_words,
        "WGT": pads.wgt_bank_words,
        "PAR": pads.par_bank_words,
        "ACC": pads.acc_words // pads.acc_banks,
    }
    return words[scratchpad]


def pad_words(machine: Machine, scratchpad: str) -> int:
    """Return the words of a scratchpad."""
    return bank_words(machine, scratchpad) * banks_of(machine, scratchpad)


def word_beats(machine: Machine, target: str) -> int:
    """Return the beats of one word of ACT, WGT or PAR."""
    return machine.word_beats * (4 if target == "PAR" else 1)
