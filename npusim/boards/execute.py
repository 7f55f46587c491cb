"""Runs of a program on a board, for `MachineNetwork(..., execute=OnBoard(board))`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.boards.board import Board
from npusim.boards.image import Image, image_of
from npusim.isa.program import Program, Step
from npusim.simulator.run import step_code
from npusim.simulator.timing.timeline import Timeline, time_code


class OnBoard:
    """Carries out runs on a board.

    Constants and code go over the line once. All other regions go there before every run and come
    back after it: the host keeps its values in them, and nothing is taken as unchanged.

    Attributes
    ----------
    cycles
        What each run took, read from the board.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._program: Program | None = None
        self._image: Image | None = None
        self.cycles: list[int] = []

    def __call__(self, program: Program, step: Step, dram: NDArray[np.uint8]) -> Timeline:
        """Carry out one run of `program` on `dram`, in place.

        Returns
        -------
        Timeline
            As predicted for the memory that the machine states, which is not the board's.

        Raises
        ------
        BoardError
            The program does not fit the board's memory, or the run ended by a fault.
        NpuError
            The NPU on the board is another machine.
        """
        image = self._loaded(program)
        varying = [
            slice(start, start + -(-region.size_bytes // 4) * 4)
            for start, region in zip(image.regions, program.regions, strict=True)
            if not region.image
        ]
        for place in varying:
            self._board.write(place.start, dram[place].tobytes())
        (run,) = [one for one in image.runs if one.step == step]
        self._board.set_register("program_base", run.program_base)
        self._board.set_register("program_length", run.program_length)
        self._board.run()
        self.cycles.append(self._board.register("cycles"))
        for place in varying:
            data = self._board.read(place.start, place.stop - place.start)
            dram[place] = np.frombuffer(data, np.uint8)
        return time_code(
            step_code(program, step), program.machine, image.regions,
            code_address=program.code_address(),
        )  # fmt: skip

    def _loaded(self, program: Program) -> Image:
        """Return the image of `program`, which the board's memory holds from the first call on."""
        if program is self._program and self._image is not None:
            return self._image
        self._board.require(program.machine)
        image = image_of(program)
        self._board.write(0, image.data)
        for number, address in enumerate(image.regions):
            self._board.set_register(f"region{number}", address)
        self._program, self._image = program, image
        return image
