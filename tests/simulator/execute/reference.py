"""What each instruction writes, in plain Python, from docs/architecture.md, section 2.

A second opinion on npusim/simulator/execute: loops, addresses, masks and byte orders are
written again here; only the arithmetic of single values is the datapath pages' (whose own tests
hold it against other definitions).
"""

from __future__ import annotations

import itertools
import struct

from npusim.datapath.add import add
from npusim.datapath.requantize import requantize
from npusim.isa.columns import RegisterFile

SPACES = ("ACT", "WGT", "PAR", "ACC", "TABLE", "DRAM", "REGISTERS")
SUBSET_A, SUBSET_B = (16, 8, 2, 0), (16, 4, 1, 0)


def int32(value):
    return (value + 2**31) % 2**32 - 2**31


def activation(byte, unsigned):
    return byte if unsigned or byte < 128 else byte - 256


def at_place(space, address, content):
    """Return a place and what is written there, as an event's crc takes them."""
    return struct.pack("<BI", SPACES.index(space), address % 2**32) + content


class Reference:
    """A machine as dictionaries: word -> list of bytes, or of int32 lanes by region for ACC."""

    def __init__(self, machine, bases, dram):
        self.machine, self.bases, self.dram = machine, bases, dram
        self.pads = {"ACT": {}, "WGT": {}, "PAR": {}}
        self.acc, self.table = {}, {}
        self.files = RegisterFile()

    def run(self, item):
        """Carry out an instruction; return where it wrote what, in order."""
        if item.name == "CFG":
            self.files.configure(item)
            values = [struct.pack("<I", item[f"value{slot}"]) for slot in range(3)]
            return b"".join(
                at_place("REGISTERS", item["index"] + i, value) for i, value in enumerate(values)
            )
        if item.engine == "FETCH":
            return b""
        return getattr(self, item.name.lower())(item, self.files.of(item.engine))

    # DRAM

    def _beat(self, item, beats):
        return self.bases[item["region"]] + (item["offset"] + beats) * self.machine.bus.bus_bytes

    def ld(self, item, r):
        size, bus = self.machine.size, self.machine.bus.bus_bytes
        target = ("ACT", "WGT", "PAR")[item["target"]]
        pad, written = self.pads[target], b""
        if target != "ACT" or item["plain"]:
            length = size * (4 if target == "PAR" else 1)
            start = self._beat(item, 0)
            for i in range(item["columns"]):
                word = bytes(self.dram[start + i * length : start + (i + 1) * length])
                pad[item["address"] + i] = word
                written += at_place(target, item["address"] + i, word)
            return written
        pads, fill = r["pads"], r["element"]["fill"]
        held = r["element"]["beats"] * bus
        for b in range(item["blocks"]):
            for y in range(pads["top"] + item["rows"] + pads["bottom"]):
                for x in range(pads["left"] + item["columns"] + pads["right"]):
                    at = item["address"] + b * r["act_stride"]["block"]
                    at = (at + y * r["act_stride"]["row"] + x) % 65536
                    row, column = y - pads["top"], x - pads["left"]
                    word = bytes([fill] * size)
                    if 0 <= row < item["rows"] and 0 <= column < item["columns"]:
                        beats = b * r["block_stride"]["value"] + row * r["row_stride"]["value"]
                        start = self._beat(item, beats) + column * held
                        word = bytes(self.dram[start : start + held]) + word[held:]
                    pad[at] = word
                    written += at_place(target, at, word)
        return written

    def st(self, item, r):
        bus, written = self.machine.bus.bus_bytes, b""
        held = r["element"]["beats"] * bus
        extent = range(item["blocks"]), range(item["rows"]), range(item["columns"])
        for b, y, x in itertools.product(*extent):
            at = item["address"] + b * r["act_stride"]["block"] + y * r["act_stride"]["row"] + x
            beats = b * r["block_stride"]["value"] + y * r["row_stride"]["value"]
            start = self._beat(item, beats) + x * held
            part = self.pads["ACT"][at % 65536][:held]
            self.dram[start : start + held] = list(part)
            for beat in range(0, held, bus):
                written += at_place("DRAM", start + beat, part[beat : beat + bus])
        return written

    # MAC

    def _weights(self, item, r, tile):
        """Return [row][column] -> what the weight multiplies xe by in each region."""
        form, bits = r["mac_format"]["format"], r["mac_format"]["bits"]
        stored = bits + (form in (2, 4))
        rows, words = r["mac_tile"]["rows"], -(-r["mac_tile"]["rows"] * stored // 8)
        first = item["wgt"] + tile * words
        columns = []
        for c in range(self.machine.size):
            stream = 0
            for i in range(words):
                stream |= self.pads["WGT"][first + i][c] << (8 * i)
            codes = [stream >> (row * stored) & (2**stored - 1) for row in range(rows)]
            columns.append([self._decode(code, form, bits, r) for code in codes])
        return columns

    def _decode(self, code, form, bits, r):
        if form == 0:
            return (code - 2**bits if code >= 2 ** (bits - 1) else code,)
        if form == 1:
            lane = r["subset_selectors"]["value"] >> 4 * (code % 2 ** (bits - 1)) & 15
            value = SUBSET_A[lane >> 2] + SUBSET_B[lane & 3]
            return (-value if code >= 2 ** (bits - 1) else value,)
        if form == 3:
            place = code % 2**bits
            byte = r[f"lut_levels{place // 4}"]["value"] >> 8 * (place % 4) & 255
            return (byte - 256 if byte >= 128 else byte,)
        sign = -1 if code >> bits else 1
        g, tail = code % 2 ** (bits - 1), code >> (bits - 1) & 1
        if form == 4:
            return (sign * (2 ** (bits - 1) - 1 + 2 * g if tail else g),)
        return (0, sign * g, sign) if tail else (sign * g, 0, 0)

    def mac(self, item, r):
        size, n = self.machine.size, {k: r[f"mac_{k}"] for k in ("ob", "cb", "kh", "kw", "y", "x")}
        mask, output, form = r["mac_tile"], r["mac_output"], r["mac_format"]
        counts = {k: v["count"] for k, v in n.items()}
        written, tile = b"", 0
        for ob in range(counts["ob"]):
            for cb, kh, kw in itertools.product(*(range(counts[k]) for k in ("cb", "kh", "kw"))):
                weights, p = self._weights(item, r, tile), 0
                tile += 1
                first = cb == kh == kw == 0
                last = (cb, kh, kw) == (counts["cb"] - 1, counts["kh"] - 1, counts["kw"] - 1)
                word_of, slice_ = divmod(form["slice"] + cb, -(-size // self.machine.rows))
                lanes = [slice_ * self.machine.rows + row for row in range(mask["rows"])]
                active = [
                    (item["depthwise"] or self.machine.rows > size or lanes[row] < size)
                    and (cb > 0 or row >= mask["row_first"])
                    and (cb < counts["cb"] - 1 or row < mask["row_end"])
                    for row in range(mask["rows"])
                ]
                above = []  # the words of the rows before, the last one first
                for y in range(counts["y"]):
                    before, seen = None, []
                    for x in range(counts["x"]):
                        words = 1 if item["depthwise"] else -(-mask["rows"] // size)
                        at = item["act"] + ob * n["ob"]["stride"]
                        at += word_of * words * n["cb"]["stride"]
                        at += kh * n["kh"]["stride"] + kw * n["kw"]["stride"]
                        at += y * n["y"]["stride"] + x * n["x"]["stride"]
                        word = [
                            activation(v, form["unsigned"]) - form["zero_point"]
                            for v in self.pads["ACT"][at % 65536]
                        ]
                        if item["depthwise"]:
                            xe = [word] + [[0] * size for _ in range(mask["rows"] - 1)]
                            if before is not None:
                                xe[1:] = before[:-1]
                            seen.append(word)
                            for lines in (1, 2) if item["window"] else ():
                                row = lines * mask["taps"]
                                if 0 < row < mask["rows"]:
                                    late = lines <= len(above)
                                    xe[row] = above[lines - 1][x] if late else [0] * size
                            xe = [row if on else [0] * size
                                  for row, on in zip(xe, active, strict=True)]  # fmt: skip
                            before = xe
                            late = x - output["warm"]
                            if late < 0 or late % output["step"]:
                                continue
                            late = y - form["row_warm"]
                            if item["window"] and (late < 0 or late % (form["row_skip"] + 1)):
                                continue
                        else:
                            for more in range(1, words):
                                word += [
                                    activation(v, form["unsigned"]) - form["zero_point"]
                                    for v in self.pads["ACT"].get(
                                        (at + more * n["cb"]["stride"]) % 65536, [None] * size
                                    )
                                    if v is not None
                                ] or [0] * size
                            xe = [[word[lanes[row]]] * size if on else [0] * size
                                  for row, on in enumerate(active)]  # fmt: skip
                        target = (item["acc"] + ob * output["acc_stride"] + p) % 65536
                        p += 1
                        written += self._accumulate(
                            target, weights, xe, first and not item["accumulate"], last
                        )
                    above = [seen, *above]
        return written

    def _accumulate(self, target, weights, xe, clear, last):
        regions = len(weights[0][0])
        word = self.acc.setdefault(target, [[None] * self.machine.size for _ in range(3)])
        for region in range(regions):
            for c, column in enumerate(weights):
                total = sum(w[region] * row[c] for w, row in zip(column, xe, strict=True))
                word[region][c] = int32(total if clear else word[region][c] + total)
        if not last:
            return b""
        sums = (struct.pack(f"<{len(word[g])}i", *word[g]) for g in range(regions))
        return at_place("ACC", target, b"".join(sums))

    # RQ, VEC

    def _walk(self, r, names):
        return itertools.product(*(range(r[name]["count"]) for name in names))

    def _address(self, base, r, names, places, suffix, field):
        steps = (r[name + suffix][field] for name in names)
        return (base + sum(i * s for i, s in zip(places, steps, strict=True))) % 65536

    def rq(self, item, r):
        names, terms = ("vec_b", "vec_y", "vec_x"), r["vec_kx"]["count"]
        unsigned, written = r["rq_mode"]["unsigned"], b""
        for place in self._walk(r, names):
            par = item["par"] + place[0] * (3 + terms)
            words = [struct.unpack(f"<{self.machine.size}I", self.pads["PAR"][(par + i) % 65536])
                     for i in range(3 + terms)]  # fmt: skip
            act = self._address(item["act"], r, names, place, "", "stride")
            acc = self._address(item["acc"], r, names, place, "_out", "acc")
            out, lanes = self._address(item["out"], r, names, place, "_out", "out"), []
            for c in range(self.machine.size):
                values = []
                for j in range(terms):
                    if item["act_terms"] >> j & 1:
                        at = (act + j * r["vec_kx"]["stride"]) % 65536
                        values.append(activation(self.pads["ACT"][at][c], unsigned))
                        continue
                    sums = self.acc[(acc + j * r["vec_kx_out"]["acc"]) % 65536]
                    n = 2 ** (r["rq_mode"]["pwlq_bits"] - 1) - 1
                    if not item["pwlq"]:
                        values.append(sums[0][c])
                    else:
                        values.append(sums[1][c] if j else int32(sums[0][c] + n * sums[2][c]))
                bias = words[1][c] % 2**31 * 2**32 + words[0][c]
                bias -= 2**63 if bias >= 2**62 else 0
                multipliers = tuple(words[3 + j][c] % 2**31 for j in range(terms))
                output = r["rq_output"]
                y = requantize(
                    tuple(values), multipliers, bias, r["rq_mode"]["rounding"], words[2][c] & 63,
                    words[2][c] >> 8 & 15, output["zero_point"], output["low"], output["high"],
                )  # fmt: skip
                lanes.append(y % 256)
            self.pads["ACT"][out] = bytes(lanes)
            written += at_place("ACT", out, bytes(lanes))
        return written

    def vec(self, item, r):
        names, op = ("vec_b", "vec_y", "vec_x"), item["op"]
        unsigned, written, index = r["rq_mode"]["unsigned"], b"", 0
        for place in self._walk(r, names):
            base = self._address(item["act"], r, names, place, "", "stride")
            taps = [
                self.pads["ACT"][self._address(base, r, ("vec_ky", "vec_kx"), tap, "", "stride")]
                for tap in self._walk(r, ("vec_ky", "vec_kx"))
            ]
            if op == 5:
                for tap in taps:
                    written += at_place("TABLE", index % 256 // self.machine.size, tap)
                    for byte in tap:
                        self.table[index % 256] = byte
                        index += 1
                continue
            values = [[activation(v, unsigned) for v in tap] for tap in taps]
            if op == 3:
                at = self._address(item["acc"], r, names, place, "_out", "acc")
                word = self.acc.setdefault(at, [[None] * self.machine.size for _ in range(3)])
                for c, lane in enumerate(zip(*values, strict=True)):
                    word[0][c] = int32(sum(lane) + (word[0][c] if item["accumulate"] else 0))
                written += at_place("ACC", at, struct.pack(f"<{len(word[0])}i", *word[0]))
                continue
            if op == 0:
                lanes = taps[-1]
            elif op == 1:
                lanes = bytes(max(lane) % 256 for lane in zip(*values, strict=True))
            elif op == 4:
                lanes = bytes(self.table[v] for v in taps[-1])
            elif op == 7:
                lanes = bytes(min(lane) % 256 for lane in zip(*values, strict=True))
            else:
                lanes = bytes(self._pair(item, a, b, r) for a, b in zip(*values, strict=True))
            out = self._address(item["out"], r, names, place, "_out", "out")
            self.pads["ACT"][out] = lanes
            written += at_place("ACT", out, lanes)
        return written

    def _pair(self, item, a, b, r):
        mode, shift, output = r["rq_mode"]["rounding"], r["add_shift"], r["rq_output"]
        multiplier = [r[f"add_multiplier{i}"]["value"] for i in range(3)]
        zero = r["add_zero_point"]
        total = add(
            a - zero["zero_point0"], b - zero["zero_point1"], multiplier[0], multiplier[1], mode,
            shift["shift0"], shift["shift1"], item["op"] == 6, item["subtract"],
        )  # fmt: skip
        y = requantize(
            (total,), (multiplier[2],), 0, mode, shift["shift2"], 0, output["zero_point"],
            output["low"], output["high"],
        )  # fmt: skip
        return y % 256
