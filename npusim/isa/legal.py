"""Which operands a machine takes: what would be the fault `operand`, and what `address`.

The list of docs/architecture.md, section 4, in executable form; checker and simulator share it.
"""

from __future__ import annotations

from npusim.isa.access import VEC_LEVELS, Access, Registers, is_plain
from npusim.isa.encoding import Instruction
from npusim.isa.spec import TARGETS, TERMS_MAX, VEC_OPS
from npusim.machines import Machine
from npusim.words import ROUNDINGS, WEIGHT_FORMATS

_MAC_LEVELS = ("mac_ob", "mac_cb", "mac_kh", "mac_kw", "mac_y", "mac_x")


def banks_of(machine: Machine, scratchpad: str) -> int:
    """Return how many banks a scratchpad has."""
    pads = machine.scratchpads
    counts = {"ACT": pads.act_banks, "WGT": pads.wgt_banks, "PAR": pads.par_banks, "ACC": 1}
    return counts[scratchpad]


def bank_words(machine: Machine, scratchpad: str) -> int:
    """Return the words of one bank of a scratchpad."""
    pads = machine.scratchpads
    words = {
        "ACT": pads.act_bank_words,
        "WGT": pads.wgt_bank_words,
        "PAR": pads.par_bank_words,
        "ACC": pads.acc_words,
    }
    return words[scratchpad]


def word_beats(machine: Machine, target: str) -> int:
    """Return the beats of one word of ACT, WGT or PAR."""
    return machine.word_beats * (4 if target == "PAR" else 1)


def operand_fault(item: Instruction, registers: Registers, machine: Machine) -> str | None:
    """Return why `item` faults at issue under its engine's `registers`; None if it is legal."""
    check = {"LD": _load, "ST": _store, "MAC": _multiply, "RQ": _requantize, "VEC": _vector}
    function = check.get(item.name)
    return function(item, registers, machine) if function else None


def _banks(machine: Machine, scratchpad: str, mask: int) -> str | None:
    count = banks_of(machine, scratchpad)
    return f"{scratchpad} has {count} banks, the mask is {mask:#x}" if mask >> count else None


def _element(registers: Registers, machine: Machine) -> str | None:
    beats = registers["element"]["beats"]
    if not 1 <= beats <= machine.word_beats:
        return f"element.beats: expected 1..{machine.word_beats}, found {beats}"
    return None


def _load(item: Instruction, registers: Registers, machine: Machine) -> str | None:
    if item["target"] >= len(TARGETS):
        return f"target: expected 0..{len(TARGETS) - 1}, found {item['target']}"
    if is_plain(item):
        if not item["columns"]:
            return "columns is 0"
    else:
        found = _extent(item) or _element(registers, machine)
        if found:
            return found
    return _banks(machine, TARGETS[item["target"]], item["banks"])


def _store(item: Instruction, registers: Registers, machine: Machine) -> str | None:
    return _extent(item) or _element(registers, machine) or _banks(machine, "ACT", item["banks"])


def _extent(item: Instruction) -> str | None:
    zero = [name for name in ("columns", "rows", "blocks") if not item[name]]
    return f"{zero[0]} is 0" if zero else None


def _counts(registers: Registers, levels: tuple[str, ...]) -> str | None:
    zero = [level for level in levels if not registers[level]["count"]]
    return f"{zero[0]}.count is 0" if zero else None


def format_bits_max(machine: Machine, weight_format: int) -> int:
    """Return the greatest b of a weight format (place in WEIGHT_FORMATS); 0: not built in."""
    most = {
        "uniform": machine.uniform_bits,
        "subset": 4 if machine.has_subset else 0,
        "pwlq": machine.array.pwlq_bits,
    }
    return most[WEIGHT_FORMATS[weight_format]]


def _multiply(item: Instruction, registers: Registers, machine: Machine) -> str | None:
    form, rows = registers["mac_format"], registers["mac_tile"]["rows"]
    found = _counts(registers, _MAC_LEVELS)
    if found:
        return found
    if form["format"] >= len(WEIGHT_FORMATS):
        return f"mac_format.format: expected 0..{len(WEIGHT_FORMATS) - 1}, found {form['format']}"
    most = format_bits_max(machine, form["format"])
    if not 2 <= form["bits"] <= most:
        name = WEIGHT_FORMATS[form["format"]]
        return f"mac_format: {name} of {form['bits']} bits is not built in (2..{most})"
    if not 1 <= rows <= machine.size:
        return f"mac_tile.rows: expected 1..{machine.size}, found {rows}"
    if item["depthwise"] and not registers["mac_output"]["step"]:
        return "mac_output.step is 0"
    return _banks(machine, "ACT", item["read_banks"]) or _banks(machine, "WGT", item["wgt_banks"])


def _act_banks(item: Instruction, machine: Machine) -> str | None:
    if item["read_banks"] & item["write_banks"]:
        return f"ACT banks {item['read_banks'] & item['write_banks']:#x} are both read and written"
    return _banks(machine, "ACT", item["read_banks"] | item["write_banks"])


def _requantize(item: Instruction, registers: Registers, machine: Machine) -> str | None:
    found = _counts(registers, ("vec_b", "vec_y", "vec_x", "vec_kx"))
    if found:
        return found
    if registers["vec_kx"]["count"] > TERMS_MAX:
        return f"terms: expected 1..{TERMS_MAX}, found {registers['vec_kx']['count']}"
    if registers["rq_mode"]["rounding"] >= len(ROUNDINGS):
        return (
            f"rounding: expected 0..{len(ROUNDINGS) - 1}, found {registers['rq_mode']['rounding']}"
        )
    if item["pwlq"] and not machine.array.pwlq_bits:
        return "pwlq is not built in"
    return _act_banks(item, machine) or _banks(machine, "PAR", item["par_banks"])


def _vector(item: Instruction, registers: Registers, machine: Machine) -> str | None:
    if item["op"] >= len(VEC_OPS):
        return f"op: expected 0..{len(VEC_OPS) - 1}, found {item['op']}"
    found = _counts(registers, VEC_LEVELS)
    if found:
        return found
    taps = registers["vec_ky"]["count"] * registers["vec_kx"]["count"]
    if VEC_OPS[item["op"]] == "add" and taps != 2:
        return f"add: expected 2 taps, found {taps}"
    return _act_banks(item, machine)


def address_fault(access: Access, machine: Machine) -> str | None:
    """Return why an access leaves its scratchpad or the banks claimed for it; None if it does not.

    Addresses are taken as they are, before the hardware's wrap modulo 2^16.
    """
    if not access.addresses.size:
        return None
    words = bank_words(machine, access.scratchpad)
    low, high = int(access.addresses.min()), int(access.addresses.max())
    total = words * banks_of(machine, access.scratchpad)
    what = f"{access.scratchpad} {'write' if access.is_write else 'read'}"
    if low < 0 or high >= total:
        return f"{what} of words {low}..{high}, there are {total}"
    first, last = low // words, high // words
    touched = (2 << last) - (1 << first)
    if touched & ~access.banks:  # the exact set only where its hull is not covered
        shift = words.bit_length() - 1
        touched = sum(1 << int(bank) for bank in set((access.addresses >> shift).tolist()))
    if touched & ~access.banks:
        return f"{what} in banks {touched:#x}, the instruction claims {access.banks:#x}"
    return None
