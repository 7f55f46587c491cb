"""Schemes: what a quantizer can be asked for, each in one of the weight codes.

Five are the codes themselves. wes equalizes the channels of uniform codes by shifts, multipoint
adds several uniform codes up to a weight, log2 is subset restricted to powers of two. `a+b`
composes two.
"""

from __future__ import annotations

from dataclasses import dataclass

from npusim.codes import LEAST_BITS, LUT, PWLQ, PWLQ_DOUBLE, SUBSET, UNIFORM, WeightCode


@dataclass(frozen=True)
class Scheme:
    """One scheme: its code, the bits that its encoder takes, its names and its colours."""

    name: str
    code: WeightCode
    most_bits: int
    colours: tuple[str, str]
    """In charts, on light and on dark paper."""
    word: str = ""
    """What functions of npusim's ONNX form call it; empty where files hold it as its code."""
    composes: tuple[str, ...] = ()
    """Schemes that it can be composed with, `name+other`."""


_RECORDS = (
    Scheme("uniform", UNIFORM, 8, ("#55606e", "#a7b3c0"), "Uniform"),
    Scheme("wes", UNIFORM, 8, ("#c2410c", "#fb923c"), "ShiftScaled"),
    Scheme("pwlq", PWLQ, 8, ("#1d4ed8", "#6ea8fe"), "PiecewiseLinear"),
    Scheme("pwlq_double", PWLQ_DOUBLE, 4, ("#5b21b6", "#c4b5fd"), "PiecewiseDouble"),
    Scheme("subset", SUBSET, 4, ("#047857", "#34d399"), "Subset", composes=("wes",)),
    Scheme("lut", LUT, 4, ("#0e7490", "#22d3ee"), "Lut"),
    Scheme(
        "multipoint", UNIFORM, 8, ("#a21caf", "#e879f9"), "Multipoint",
        composes=("subset", "pwlq"),
    ),
    Scheme("log2", SUBSET, 3, ("#92700c", "#facc15"), composes=("wes",)),
)  # fmt: skip
BY_NAME: dict[str, Scheme] = {scheme.name: scheme for scheme in _RECORDS}
SCHEME_FAMILIES = tuple(BY_NAME)
"""Schemes that stand alone."""
MIXED = "mixed"
"""What networks are called whose layers have schemes of their own."""
_COLOURS = {
    **{name: scheme.colours for name, scheme in BY_NAME.items()},
    MIXED: ("#b91c1c", "#fca5a5"),
}
COLOURED = tuple(_COLOURS)
"""What rows of charts may be of."""
SCHEMES = tuple(name for name, scheme in BY_NAME.items() if scheme.word)
"""How a file holds a layer's weights."""


def _bits_by_name() -> dict[str, tuple[int, int]]:
    plain = {name: (LEAST_BITS, scheme.most_bits) for name, scheme in BY_NAME.items()}
    composed = {
        f"{name}+{other}": (LEAST_BITS, min(scheme.most_bits, BY_NAME[other].most_bits))
        for name, scheme in BY_NAME.items()
        for other in scheme.composes
    }
    return plain | composed


SCHEME_BITS = _bits_by_name()
"""Each scheme and composition by name, with the least and greatest bits that it is defined at."""


def code_of(scheme: str) -> WeightCode:
    """Return the code that weights of `scheme` are stored in."""
    return BY_NAME[scheme].code


def family(variant: str) -> str:
    """Return the scheme that a variant's name begins with, and whose colour it wears.

    A name that begins with none is its own family; of several the longest counts.
    """
    return max((name for name in COLOURED if variant.startswith(name)), key=len, default=variant)


def colour_rules() -> str:
    """Return CSS custom properties, one a scheme, for light and for dark paper."""
    light, dark = (
        " ".join(f"--{name}: {both[i]};" for name, both in _COLOURS.items()) for i in range(2)
    )
    media = "@media (prefers-color-scheme: dark)"
    return f":root {{ {light} }}\n{media} {{ :root:not(.paper) {{ {dark} }} }}\n"
