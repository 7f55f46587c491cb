"""A board with the NPU (rtl/boards/) at the end of a serial line: docs/board.md."""
