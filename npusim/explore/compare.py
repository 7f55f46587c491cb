"""Every scheme on one network: quality, accuracy, bytes and cost on a machine side by side.

The float network runs once as the reference; it is calibrated once; then each variant of a scheme
is quantized at each number of bits, executed bit-exactly, and compared. The result is plain data:
the table, the CSV file and the page show nothing that is not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import npusim
from npusim.analysis.pareto import on_front
from npusim.analysis.top1 import classes, percent_equal
from npusim.arguments import require_count
from npusim.codes.schemes import MIXED, SCHEME_BITS, SCHEME_FAMILIES
from npusim.errors import ShapeError, UnsupportedError, suggested
from npusim.explore.budget import Budget
from npusim.explore.carry_out import Place, carry_out
from npusim.explore.compare_pictures import float_bytes, histogram, pictured
from npusim.explore.compare_rows import Choice, Subject, reference_of, row_of
from npusim.explore.sweep.execution import Job
from npusim.explore.sweep.tasks import digest, program_hash
from npusim.graph.network import Network
from npusim.machines import Machine
from npusim.quant.options import Options, as_published
from npusim.words import JSON_VERSION, PUBLISHED

VARIANTS: dict[str, dict[str, Any]] = {
    **{name: {"scheme": name} for name in SCHEME_FAMILIES},
    "uniform-min-max": {"scheme": "uniform", "clip": "min-max"},
    "uniform-layer": {"scheme": "uniform", "per_layer": True},
    "pwlq-paper": {"scheme": "pwlq", "breakpoint": "gaussian", "grid": "paper"},
    "subset-normalized": {"scheme": "subset", "normalize": "channel"},
    "subset+wes": {"scheme": "subset+wes"},
    "multipoint-1.25": {"scheme": "multipoint", "points": 1.25},
    "multipoint-2": {"scheme": "multipoint", "points": 2.0},
    "multipoint-3": {"scheme": "multipoint", "points": 3.0},
}
"""Schemes with the settings that matter, by the names that --schemes takes."""
DEFAULT_VARIANTS = ("uniform", "wes", "pwlq", "subset", "subset-normalized", "multipoint-2")
DEFAULT_BITS = (8, 6, 4, 3, 2)

Progress = Callable[[str, int, int], None]
"""Called with what comes next, how many rows are done, and how many there are."""


def choices(
    variants: Sequence[str],
    bits: Sequence[int],
    encoders: Sequence[str],
    corrections: Sequence[str],
) -> list[Choice]:
    """Return every combination that is defined; `published` has the paper's correction alone.

    Raises
    ------
    UnsupportedError
        There is no such variant, encoder or correction.
    """
    for name in variants:
        if name not in VARIANTS:
            raise UnsupportedError(
                f"--schemes: expected names of {', '.join(VARIANTS)}, found {name!r}"
                + suggested(name, VARIANTS)
            )
    found = []
    for name in variants:
        least, most = SCHEME_BITS[VARIANTS[name]["scheme"]]
        for b in bits:
            if not least <= b <= most:
                continue
            for encoder in encoders:
                settings: dict[str, Any] = {**VARIANTS[name], "bits": b}
                if encoder == PUBLISHED:
                    found.append(Choice(name, encoder, as_published(**settings)))
                    continue
                for correction in corrections:
                    options = Options(**settings, encoder=encoder, bias_correction=correction)  # type: ignore[arg-type]
                    found.append(Choice(name, encoder, options))
    if not found:
        raise UnsupportedError(f"--bits: no scheme is defined at {', '.join(map(str, bits))} bits")
    return found


def mixed_choices(
    budgets: Sequence[str], encoders: Sequence[str], corrections: Sequence[str]
) -> list[Choice]:
    """Return every budget with every encoder but `published` and every bias correction.

    Raises
    ------
    UnsupportedError
        A budget has another form than `Budget.parse` takes.
    """
    return [
        Choice(
            f"{MIXED} {budget}",
            encoder,
            Options(encoder=encoder, bias_correction=correction),  # type: ignore[arg-type]
            budget,
        )
        for encoder in encoders
        if encoder != PUBLISHED
        for correction in corrections
        for budget in map(Budget.parse, budgets)
    ]


def compare(
    network: Network,
    calibrate: NDArray,
    *,
    schemes: Sequence[str] = DEFAULT_VARIANTS,
    bits: Sequence[int] = DEFAULT_BITS,
    encoders: Sequence[str] = (Options.encoder,),
    bias_corrections: Sequence[str] = (Options.bias_correction,),
    budgets: Sequence[str] = (),
    layer_errors: bool = False,
    evaluate: NDArray | None = None,
    labels: NDArray[np.int64] | None = None,
    machine: str | Machine | None = None,
    threads: int | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    journal: str | Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return the comparison as JSON-ready values; docs/json.md describes the keys.

    Parameters
    ----------
    network
        A float network, or an integer one whose weights are taken as real values.
    calibrate, evaluate : array [N ...]
        Samples in the layout of the network's input, real values or codes of an integer network;
        the calibration samples are evaluated where there are no others.
    schemes, bits, encoders, bias_corrections
        Names of VARIANTS, bits of the multiply, names of words.ENCODERS or `published`, and names
        of words.BIAS_CORRECTIONS: every combination that is defined is a row.
    budgets
        `bytes=0.5x`, `cycles=N`, ...: each adds a row whose layers have schemes and bits of their
        own, see npusim.explore.budget.
    layer_errors
        Whether rows have what each layer's codes do to the network's output.
    labels : int64 [N], optional
        Classes of the evaluation samples.
    machine
        Adds each row's cycles and energy on this machine, and the machine's area.
    workers, scheduler
        Processes of this computer, or the address of a running Dask cluster, that make the rows;
        this process where both are None.
    journal, resume
        A file's name: finished rows are kept beside it, in `NAME.sweep`. `resume` continues what
        is kept there.
    progress
        Called with what comes next, how many rows are done, and how many there are.

    Raises
    ------
    NpuError
        As the quantizer, and as carry_out; labels that are not one a sample; a scheme, encoder or
        correction that there is not; a budget of cycles or energy without a machine.
    """
    place = Place(workers, scheduler, None if journal is None else Path(journal), resume)
    require_count("workers", workers)
    chosen = choices(schemes, bits, encoders, bias_corrections)
    chosen += mixed_choices(budgets, encoders, bias_corrections)
    target = None if machine is None else Machine.of(machine)
    for choice in chosen:
        if choice.budget is not None:
            choice.budget.require_machine(target)
    subject = Subject(network, calibrate, evaluate, labels, target, layer_errors)
    reference = reference_of(subject, threads)
    prepared, outputs = reference.prepared, reference.outputs
    if labels is not None and len(labels) != len(outputs):
        raise ShapeError(f"expected {len(outputs)} labels, found {len(labels)}")

    def show(done: int) -> None:
        if progress is not None and done < len(chosen):
            progress(chosen[done].name, done, len(chosen))

    whole = {"npusim": program_hash(), "subject": subject.key}
    keys = {i: digest({**whole, "choice": repr(choice)}) for i, choice in enumerate(chosen)}
    found = carry_out(
        keys, lambda i: Job(row_of, (subject, chosen[i], place.threads(threads))), place, show
    )
    rows = [one["row"] for one in found.values()]
    result: dict[str, Any] = {
        "npusim_version": npusim.__version__,
        "json_version": JSON_VERSION,
        "model": network.name,
        "notes": list(prepared.network.notes),
        "calibration_samples": len(np.atleast_1d(calibrate)),
        "evaluation_samples": len(outputs),
        "output": prepared.network.outputs[0],
        "classes": outputs[0].size,
        "float": {"bytes": float_bytes(prepared.network)},
        "rows": rows,
        "histograms": [
            {"layer": layer, **histogram(prepared, layer), "grids": _grids(layer, found.values())}
            for layer in pictured(prepared)
        ],
    }
    if target is not None:
        result["machine"] = target.name
    if labels is not None:
        result["float"]["accuracy"] = percent_equal(classes(outputs), labels)
    result["ranked_by"] = quality_key(rows)
    mark_front(rows, result["ranked_by"])
    return result


def _grids(layer: str, found: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the layer's grid in each variant, of its first row that has one."""
    grids: dict[str, Any] = {}
    for one in found:
        if layer in one["grids"]:
            grids.setdefault(one["row"]["variant"], one["grids"][layer])
    return grids


def quality_key(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what rows are ranked by: accuracy, else agreement, else output SQNR."""
    for key in ("accuracy", "agreement"):
        if all(key in row for row in rows):
            return key
    return "output_sqnr_db"


def mark_front(rows: list[dict[str, Any]], key: str) -> None:
    """Set `pareto` on each row: no other is better in bytes or `key` and as good in the other."""
    worst = float("-inf")
    costs = [(row["bytes"], -(worst if row[key] is None else row[key])) for row in rows]
    for row, best in zip(rows, on_front(costs), strict=True):
        row["pareto"] = bool(best)
