"""A torch.nn.Module as a network: what torch.onnx.export writes of it, read as any .onnx file.

Needs the extra `npusim[torch]`; torch is imported when a module is given, and not before.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from npusim.errors import FormatError, UnsupportedError
from npusim.graph.network import Network

OPSET = 18


def is_module(source: Any) -> bool:
    """Return whether `source` is a torch.nn.Module; without torch imported nothing is."""
    return any(
        f"{kind.__module__}.{kind.__qualname__}" == "torch.nn.modules.module.Module"
        for kind in type(source).__mro__
    )


def load(module: Any, inputs: Any) -> Network:
    """Return the network of a module, its batch normalization and dropout as in inference.

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
        torch's exporter is not installed, or it cannot write the module; or as `npusim.load`.
    """
    import torch

    if inputs is None:
        raise FormatError(
            f"{type(module).__name__}: expected example inputs beside a module: load(module, "
            f"inputs=...)"
        )
    given: Sequence[Any] = inputs if isinstance(inputs, tuple | list) else (inputs,)
    tensors = tuple(torch.as_tensor(value) for value in given)
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            module(*tensors)
    except (RuntimeError, TypeError, ValueError) as error:
        module.train(training)
        raise FormatError(f"{type(module).__name__}: {_first_line(error)}") from None
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own, of its deprecations
        path = Path(folder, f"{type(module).__name__}.onnx")
        try:
            torch.onnx.export(
                module, tensors, path, opset_version=OPSET, external_data=False, verbose=False
            )
        except ModuleNotFoundError as error:
            raise UnsupportedError(
                f"{type(module).__name__}: torch's exporter needs {error.name}: "
                f"pip install npusim[torch]"
            ) from None
        except (torch.onnx.OnnxExporterError, RuntimeError) as error:
            raise UnsupportedError(
                f"{type(module).__name__}: torch.onnx.export: {_first_line(error)}"
            ) from None
        finally:
            module.train(training)
        from npusim.formats.files import load as load_file

        return load_file(path)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
