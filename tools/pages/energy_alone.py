"""A machine with one weight format built in."""

from __future__ import annotations

from npusim.codes import MULTIPLIED_ON
from npusim.machines import Machine


def alone(form: str, parent: Machine) -> Machine:
    """Return `parent` with one weight format built in, and the least multiplier that it needs."""
    bits = 4 if form == "pwlq" else 0
    on = (MULTIPLIED_ON[form],) if form in MULTIPLIED_ON else ()
    return parent.with_({
        "name": f"{parent.name}-{form}", "array.formats": (*on, form), "array.pwlq_bits": bits,
    })  # fmt: skip
