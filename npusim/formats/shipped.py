"""The networks and samples that the package brings, by name: for who has no checkout."""

from __future__ import annotations

from pathlib import Path

from npusim.reading import is_there

NETWORKS = Path(__file__).resolve().parents[1] / "networks"
SHORT = {"digits": "digits_int8.onnx"}
"""Names that need no suffix."""


def shipped(path: Path) -> Path:
    """Return the shipped file called `path` where there is no such file here; else `path`."""
    if path.name != str(path) or is_there(path):
        return path
    name = SHORT.get(path.name, path.name)
    return next((found for found in NETWORKS.glob("*/*") if found.name == name), path)


def beside(folder: Path, name: str) -> Path:
    """Return the file called `name` in `folder`, or the shipped one where there is none."""
    path = folder / name
    found = shipped(Path(name))
    return path if is_there(path) or not is_there(found) else found


def shipped_networks() -> list[str]:
    """Return the names by which the package's networks are known."""
    return [*SHORT, *sorted(path.name for path in NETWORKS.glob("*/*.onnx"))]
