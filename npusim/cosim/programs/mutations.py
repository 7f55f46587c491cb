"""A legal program with one field changed: the checker rejects it, or it runs like any other."""

from __future__ import annotations

import random
from dataclasses import replace

from npusim.isa.encoding import FIELDS, Instruction, instruction
from npusim.isa.fields import Field
from npusim.isa.instructions import FORMATS
from npusim.isa.program import Program, Step


def mutate(rng: random.Random, program: Program) -> Program:
    """Return `program` with one instruction changed, dropped, doubled or moved."""
    items = list(program.instructions)
    place = rng.randrange(len(items))
    kind = rng.random()
    if kind < 0.7:
        items[place] = _change(rng, items[place])
    elif kind < 0.8:
        del items[place]
    elif kind < 0.9:
        items.insert(rng.randrange(len(items)), items[place])
    else:
        items.insert(rng.randrange(len(items)), items.pop(place))
    if not items:
        return program
    return replace(program, instructions=tuple(items), steps=(Step("run", 0, len(items)),))


def _change(rng: random.Random, item: Instruction) -> Instruction:
    """Return `item` with another value in one of its fields: a flipped bit, or one more or less."""
    fields = [f for f in FIELDS[item.name] if item.engine != "FETCH" or f in _OPERANDS[item.name]]
    if not fields:
        return item
    field = rng.choice(fields)
    value = item[field.name] & field.mask
    if rng.random() < 0.5:
        value ^= 1 << rng.randrange(field.width_bits)
    else:
        value = (value + rng.choice((-1, 1))) & field.mask
    return instruction(item.name, item.engine, **{**item.values, field.name: _signed(field, value)})


_OPERANDS: dict[str, tuple[Field, ...]] = {name: form.fields for name, form in FORMATS.items()}


def _signed(field: Field, value: int) -> int:
    return field.extract(value << field.low)
