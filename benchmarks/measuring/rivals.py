"""What other systems reached, in a run of its own: compare their ratios, not their bytes per second."""

from typing import Any

SOURCE = "../shared/reference/speed.md, 2026-11-22"

NOTE = (
    "Another run on another day: two shared cores, one torch thread, float32, other light load. Compare each figure "
    "with transformers' of the same column of that run, not with the bytes per second of this one."
)

GENERATING: dict[str, dict[str, tuple[float, float]]] = {
    "pycode-bpe4k": {
        "transformers 5.23": (223, 282),
        "byte-sampler f27de98, last token unrestricted": (110, 110),
        "byte-sampler f27de98, last token canonical": (67, 67),
        "genlm-bytes 0.2.0, K = 5": (10, 10),
        "genlm-bytes 0.2.0, K = 5, threshold 0.05 (approximate)": (77, 77),
    },
    "gpt2-random": {
        "transformers 5.23": (241, 260),
        "byte-sampler f27de98, last token unrestricted": (36, 36),
        "byte-sampler f27de98, last token canonical": (33, 33),
        "genlm-bytes 0.2.0, K = 5": (4, 4),
    },
    "stories260K": {
        "transformers 5.23": (497, 497),
        "Meta Exact-Byte-Level 4f4fd16, fast": (155, 155),
        "Meta Exact-Byte-Level 4f4fd16, strict": (76, 76),
        "genlm-bytes 0.2.0, K = 5": (21, 21),
    },
}
"""Greedy generation, bytes per second, the least and the most seen, by model."""

READING: dict[str, dict[str, float]] = {
    "pycode-bpe4k": {
        "genlm-bytes 0.2.0, K = 5": 31,
        "genlm-bytes 0.2.0, K = 5, threshold 0.05 (approximate)": 88,
    },
    "gpt2-random": {"genlm-bytes 0.2.0, K = 5": 5.5},
}
"""Reading a prompt of 85 bytes, bytes per second; genlm-bytes scores a text at this speed, too."""

TOKEN_LEVEL_SCORE = {"pycode-bpe4k": 10800, "gpt2-random": 3050}
"""One token-level forward pass over 4 kB of Python code in that run, bytes per second."""


def quoted() -> dict[str, Any]:
    """All of it, as JSON takes it, with each system's ratio to transformers in the middle of its range."""
    generating = {
        model: {
            system: {"bytes_per_second": list(pair), "ratio": round(sum(pair) / sum(rows["transformers 5.23"]), 3)}
            for system, pair in rows.items()
        }
        for model, rows in GENERATING.items()
    }
    return {
        "source": SOURCE,
        "note": NOTE,
        "generate": generating,
        "prefill_bytes_per_second": READING,
        "token_level_score_bytes_per_second": TOKEN_LEVEL_SCORE,
    }
