"""One module in the generated bench, ready to be driven with an image."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from npusim.cosim import harness, toolchain
from npusim.cosim.design import Design
from npusim.cosim.errors import CosimulationError
from npusim.cosim.report import Fault
from npusim.cosim.simulation import build, run
from npusim.cosim.traffic import Cycle, traffic
from npusim.cosim.vectors import inputs_of, outputs_of
from npusim.cosim.wiring import Wiring
from npusim.datapath.contract import Parameters, Port, Unit, Value, Values


@dataclass(frozen=True)
class Image:
    """The stimulus of one simulation: vectors, and what happens in each cycle."""

    vectors: tuple[tuple[Values, Values], ...]
    """(inputs, golden outputs)."""
    cycles: tuple[Cycle, ...]
    events: Counter[str]
    """How often each event of the traffic happened."""


def make_image(
    unit: Unit,
    parameters: Parameters,
    wiring: Wiring,
    *,
    seed: int,
    vectors: int,
    most: int | None = None,
) -> Image:
    """Return the stimulus that `seed` stands for: the same arguments give the same image.

    Where `most` is given, so many vectors are drawn at random from the directed and random ones.

    Raises
    ------
    CosimulationError
        The contract's generators yield nothing, or something illegal.
    """
    rng = Random(f"{unit.name} {sorted(parameters.items())} {seed}")
    inputs = inputs_of(unit, parameters, vectors, rng, wiring)
    if not inputs:
        raise CosimulationError(f"{unit.name}: expected at least one vector, found none")
    if most is not None and len(inputs) > most:
        inputs = rng.sample(inputs, most)
    pairs = tuple((values, outputs_of(unit, parameters, values)) for values in inputs)
    events: Counter[str] = Counter()
    cycles = tuple(traffic(len(pairs), unit.latency(parameters), wiring, rng, events))
    return Image(pairs, cycles, events)


@dataclass(frozen=True)
class Outcome:
    """What the simulator counted, and the faults that it recorded."""

    faults: tuple[Fault, ...]
    fault_count: int
    cycles: int
    checked: int


@dataclass(frozen=True)
class Bench:
    """A module wired to a contract."""

    unit: Unit
    module: str
    files: tuple[Path, ...]
    settings: Parameters
    """Parameters of the contract."""
    wiring: Wiring = field(default_factory=Wiring)
    passed: Parameters = field(default_factory=dict)
    """Parameters of the module."""
    includes: tuple[Path, ...] = ()
    select: tuple[str, int] | None = None
    """Name and width of the port that chooses a mutant."""

    def simulate(
        self,
        image: Image,
        *,
        simulator: str = "icarus",
        waves: Path | None = None,
        seed: int = 1,
        plusargs: Sequence[str] = (),
    ) -> Outcome:
        """Drive `image`; return what differed.

        Raises
        ------
        CosimulationError
            The design does not build, or the simulation did not run to its end.
        """
        toolchain.require_waves(simulator, waves)
        text = harness.generate(
            self.unit,
            self.module,
            self.passed,
            self.settings,
            self.wiring,
            select=self.select,
            dump=simulator == "icarus",
        )
        with tempfile.TemporaryDirectory(prefix="npusim-") as temporary:
            place = Path(temporary)
            source = place / f"{harness.TOP}.v"
            source.write_text(text)
            design = Design(harness.TOP, (source, *self.files), includes=self.includes)
            built = build(design, simulator=simulator, waves=waves is not None)
            self._write(image, place)
            arguments = ["+image=image.hex", "+report=faults.txt", *plusargs]
            if waves is not None:
                arguments.append("+waves=waves.fst")
            results = run(
                built,
                "npusim.cosim.contract_test",
                directory=place,
                seed=seed,
                environment={harness.REQUEST: str(place / "request.json")},
                plusargs=arguments,
                waves="" if waves is None else waves.suffix,  # type: ignore[arg-type]
                expected_tests=1,
            )
            answer = place / "answer.json"
            if results.failed or not answer.exists():
                lines = [line for line in results.log.splitlines() if "Error" in line]
                reason = lines[-1].strip() if lines else "the bench did not finish"
                raise CosimulationError(f"{self.module}: {reason}")
            if waves is not None:
                shutil.move(place / ("waves.fst" if simulator == "icarus" else "dump.vcd"), waves)
            counts = json.loads(answer.read_text())
            faults = tuple(map(_fault, (place / "faults.txt").read_text().splitlines()))
        return Outcome(faults, counts["faults"], counts["cycles"], counts["checked"])

    def _write(self, image: Image, folder: Path) -> None:
        with (folder / "image.hex").open("w") as file:
            file.writelines(self._lines(image))
        wiring, settings = self.wiring, self.settings
        ports = {name: 1 for name in wiring.control().values()}
        ports |= {
            wiring.name(port): port.total_width(settings)
            for port in self.unit.ports
            if port.direction == "out" or port.name not in wiring.fixed
        }
        request = {"ports": ports, "parameters": dict(self.passed)}
        (folder / "request.json").write_text(json.dumps(request))

    def _lines(self, image: Image) -> list[str]:
        """Return one hexadecimal line for each cycle, in the order of harness.py."""
        inputs, outputs = self.unit.inputs, self.unit.outputs
        in_words = self._words(inputs, [values for values, _ in image.vectors])
        out_words = self._words(outputs, [values for _, values in image.vectors])
        in_bits = sum(port.total_width(self.settings) for port in inputs)
        out_bits = sum(port.total_width(self.settings) for port in outputs)
        lines = []
        for cycle in image.cycles:
            control = (
                cycle.brief << 6
                | cycle.reset << 5
                | cycle.enable << 4
                | cycle.valid << 3
                | cycle.check_valid << 2
                | (cycle.out >= 0) << 1
                | cycle.check_data
            )
            word = (control << in_bits | in_words[cycle.vector]) << out_bits
            lines.append(f"{word | out_words[max(cycle.out, 0)]:x}\n")
        return lines

    def _words(self, ports: Sequence[Port], vectors: Sequence[Values]) -> list[int]:
        """Return each vector's ports as one word, the first port in the highest bits."""
        words = [0] * len(vectors)
        for port in ports:
            width = port.total_width(self.settings)
            last: Value | None = None
            bits = 0
            for number, values in enumerate(vectors):
                value = values[port.name]
                if value is not last:  # a table stays the same object for many vectors
                    last, bits = value, port.pack(value, self.settings)
                words[number] = words[number] << width | bits
        return words


def _fault(line: str) -> Fault:
    selection, cycle, valid, *outputs = line.split()
    return Fault(int(cycle), valid, tuple(outputs), int(selection))
