"""Print the README's tables of speed from what was measured.

python benchmarks/readme_tables.py benchmarks/speed.json benchmarks/compiled.json
"""

import json
import sys
from pathlib import Path

from measuring.tables.markdown import compiled_table, costs_table, greedy_table


def main(arguments: list[str]) -> int:
    """Print the tables of the named file; the exit status."""
    if len(arguments) != 2:
        print("readme_tables.py: name two files that speed.py wrote, the second with --only compiled", file=sys.stderr)
        return 2
    result, compiled = (json.loads(Path(name).read_text("utf-8")) for name in arguments)
    print("\n".join([*greedy_table(result), "", *costs_table(result), "", *compiled_table(compiled)]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
