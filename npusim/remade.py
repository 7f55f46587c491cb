"""How immutable values are pickled and copied: by their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


class Remade:
    """A frozen dataclass that is made again from its arguments where it is pickled or copied.

    So the other process checks it as its file was checked, and its arrays are read-only there too.
    """

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        made_of: Any = self
        values = (getattr(self, field.name) for field in fields(made_of) if field.init)
        return type(self), tuple(dict(v) if isinstance(v, Mapping) else v for v in values)
