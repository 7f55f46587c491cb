"""A torch.nn.Module as a file: what torch.onnx.export writes of it.

Needs the extra `npusim[torch]`; torch is imported when a module is given, and not before.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from npusim.errors import FormatError, UnsupportedError

OPSET = 18


def is_module(source: Any) -> bool:
    """Return whether `source` is a torch.nn.Module; without torch imported nothing is."""
    return any(
        f"{kind.__module__}.{kind.__qualname__}" == "torch.nn.modules.module.Module"
        for kind in type(source).__mro__
    )


@contextmanager
def exported(module: Any, inputs: Any) -> Iterator[Path]:
    """Yield the .onnx file of a module, its batch normalization and dropout as in inference.

    Parameters
    ----------
    module : torch.nn.Module
    inputs
        Example inputs of its forward: a tensor or array, or a sequence of them. Their shapes are
        the network's.

    Raises
    ------
    FormatError
        No example inputs are given, or the module does not take these.
    UnsupportedError
        torch's exporter is not installed, or it cannot write the module.
    """
    import torch

    name = type(module).__name__
    if inputs is None:
        raise FormatError(
            f"{name}: expected example inputs beside a module: load(module, inputs=...)"
        )
    given: Sequence[Any] = inputs if isinstance(inputs, tuple | list) else (inputs,)
    tensors = tuple(torch.as_tensor(value) for value in given)
    training = module.training
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.onnx")
        try:
            module.eval()
            with torch.no_grad():
                module(*tensors)
            _write(module, tensors, path)
        except (RuntimeError, TypeError, ValueError) as error:
            raise FormatError(f"{name}: {_first_line(error)}") from None
        finally:
            module.train(training)
        yield path


def _write(module: Any, tensors: tuple[Any, ...], path: Path) -> None:
    import torch

    name = type(module).__name__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own, of its deprecations
        try:
            torch.onnx.export(
                module, tensors, path, opset_version=OPSET, external_data=False, verbose=False
            )
        except ModuleNotFoundError as error:
            raise UnsupportedError(
                f"{name}: torch's exporter needs {error.name}: pip install npusim[torch]"
            ) from None
        except (torch.onnx.OnnxExporterError, RuntimeError) as error:
            raise UnsupportedError(f"{name}: torch.onnx.export: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
