"""The serial line to a board, or to what stands for one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self

from npusim.boards.errors import BoardError

BAUD = 1_000_000
ANSWER_SECONDS = 10.0
"""The longest that an answer may take: a run of a program is one."""


class Link(ABC):
    """Bytes to a board and back, in order; a context, at whose end the line is closed."""

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send bytes."""

    @abstractmethod
    def receive(self, count: int) -> bytes:
        """Return the next `count` bytes; raise BoardError where they do not come."""

    @abstractmethod
    def send_break(self) -> None:
        """Hold the line low for longer than a byte: what was begun ends."""

    @abstractmethod
    def close(self) -> None:
        """End the line."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class SerialLink(Link):
    """A serial port, with pyserial (`pip install 'npusim[board]'`).

    Parameters
    ----------
    port
        /dev/ttyUSB0, COM3, or any URL that pyserial knows, such as socket://HOST:PORT.
    baud
        Bits in a second, start and stop bit among them.

    Raises
    ------
    BoardError
        pyserial is missing, or the port cannot be opened.
    """

    def __init__(self, port: str, baud: int = BAUD) -> None:
        if find_spec("serial") is None:
            raise BoardError("pyserial not found: pip install 'npusim[board]'")
        import serial

        try:
            self._port: Any = serial.serial_for_url(port, baudrate=baud, timeout=ANSWER_SECONDS)
        except (OSError, ValueError) as error:
            raise BoardError(f"{port}: {error}") from None

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def send(self, data: bytes) -> None:
        """Send bytes to the port."""
        self._port.write(data)

    def receive(self, count: int) -> bytes:
        """Return the next `count` bytes; raise BoardError where they do not come in time."""
        data = bytes(self._port.read(count))
        if len(data) != count:
            raise BoardError(
                f"{self._port.port}: expected {count} bytes in {ANSWER_SECONDS:.0f} s, "
                f"found {len(data)}"
            )
        return data

    def send_break(self) -> None:
        """Hold the line low for longer than a byte; forget what has come."""
        self._port.send_break()
        self._port.reset_input_buffer()
