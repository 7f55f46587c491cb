"""My multiply-accumulate against a contract of my own: five lines say what it must do."""

from pathlib import Path

from npusim.cosim import Wiring, verify_module
from npusim.datapath.contract import Port, Unit

UNIT = Unit(
    name="saturating_mac",
    ports=(
        Port("a", "in", 8, signed=True),
        Port("b", "in", 8, signed=True),
        Port("c", "in", 20, signed=True),
        Port("y", "out", 20, signed=True),
    ),
    latency_cycles=0,
    scalar=lambda a, b, c: min(max(a * b + c, -(1 << 19)), (1 << 19) - 1),
    bins={
        "saturates high": lambda i, o: i["a"] * i["b"] + i["c"] > o["y"],
        "saturates low": lambda i, o: i["a"] * i["b"] + i["c"] < o["y"],
    },
)
PORTS = {name: name for name in "abcy"}
BARE = {"clock": None, "reset": None, "enable": None, "valid_in": None, "valid_out": None}


def test_my_mac() -> None:
    """No clock and no handshake: inputs and outputs are enough."""
    source = Path(__file__).with_name("my_mac.v")
    verify_module(UNIT, [source], module="my_mac", wiring=Wiring(ports=PORTS, **BARE))
