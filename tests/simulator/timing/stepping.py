"""The front end, the engines' control and the memory port, stepped cycle by cycle.

A second opinion on npusim/simulator/timing/schedule.py, from docs/architecture.md, sections 4
to 6, as registers that a clock moves: slots, queues, token counters, valid and ready. Nothing in it
knows a maximum of cycles. Slow, plain Python.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from npusim.datapath.add import UNIT as ADD
from npusim.datapath.lookup import UNIT as LOOKUP
from npusim.datapath.pe_column import UNIT as PE_COLUMN
from npusim.datapath.pool import UNIT as POOL
from npusim.datapath.requantize import UNIT as REQUANTIZE
from npusim.datapath.subtract_zero_point import UNIT as SUBTRACT
from npusim.datapath.weight_decode import UNIT as WEIGHT_DECODE
from npusim.isa.columns import RegisterFile
from npusim.machines import Machine

ENGINES = ("LD", "MX", "EP", "ST")
CHANNEL = {name: i for i, name in enumerate(
    ("fetch_ar", "fetch_r", "ld_ar", "ld_r", "st_aw", "st_w", "st_b"))}  # fmt: skip
READ_CYCLES = 2  # a bank, and the register behind it


class Channel:
    """Counts down the wait cycles before the next handshake."""

    def __init__(self, machine, name):
        self.is_lfsr = machine.memory.model == "lfsr"
        self.lfsr = (machine.memory.seed + 0x9E37 * CHANNEL[name]) % 65536 or 1
        self.blocked = 0  # cycles in which nothing may pass

    def may_pass(self):
        return self.blocked == 0

    def passed(self):
        bits = [self.lfsr >> tap & 1 for tap in (0, 2, 3, 5)]
        self.lfsr = (sum(bits) % 2) * 32768 + self.lfsr // 2
        self.blocked = 1 + (self.lfsr % 8 if self.is_lfsr else 0)

    def tick(self):
        self.blocked = max(0, self.blocked - 1)


@dataclass
class ReadPort:
    """AR and R: takes addresses while fewer than N bursts are under way, answers in order."""

    machine: Machine
    name: str
    requests: deque = field(default_factory=deque)  # [beats left, first cycle of the first beat]

    def __post_init__(self):
        self.ar, self.r = (Channel(self.machine, f"{self.name}_{c}") for c in ("ar", "r"))
        self.ended = []  # cycles in which a burst's last beat passed

    def under_way(self, cycle):
        return len(self.requests) + sum(1 for end in self.ended if end >= cycle)

    def address(self, cycle, beats):
        """Return whether an address that stands in this cycle is taken."""
        if not self.ar.may_pass() or self.under_way(cycle) >= self.machine.memory.outstanding:
            return False
        self.ar.passed()
        self.requests.append([beats, cycle + self.machine.memory.latency_cycles])
        return True

    def beat(self, cycle, ready):
        """Return whether a beat passes in this cycle."""
        if not ready or not self.requests or not self.r.may_pass():
            return False
        request = self.requests[0]
        if cycle < request[1]:
            return False
        self.r.passed()
        request[0] -= 1
        if not request[0]:
            self.requests.popleft()
            self.ended.append(cycle)
        return True

    def tick(self):
        self.ar.tick()
        self.r.tick()


class Stepper:
    """One run: afterwards pc -> cycle, and the stalls as (start, engine, pc, cause, length)."""

    def __init__(self, program, machine, bases):
        self.program, self.machine, self.bases = program, machine, bases
        self.dispatched, self.issued, self.retired = {}, {}, {}
        self.stalls = []

    def run(self, most=200_000):
        machine = self.machine
        count = len(self.program)
        beats_each = 16 // min(machine.bus.bus_bytes, 16)
        fetch, load = ReadPort(machine, "fetch"), ReadPort(machine, "ld")
        aw, w, bch = (Channel(machine, n) for n in ("st_aw", "st_w", "st_b"))
        queues = {e: deque() for e in ENGINES}  # (pc, visible from)
        running = dict.fromkeys(ENGINES)  # (pc, engine model)
        tokens = {(a, b): 0 for a in ENGINES for b in ENGINES}
        pending_tokens = []
        waiting = {e: [0, []] for e in ENGINES}  # start of the wait, causes cycle by cycle
        files = RegisterFile()
        arrived = {}  # instruction -> cycle of the last beat
        beats_in, asked, asking, ask_from = 0, 0, None, 1
        pc, fence = 0, None
        store_state = {"ended": [], "responses": deque()}
        slot_free = {}
        for cycle in range(most):
            for a, b in pending_tokens:
                tokens[a, b] += 1
            pending_tokens = []
            busy = any(queues.values()) or any(running.values())  # as the cycle begins
            # instruction fetch: a burst is asked for from ask_from on, two slots
            if asking is None and asked < count and cycle >= ask_from:
                burst = asked // 8
                if burst < 2 or slot_free.get(burst - 2, most) + 2 <= cycle:
                    asking = min(8, count - asked)
            if asking is not None and fetch.address(cycle, asking * beats_each):
                asked, asking, ask_from = asked + asking, None, cycle + 2
            if fetch.beat(cycle, True):
                beats_in += 1
                if beats_in % beats_each == 0:
                    arrived[beats_in // beats_each - 1] = cycle
            # engines retire
            for e in ENGINES:
                if running[e] is not None:
                    number, model = running[e]
                    done = model.step(cycle, self, load, (aw, w, bch), store_state)
                    if done:
                        self.retired[number] = cycle
                        running[e] = (number, None)
                        item = self.program[number]
                        pending_tokens += [(e, other) for other in item.signals]
                        waiting[e] = [cycle + 1, []]
            # engines issue
            for e in ENGINES:
                if running[e] is not None and running[e][1] is not None:
                    continue
                if running[e] is not None:  # retires in this cycle
                    running[e] = None
                    continue
                item = self.program[queues[e][0][0]] if queues[e] else None
                if item is None or queues[e][0][1] > cycle:
                    waiting[e][1].append("fetch")
                    continue
                place = ENGINES.index(e)
                givers = {"prev": ENGINES[place - 1], "across": ENGINES[place - 2],
                          "next": ENGINES[place - 3]}  # fmt: skip
                missing = [
                    side for side, giver in givers.items()
                    if item[f"wait_{side}"] and not tokens[giver, e]
                ]  # fmt: skip
                if missing:
                    waiting[e][1].append(missing[0])
                    continue
                for side, giver in givers.items():
                    tokens[giver, e] -= item[f"wait_{side}"]
                number, _ = queues[e].popleft()
                self.issued[number] = cycle
                self._note_stall(e, number, waiting[e])
                if item.name == "CFG":
                    files.configure(item)
                running[e] = (number, self._model(item, files.of(e), cycle))
            # dispatch; a place that becomes free in this cycle can be used in the next
            if fence is not None:
                if not busy and cycle > self.dispatched[fence]:
                    self.retired[fence] = cycle
                    if self.program[fence].name == "HALT":
                        return cycle + 1
                    fence = None
            elif pc < count and arrived.get(pc, most) < cycle:
                item = self.program[pc]
                if item.engine == "FETCH":
                    self.dispatched[pc] = self.issued[pc] = cycle
                    fence, pc = pc, pc + 1
                else:
                    just = any(self.issued.get(n) == cycle for n in self._recent(item.engine))
                    if len(queues[item.engine]) + just < 8:
                        queues[item.engine].append((pc, cycle + 1))
                        self.dispatched[pc] = cycle
                        pc += 1
                if pc % 8 == 0 and pc and (pc - 1) in self.dispatched:
                    slot_free.setdefault(pc // 8 - 1, cycle)
            for port in (fetch, load):
                port.tick()
            for channel in (aw, w, bch):
                channel.tick()
        raise AssertionError("no end")

    def _recent(self, engine):
        return [n for n in list(self.issued)[-6:] if self.program[n].engine == engine]

    def _note_stall(self, engine, number, waited):
        start, causes = waited
        while causes:
            cause = causes[0]
            length = next((i for i, c in enumerate(causes) if c != cause), len(causes))
            self.stalls.append((start, engine, number, cause, length))
            start, causes = start + length, causes[length:]

    def _model(self, item, registers, cycle):
        if item.name == "LD":
            return LoadModel(item, registers, cycle, self)
        if item.name == "ST":
            return StoreModel(item, registers, cycle, self)
        return Countdown(_duration(item, registers, self.machine))

    def bursts(self, item, registers):
        """Yield (beats) of the bursts of a LD or ST, in order."""
        bus = self.machine.bus.bus_bytes
        plain = item.name == "LD" and (item["plain"] or item["target"])
        if plain:
            words = item["columns"] * (4 if item["target"] == 2 else 1)
            segments = [(0, words * self.machine.word_beats)]
        else:
            segments = [
                (b * registers["block_stride"]["value"] + y * registers["row_stride"]["value"],
                 item["columns"] * registers["element"]["beats"])
                for b in range(item["blocks"]) for y in range(item["rows"])
            ]  # fmt: skip
        for start, left in segments:
            at = self.bases[item["region"]] // bus + item["offset"] + start
            while left:
                to_page = (4096 - at * bus % 4096) // bus
                beats = min(left, self.machine.bus.burst_beats, to_page)
                yield beats
                at, left = at + beats, left - beats


class Countdown:
    def __init__(self, cycles):
        self.left = cycles

    def step(self, *_):
        self.left -= 1
        return self.left == 0


def _duration(item, registers, machine):
    parameters = {
        **machine.parameters, "ROWS": machine.size, "MAX_TERMS": 4,
    }  # fmt: skip
    latency = {unit.name: unit.latency(parameters) for unit in
               (ADD, LOOKUP, PE_COLUMN, POOL, REQUANTIZE, SUBTRACT, WEIGHT_DECODE)}  # fmt: skip
    count = {name: fields.get("count", 0) for name, fields in registers.items()}
    if item.name == "CFG":
        return 1
    if item.name == "MAC":
        load = registers["mac_tile"]["rows"] + 2 + latency["weight_decode"]
        tiles = count["mac_ob"] * count["mac_cb"] * count["mac_kh"] * count["mac_kw"]
        reads = count["mac_y"] * count["mac_x"]
        cycles = load + reads  # the first pass, and those that follow
        for _ in range(tiles - 1):
            cycles += max(reads, load)
        return cycles + READ_CYCLES + 3 + latency["subtract_zero_point"] + latency["pe_column"]
    if item.name == "RQ":
        terms = count["vec_kx"]
        turns = count["vec_y"] * count["vec_x"] * terms * machine.array.lanes_per_requantizer
        return count["vec_b"] * (3 + terms + turns) + READ_CYCLES + 3 + latency["requantize"]
    taps = count["vec_b"] * count["vec_y"] * count["vec_x"] * count["vec_ky"] * count["vec_kx"]
    extra = (0, latency["pool"], latency["add"] + latency["requantize"], latency["pool"],
             latency["lookup"], 0, latency["add"] + latency["requantize"],
             latency["pool"])  # fmt: skip
    requantizer, lookup = machine.array.lanes_per_requantizer, machine.array.lanes_per_lookup
    lanes = (1, 1, requantizer, 1, lookup, 1, requantizer, 1)[item["op"]]
    return taps * lanes + READ_CYCLES + 2 + extra[item["op"]]


class LoadModel:
    """Requests on one side, the writer that stands at a word of the walk on the other."""

    def __init__(self, item, registers, cycle, stepper):
        self.bursts = deque(stepper.bursts(item, registers))
        self.valid_from = cycle + 3
        self.words = deque(self._walk(item, registers, stepper.machine))
        self.end = None

    def _walk(self, item, registers, machine):
        """Yield 0 for a padding word, else the beats of a word."""
        if item["plain"] or item["target"]:
            beats = machine.word_beats * (4 if item["target"] == 2 else 1)
            yield from [beats] * item["columns"]
            return
        pads = registers["pads"]
        for _ in range(item["blocks"]):
            for y in range(-pads["top"], item["rows"] + pads["bottom"]):
                for x in range(-pads["left"], item["columns"] + pads["right"]):
                    inner = 0 <= y < item["rows"] and 0 <= x < item["columns"]
                    yield registers["element"]["beats"] if inner else 0

    def step(self, cycle, stepper, load, store, state):
        if self.bursts and cycle >= self.valid_from and load.address(cycle, self.bursts[0]):
            self.bursts.popleft()
            self.valid_from = cycle + 2
        if self.end is not None:
            return cycle == self.end
        moved = load.beat(cycle, bool(self.words) and self.words[0] > 0)
        if self.words[0] == 0:
            self.words.popleft()
        elif moved:
            self.words[0] -= 1
            if self.words[0] == 0:
                self.words.popleft()
        if not self.words:
            self.end = cycle + 2
        return False


class StoreModel:
    """Address, then its beats, then the next address; responses come by themselves."""

    def __init__(self, item, registers, cycle, stepper):
        self.bursts = deque(stepper.bursts(item, registers))
        self.phase, self.from_cycle, self.left = "address", cycle + 3, 0
        self.expected = len(self.bursts)
        self.answered, self.end = 0, None

    def step(self, cycle, stepper, load, channels, state):
        aw, w, b = channels
        memory = stepper.machine.memory
        if state["responses"] and b.may_pass() and cycle >= state["responses"][0]:
            state["responses"].popleft()
            b.passed()
            state["ended"].append(cycle)
            self.answered += 1
            if self.answered == self.expected:
                self.end = cycle + 1
                return False
        if self.end is not None:
            return cycle == self.end
        if cycle < self.from_cycle:
            return False
        if self.phase == "address":
            sent = self.expected - len(self.bursts)
            open_bursts = sent - self.answered + sum(1 for end in state["ended"] if end == cycle)
            if aw.may_pass() and open_bursts < memory.outstanding:
                aw.passed()
                self.phase, self.from_cycle, self.left = "data", cycle + 1, self.bursts.popleft()
        elif self.phase == "data" and w.may_pass():
            w.passed()
            self.left -= 1
            if not self.left:
                state["responses"].append(cycle + memory.latency_cycles)
                self.phase = "address" if self.bursts else "done"
                self.from_cycle = cycle + 2
        return False
