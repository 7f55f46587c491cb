"""Ways to damage a file, by its kind; the same random numbers make the same damage."""

from __future__ import annotations

import hashlib
import random
import re
from typing import Any

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema

NUMBERS = (0, 1, -1, 7, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -(2**31), 2**32,
           2**40, 2**63 - 1, -(2**63))  # fmt: skip
TEXTS = ("", "x", "[/a]", "\x1b[2J", "\u202e", "9" * 5000, "[" * 3000, "1e999", "nan", "-0",
         "../../etc/passwd", "/dev/zero", "a\0b", "true", "{}", '"', "\n")  # fmt: skip
FLOATS = (0.0, -1.0, 1e-45, 3e38, float("nan"), float("inf"))
DIGEST_BYTES = 32


def damaged(rng: random.Random, ending: str, content: bytes, other: bytes) -> bytes:
    """Return `content` with one to four faults; `other` is another file of its kind."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if ending == ".onnx" and rng.random() < 0.7:
            content = _message(rng, content)
        elif ending == ".tflite" and rng.random() < 0.7:
            content = _tables(rng, content)
        elif ending in (".s", ".toml"):
            content = _text(rng, content)
        else:
            content = _bytes(rng, content, other)
    return _sealed(content) if ending == ".npu" and rng.random() < 0.9 else content


def _bytes(rng: random.Random, content: bytes, other: bytes) -> bytes:
    if not content:
        return other
    at = rng.randrange(len(content))
    end = min(len(content), at + rng.choice((1, 2, 4, 8, 64)))
    match rng.randrange(7):
        case 0:
            return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]
        case 1:
            return content[:at] + rng.randbytes(end - at) + content[end:]
        case 2:
            wide = rng.choice((1, 2, 4, 8))
            number = rng.choice(NUMBERS) % (1 << 8 * wide)
            return content[:at] + number.to_bytes(wide, "little") + content[at + wide :]
        case 3:
            return content[:at]
        case 4:
            return content[:at] + content[end:]
        case 5:
            return content[:end] + content[at:]
        case _:
            return content[:at] + other[rng.randrange(len(other) + 1) :]


def _text(rng: random.Random, content: bytes) -> bytes:
    text = content.decode(errors="replace")
    places = list(re.finditer(r"-?\d+|\w+|[^\w\s]", text))
    if not places or rng.random() < 0.2:
        return _bytes(rng, content, b"x")
    place, another = rng.choice(places), rng.choice(places)
    put = rng.choice((str(rng.choice(NUMBERS)), rng.choice(TEXTS), another[0], ""))
    return (text[: place.start()] + put + text[place.end() :]).encode(errors="replace")


def _message(rng: random.Random, content: bytes) -> bytes:
    """Change, drop or repeat one field somewhere in an ONNX file."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception:  # damaged already
        return _bytes(rng, content, content)
    message: Any = model
    while True:
        fields = message.ListFields()
        if not fields:
            break
        field, value = rng.choice(fields)
        is_list = not isinstance(value, str | bytes) and hasattr(value, "append")
        is_list = is_list or (hasattr(value, "__len__") and hasattr(value, "add"))
        if field.type == field.TYPE_MESSAGE and rng.random() < 0.9:
            message = rng.choice(value) if is_list else value
            continue
        _change(rng, message, field, value, is_list)
        break
    return model.SerializeToString()


def _change(rng: random.Random, message: Any, field: Any, value: Any, is_list: bool) -> None:
    if rng.random() < 0.2:
        message.ClearField(field.name)
        return
    if is_list:
        place = rng.randrange(len(value))
        if rng.random() < 0.3:
            del value[place]
        elif field.type == field.TYPE_MESSAGE:
            value.add().CopyFrom(value[place])
        elif rng.random() < 0.3:
            value.append(value[place])
        else:
            value[place] = _other(rng, field, value[place])
    elif field.type != field.TYPE_MESSAGE:
        setattr(message, field.name, _other(rng, field, value))


def _other(rng: random.Random, field: Any, value: Any) -> Any:
    if field.type == field.TYPE_STRING:  # which is bytes where it is no text any more
        return rng.choice(TEXTS)
    if isinstance(value, bytes):
        return _bytes(rng, value, b"x" * 8) if field.name != "raw_data" or len(value) else value
    if field.enum_type is not None:  # protobuf takes no other than its own
        return rng.choice(list(field.enum_type.values_by_number))
    if isinstance(value, float):
        return rng.choice(FLOATS)
    low, high = (-(2**31), 2**31 - 1) if field.type != field.TYPE_INT64 else (-(2**63), 2**63 - 1)
    return min(max(rng.choice((*NUMBERS, value + 1, value - 1)), low), high)


def _tables(rng: random.Random, content: bytes) -> bytes:
    """Change, drop or repeat one field somewhere in a .tflite file, which stays a flatbuffer."""
    try:
        model = schema.ModelT.InitFromPackedBuf(content, 0)
        table: Any = model
        while True:
            fields = {k: v for k, v in vars(table).items() if v is not None and k != "data"}
            name = rng.choice(sorted(fields)) if fields else ""
            value = fields.get(name)
            inner = value if isinstance(value, list) else [value]
            inner = [one for one in inner if hasattr(one, "Pack")]
            if not inner or rng.random() < 0.1:
                break
            table = rng.choice(inner)
        if name:
            setattr(table, name, _other_field(rng, value))
        builder = flatbuffers.Builder(len(content))
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
    except Exception:  # damaged already, or no such number fits the field
        return _bytes(rng, content, content)


def _other_field(rng: random.Random, value: Any) -> Any:
    if rng.random() < 0.1 and not isinstance(value, bool | int | float):
        return None
    if isinstance(value, np.ndarray | list) and len(value):
        at = rng.randrange(len(value))
        kept = value.tolist() if isinstance(value, np.ndarray) else list(value)
        match rng.randrange(3):
            case 0:
                del kept[at]
            case 1:
                kept.insert(at, kept[at])
            case _ if not hasattr(kept[at], "Pack"):
                kept[at] = _other_field(rng, kept[at])
        return np.array(kept, value.dtype) if isinstance(value, np.ndarray) else kept
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        return rng.choice(FLOATS)
    if isinstance(value, int):
        return rng.choice((*NUMBERS, value + 1, value - 1, rng.randrange(210)))
    return rng.choice(TEXTS).encode() if isinstance(value, bytes) else value


def _sealed(content: bytes) -> bytes:
    """Give a damaged program a checksum that is right."""
    body = content[:-DIGEST_BYTES]
    return body + hashlib.sha256(body).digest()
