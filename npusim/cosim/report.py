"""The message of a mismatch: what a designer needs to find the fault without opening a waveform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from npusim.cosim.traffic import Cycle
from npusim.cosim.vectors import call
from npusim.datapath.contract import Parameters, Port, Unit, Value, Values


@dataclass(frozen=True)
class Fault:
    """One cycle in which the outputs were wrong; bits may be 0, 1, x or z."""

    cycle: int
    valid: str
    outputs: tuple[str, ...]
    selection: int = 0
    """Which mutant was selected; 0 is the module itself."""


def describe(
    *,
    unit: Unit,
    module: str,
    parameters: Parameters,
    vectors: Sequence[tuple[Values, Values]],
    cycles: Sequence[Cycle],
    faults: Sequence[Fault],
    fault_count: int,
    checked: int,
    seed: int,
    replay: str,
) -> str:
    """Return the report of the first fault, with what all recorded faults have in common."""
    first = faults[0]
    cycle = cycles[first.cycle]
    plural = "s" if fault_count != 1 else ""
    settings = ", ".join(f"{name}={value}" for name, value in parameters.items())
    lines = [
        f"{module}{f' ({settings})' if settings else ''} differs from the contract of {unit.name} "
        f"in {fault_count} cycle{plural} ({checked} outputs were checked)"
    ]
    if cycle.out >= 0:
        inputs, outputs = vectors[cycle.out]
        lines.append(_row("inputs", _values(inputs)))
        if unit.exact is not None:
            lines.append(_row("exact", _fraction(call(unit.exact, parameters, inputs))))
        lines.append(_row("expected", _values(outputs)))
        found = ", ".join(
            f"{port.name} = {_found(port, bits, parameters)}"
            for port, bits in zip(unit.outputs, first.outputs, strict=True)
        )
        lines.append(_row("found", found))
    expect_valid = int(cycle.out >= 0)
    if cycle.check_valid and first.valid != str(expect_valid):
        lines.append(_row("valid out", f"expected {expect_valid}, found {first.valid}"))
    lines.append(_row("cycle", _when(first.cycle, cycles)))
    lines += [
        _row("all faults", text) for text in _common(unit, parameters, vectors, cycles, faults)
    ]
    likely, latency = (
        _likely_latency(unit, parameters, vectors, cycles, faults),
        unit.latency(parameters),
    )
    if likely is not None:
        text = f"the outputs fit a latency of {likely} cycles, expected {latency}"
        lines.append(_row("hint", text))
    lines.append(_row("replay", f"seed {seed}: {replay}"))
    return "\n".join(lines)


def _row(title: str, text: str) -> str:
    return f"  {title:<11}{text}"


def _values(values: Values) -> str:
    return ", ".join(f"{name} = {_show(value)}" for name, value in values.items())


def _show(value: Value) -> str:
    return str(value) if isinstance(value, int) else f"[{', '.join(map(str, value))}]"


def _fraction(value: Fraction | int) -> str:
    value = Fraction(value)
    if value.denominator == 1:
        return f"{value.numerator} (unrounded, unclamped)"
    whole = value.numerator // value.denominator
    scaled = (value - whole) * 10**6
    decimals = scaled.numerator // scaled.denominator
    dots = "" if scaled.denominator == 1 else "..."
    text = f"{value.numerator}/2^{value.denominator.bit_length() - 1}"
    if value.denominator & (value.denominator - 1):
        text = str(value)
    return f"{text} = {whole} + 0.{decimals:06d}{dots} (unrounded, unclamped)"


def _found(port: Port, bits: str, parameters: Parameters) -> str:
    if set(bits) <= {"0", "1"}:
        return _show(port.unpack(int(bits, 2), parameters))
    return f"{bits} (undefined bits)"


def _when(number: int, cycles: Sequence[Cycle]) -> str:
    cycle = cycles[number]
    text = f"{number} ({cycle.style} traffic)"
    if cycle.out < 0:
        return text
    for earlier in range(number, -1, -1):
        candidate = cycles[earlier]
        if candidate.vector == cycle.out and candidate.enable and candidate.valid:
            return f"{text}; the input was accepted in cycle {earlier}"
    return text


def _style(cycles: Sequence[Cycle], number: int, latency: int) -> str:
    """Return the traffic that a fault belongs to; a burst may suffer from what came before."""
    for earlier in range(number, max(number - latency - 2, -1), -1):
        if cycles[earlier].style != "burst":
            return cycles[earlier].style
    return "burst"


def _common(
    unit: Unit,
    parameters: Parameters,
    vectors: Sequence[tuple[Values, Values]],
    cycles: Sequence[Cycle],
    faults: Sequence[Fault],
) -> list[str]:
    """Say what the faults share: one mode, one difference, one kind of traffic."""
    if len(faults) < 2:
        return []
    texts = []
    latency = unit.latency(parameters)
    styles = sorted({_style(cycles, fault.cycle, latency) for fault in faults})
    if not set(styles) & {"burst", "start"}:
        texts.append(f"only in {', '.join(styles)} traffic")
    data = [fault for fault in faults if cycles[fault.cycle].check_data]
    for port in unit.inputs:
        low, high = port.legal_bounds(parameters)
        if port.lanes is not None or high - low >= 16 or not data:
            continue
        bad = {vectors[cycles[fault.cycle].out][0][port.name] for fault in data}
        driven = {inputs[port.name] for inputs, _ in vectors}
        if bad < driven:
            texts.append(f"only with {port.name} = {', '.join(map(str, sorted(bad)))}")
    if unit.exact is not None and data:
        texts += _common_exact(unit, parameters, [vectors[cycles[f.cycle].out][0] for f in data])
    for index, port in enumerate(unit.outputs):
        differences = set()
        for fault in data:
            bits = fault.outputs[index]
            expected = vectors[cycles[fault.cycle].out][1][port.name]
            if port.lanes is not None or set(bits) > {"0", "1"} or "x" in bits or "z" in bits:
                break
            found = port.unpack(int(bits, 2), parameters)
            assert isinstance(found, int)
            assert isinstance(expected, int)
            differences.add(found - expected)
        else:
            if data and 0 < len(differences) <= 2 and differences != {0}:
                signed = " or ".join(f"{value:+d}" for value in sorted(differences))
                texts.append(f"{port.name} found - expected is {signed}")
    return texts


def _common_exact(unit: Unit, parameters: Parameters, inputs: Sequence[Values]) -> list[str]:
    assert unit.exact is not None
    exact = [Fraction(call(unit.exact, parameters, values)) for values in inputs]
    shared = {
        "a tie": all(value.denominator == 2 for value in exact),
        "an integer": all(value.denominator == 1 for value in exact),
        "negative": all(value < 0 for value in exact),
        "positive": all(value > 0 for value in exact),
    }
    names = [name for name, holds in shared.items() if holds]
    return [f"the exact value is {' and '.join(names)}"] if names else []


def _likely_latency(
    unit: Unit,
    parameters: Parameters,
    vectors: Sequence[tuple[Values, Values]],
    cycles: Sequence[Cycle],
    faults: Sequence[Fault],
) -> int | None:
    """Return the latency at which the recorded outputs would have been right, or None."""
    bursts = [
        fault
        for fault in faults[:64]
        if cycles[fault.cycle].style == "burst" and cycles[fault.cycle].check_data
    ]
    for offset in (1, -1, 2, -2, 3, -3):
        hits = sum(_fits(unit, parameters, vectors, cycles, fault, offset) for fault in bursts)
        if len(bursts) >= 4 and 4 * hits >= 3 * len(bursts):
            return unit.latency(parameters) + offset
    return None


def _fits(
    unit: Unit,
    parameters: Parameters,
    vectors: Sequence[tuple[Values, Values]],
    cycles: Sequence[Cycle],
    fault: Fault,
    offset: int,
) -> bool:
    number = fault.cycle - offset
    if not 0 <= number < len(cycles) or cycles[number].out < 0:
        return False
    expected = vectors[cycles[number].out][1]
    return all(
        set(bits) <= {"0", "1"} and port.pack(expected[port.name], parameters) == int(bits, 2)
        for port, bits in zip(unit.outputs, fault.outputs, strict=True)
    )
