"""What a user chooses: the scheme and bits of each layer, and the scheme's own settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from npusim.arguments import require_count, require_one_of, whole_number
from npusim.codes.schemes import SCHEME_BITS
from npusim.errors import RangeError, UnsupportedError
from npusim.words import (
    BIAS_CORRECTIONS,
    BREAKPOINTS,
    CLIPS,
    ENCODERS,
    EXEMPT,
    GRIDS,
    NORMALIZATIONS,
    RANGE_METHODS,
    BiasCorrection,
    Breakpoint,
    Clip,
    Encoder,
    Exempt,
    Grid,
    Normalize,
    RangeMethod,
)

EXEMPT_SCHEME = ("uniform", 8)
WIDE_SCHEME = ("multipoint", 8)
WIDE_POINTS = {"int16": 2, "float32": 3}
"""Points of each live channel that hold weights to 16 bits, and to the 24 of a float32."""


@dataclass(frozen=True)
class Options:
    """Settings of one quantization; the defaults are the best measured (docs/accuracy.md).

    Attributes
    ----------
    scheme, bits
        Of every layer that `layers` does not name.
    layers
        Name of a layer, or a pattern such as `block*`, -> (scheme, bits); a name goes before a
        pattern, of patterns the first that fits.
    encoder
        How codes are chosen: nearest looks at the weights alone, descent and feedback at what
        they are multiplied by, too (`npusim.quant.encoders.choose`).
    exempt
        Which of the first and last linear layers stay uniform int8.
    int16
        Names of layers, or patterns, whose weights are kept to 16 bits: points of 8 bits, two a
        channel. They go before `layers`, `exempt` and any budget.
    float32
        Likewise of those kept to the 24 bits that a float32 has: three points. They go before
        `int16`.
    per_layer, clip
        uniform: one scale a layer; how the weights' range is chosen.
    equalize
        Whether the ranges of weights are evened out between layers first (`npusim.quant.equalize`).
    activations
        How the range of the int8 activations is chosen.
    breakpoint, grid
        pwlq.
    include_zero, normalize
        subset; the fitted encoders begin with both ways of normalizing.
    points
        multipoint: mean points per live channel; None lets the output error decide.
    most_points
        multipoint: how many points a channel has at most.
    """

    scheme: str = "uniform"
    bits: int = 8
    layers: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    encoder: Encoder = "feedback"
    exempt: Exempt = "none"
    int16: tuple[str, ...] = ()
    float32: tuple[str, ...] = ()
    per_layer: bool = False
    clip: Clip = "squared-error"
    equalize: bool = False
    activations: RangeMethod = "percentile"
    bias_correction: BiasCorrection = "static"
    breakpoint: Breakpoint = "search"
    grid: Grid = "reference"
    include_zero: bool = False
    normalize: Normalize = "none"
    points: float | None = None
    most_points: int = 4

    def __post_init__(self) -> None:
        check_scheme("", self.scheme, self.bits)
        for layer, (scheme, bits) in self.layers.items():
            check_scheme(f"{layer}: ", scheme, bits)
        for name, known in (
            ("encoder", ENCODERS), ("exempt", EXEMPT), ("clip", CLIPS),
            ("activations", RANGE_METHODS),
            ("bias_correction", BIAS_CORRECTIONS), ("breakpoint", BREAKPOINTS), ("grid", GRIDS),
            ("normalize", NORMALIZATIONS),
        ):  # fmt: skip
            require_one_of(name, getattr(self, name), known)
        shifted = [s for s, _ in self.layers.values()] + [self.scheme]
        if self.normalize == "channel" and any(s.endswith("+wes") for s in shifted):
            raise UnsupportedError(
                "normalize: channel needs a scale per channel, the shift-scaler has one a layer"
            )
        for name in WIDE_POINTS:
            layers = getattr(self, name)
            if isinstance(layers, str) or not all(isinstance(layer, str) for layer in layers):
                raise UnsupportedError(f"{name}: expected names of layers, found {layers!r}")
            object.__setattr__(self, name, tuple(layers))
        if self.points is not None and not 1 <= self.points <= 4:
            raise RangeError(f"points: expected a mean of 1 to 4, found {self.points}")
        if not 1 <= self.most_points <= 4:
            raise RangeError(f"most_points: expected 1 to 4, found {self.most_points}")

    def wide_points(self, layer: str) -> int:
        """Return the points of 8 bits that keep the weights of `layer`; 0 where none do."""
        for wide in ("float32", "int16"):
            names = getattr(self, wide)
            if any(layer == name or fnmatchcase(layer, name) for name in names):
                return WIDE_POINTS[wide]
        return 0

    def of_layer(self, layer: str) -> Options:
        """Return what goes for one layer: one kept to many bits has its own number of points."""
        points = self.wide_points(layer)
        return replace(self, points=float(points), most_points=points) if points else self


SETTINGS_OF = {
    "per_layer": "uniform", "clip": "uniform", "breakpoint": "pwlq", "grid": "pwlq",
    "include_zero": "subset", "normalize": "subset", "points": "multipoint",
    "most_points": "multipoint",
}  # fmt: skip
"""The scheme that a setting is of; others do not look at it."""


def with_default_bits(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return `settings` with as many bits as their scheme takes where none are given."""
    scheme = settings.get("scheme", Options.scheme)
    bits = SCHEME_BITS[scheme][1] if scheme in SCHEME_BITS else Options.bits
    return {"bits": bits, **settings}


def require_used(settings: Iterable[str], options: Options) -> None:
    """Raise UnsupportedError where one of `settings` is of a scheme that no layer has."""
    schemes = {options.scheme, *(scheme for scheme, _ in options.layers.values())}
    parts = {part for scheme in schemes for part in scheme.split("+")}
    for name in settings:
        owner = SETTINGS_OF.get(name)
        if owner and owner not in parts:
            option = name.replace("_", "-")
            raise UnsupportedError(
                f"--{option}: expected scheme {owner}, found {', '.join(sorted(schemes))}"
            )


def require_uniform(form: str, options: Options, mixed: bool) -> None:
    """Raise UnsupportedError unless every layer has a form there, which a budget may not keep.

    Both forms have uniform codes, `qdq` layers kept to 16 or 24 bits besides, as floats.
    """
    schemes = {options.scheme, *(scheme for scheme, _ in options.layers.values())}
    schemes |= {WIDE_SCHEME[0]} if form != "qdq" and (options.int16 or options.float32) else set()
    if mixed or schemes != {"uniform"}:
        found = "a budget's choice" if mixed else ", ".join(sorted(schemes))
        raise UnsupportedError(f"--format {form}: expected scheme uniform, found {found}")


PUBLISHED: dict[str, Any] = {
    "encoder": "nearest", "clip": "min-max", "activations": "min-max", "bias_correction": "none",
    "breakpoint": "gaussian", "grid": "paper",
}  # fmt: skip
"""The papers' own choices where they are not the defaults."""
PUBLISHED_OF: dict[str, dict[str, Any]] = {"pwlq": {"bias_correction": "paper"}}
"""What one scheme's paper does besides."""


def as_published(scheme: str = Options.scheme, **settings: Any) -> Options:
    """Return the options that are the paper's of `scheme` where `settings` do not say otherwise."""
    return Options(scheme, **{**PUBLISHED, **PUBLISHED_OF.get(scheme, {}), **settings})


def check_scheme(where: str, scheme: str, bits: int) -> None:
    """Raise unless there is such a scheme and it is defined at `bits` bits."""
    require_one_of(f"{where}scheme", scheme, tuple(SCHEME_BITS))
    require_count(f"{where}bits", bits)
    least, most = SCHEME_BITS[scheme]
    if not least <= bits <= most:
        raise RangeError(f"{where}{scheme}: expected {least} to {most} bits, found {bits}")


def parse_layer(text: str) -> tuple[str, tuple[str, int]]:
    """Return (layer, (scheme, bits)) of `NAME=SCHEME:BITS`.

    Raises
    ------
    UnsupportedError
        The text has another form.
    """
    name, equals, choice = text.rpartition("=")
    scheme, colon, bits = choice.rpartition(":")
    number = whole_number(bits)
    if not (name and equals and scheme and colon) or number is None:
        raise UnsupportedError(f"--layer: expected NAME=SCHEME:BITS, found {text!r}")
    return name, (scheme, number)
