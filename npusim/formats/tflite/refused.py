"""Operators of the schema that no page takes, and why: together with the pages, all there are."""

from __future__ import annotations

from collections.abc import Iterable

WRITTEN_OUT = (
    "CALL", "CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "STABLEHLO_COMPOSITE",
    "DENSIFY",
)  # fmt: skip
"""Operators that are no nodes: variables become state, bodies are written out."""


def _each(why: str, kinds: Iterable[str]) -> dict[str, str]:
    return dict.fromkeys(kinds, why)


STABLEHLO = (
    "LOGISTIC", "ADD", "DIVIDE", "MULTIPLY", "MAXIMUM", "RESHAPE", "CLAMP", "CONCATENATE",
    "BROADCAST_IN_DIM", "CONVOLUTION", "SLICE", "CUSTOM_CALL", "REDUCE", "ABS", "AND", "COSINE",
    "EXPONENTIAL", "FLOOR", "LOG", "MINIMUM", "NEGATE", "OR", "POWER", "REMAINDER", "RSQRT",
    "SELECT", "SUBTRACT", "TANH", "SCATTER", "COMPARE", "CONVERT", "DYNAMIC_SLICE",
    "DYNAMIC_UPDATE_SLICE", "PAD", "IOTA", "DOT_GENERAL", "REDUCE_WINDOW", "SORT", "WHILE",
    "GATHER", "TRANSPOSE", "SHIFT_LEFT", "CBRT", "CASE",
)  # fmt: skip
"""Operators of StableHLO that a file may hold beside TFLite's own."""

REFUSED = {
    **_each(
        "LiteRT has no kernel for most of StableHLO; a converter can be told to leave it out",
        tuple(f"STABLEHLO_{name}" for name in STABLEHLO),
    ),
    **_each(
        "it draws random numbers",
        ("RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", "MULTINOMIAL", "STABLEHLO_RNG_BIT_GENERATOR"),
    ),
    **_each(
        "it works on text or tables of keys",
        (
            "HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_SIZE", "HASHTABLE_LOOKUP",
            "LSH_PROJECTION", "SKIP_GRAM",
        ),
    ),
    **_each(
        "LiteRT has it on floats alone, or quantizes its activations while it runs",
        (
            "LSTM", "BIDIRECTIONAL_SEQUENCE_RNN",
            "BIDIRECTIONAL_SEQUENCE_LSTM", "EMBEDDING_LOOKUP_SPARSE",
        ),
    ),
    **_each("LiteRT has no kernel for it", ("CONCAT_EMBEDDINGS",)),
    **_each(
        "no public quantized network is known to hold it",
        ("DILATE", "REDUCE_WINDOW"),
    ),
    **_each(
        "it belongs to another compiler or program",
        ("DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES"),
    ),
}  # fmt: skip
"""Why each is refused."""
