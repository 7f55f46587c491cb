"""Each instruction as docs/architecture.md writes it, one word after the other.

Witness of the prepared calls beside it, and what runs where those do not apply.
"""
