"""The tables of docs/ensembles.md and docs/infilling.md, from the committed results.

    python benchmarks/docs_tables.py benchmarks/ensembles.json benchmarks/fim.json

Prints Markdown; tests/test_docs.py holds the pages to it.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from measuring.rounds import Json


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables; the exit status."""
    ensembles, gaps = sys.argv[1:] if arguments is None else arguments
    print("\n".join(of_ensembles(json.loads(Path(ensembles).read_text("utf-8")))), end="\n\n")
    print("\n".join(of_gaps(json.loads(Path(gaps).read_text("utf-8")))))
    return 0


def of_ensembles(result: Json) -> Iterator[str]:
    """Bits per byte, a column for each set of texts; the members of each in its own rows."""
    sets = result["sets"]
    yield "| | " + " | ".join(f"{name}, {found['bytes']:,} bytes" for name, found in sets.items()) + " |"
    yield "|---" * (1 + len(sets)) + "|"
    for place in range(2):
        yield _row(f"member {place + 1}", [_member(found, place) for found in sets.values()])
    for way in next(iter(sets.values()))["ensembles"]:
        yield _row(
            f"**{way}**" if way == "mixture" else way, [_bits(found["ensembles"][way]) for found in sets.values()]
        )


def of_gaps(result: Json) -> Iterator[str]:
    """Nats of the true middle and how often a filling begins with it, by where the gap begins."""
    sets = result["sets"]
    parts = [(name, part) for name in sets for part in ("inside", "border")]
    shown = {"inside": "begins inside a token", "border": "at a border"}
    yield "| | " + " | ".join(f"{name}: {shown[part]}, {sets[name][part]['gaps']} gaps" for name, part in parts) + " |"
    yield "|---" * (1 + len(parts)) + "|"
    for way in sets[parts[0][0]]["all"]["ways"]:
        cells = [sets[name][part]["ways"][way] for name, part in parts]
        shown_cells = [f"{cell['nats']:.1f}; {cell['begun']}" for cell in cells]
        yield _row(f"**{way}**" if "infill" in way else way, shown_cells)


def _member(found: Json, place: int) -> str:
    name, bits = list(found["members"].items())[place]
    return f"{name}: {_bits(bits)}"


def _bits(bits: float | None) -> str:
    return "a byte is ruled out" if bits is None else f"{bits:.3f}"


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
