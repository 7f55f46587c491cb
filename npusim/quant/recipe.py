"""A quantization's settings as a small text file: what `quantize` was told, to be told again.

    scheme = "subset"
    bits = 4

    [layers]
    stem = "uniform:8"
    "block*" = "pwlq:3"

A key is a field of `Options`; one that is left out has its default. In `layers` a pattern of the
shell's stands for the layers it fits.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from npusim.errors import FormatError, NpuError
from npusim.quant.options import Options, parse_layer
from npusim.toml_tables import parsed, text_of


def read_recipe(path: Path) -> dict[str, Any]:
    """Return the settings in the recipe at `path`, as `Options` takes them.

    Raises
    ------
    FormatError
        The file cannot be read or is no TOML; a key or value that `Options` does not have.
    """
    settings = parsed(text_of(path), str(path))
    known = [field.name for field in fields(Options)]
    for key in settings:
        if key not in known:
            raise FormatError(f"{path}: expected keys of {', '.join(known)}, found {key}")
    layers = settings.get("layers", {})
    if not isinstance(layers, dict):
        raise FormatError(f"{path}: layers: expected a table, found {layers!r}")
    try:
        if "layers" in settings:
            pairs = (parse_layer(f"{name}={choice}") for name, choice in layers.items())
            settings["layers"] = dict(pairs)
        Options(**settings)
    except (NpuError, TypeError) as error:
        raise FormatError(f"{path}: {error}") from None
    return settings


def recipe_text(options: Options) -> str:
    """Return the recipe of `options`: every setting that is not its default, and the layers."""
    lines = []
    for field in fields(Options):
        value = getattr(options, field.name)
        if field.name != "layers" and (value != field.default or field.name in ("scheme", "bits")):
            lines.append(f"{field.name} = {json.dumps(value)}")
    if options.layers:
        lines += ["", "[layers]"]
        for name, (scheme, bits) in options.layers.items():
            lines.append(f"{json.dumps(name)} = {json.dumps(f'{scheme}:{bits}')}")
    return "\n".join(lines) + "\n"
