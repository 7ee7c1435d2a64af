"""Print the README's tables of speed from what was measured.

python benchmarks/readme_tables.py benchmarks/speed.json
"""

import json
import sys
from pathlib import Path

from measuring.tables.markdown import compiled_table, costs_table, greedy_table


def main(arguments: list[str]) -> int:
    """Print the tables of the named file; the exit status."""
    if len(arguments) != 1:
        print("readme_tables.py: name one file that speed.py wrote", file=sys.stderr)
        return 2
    result = json.loads(Path(arguments[0]).read_text("utf-8"))
    print("\n".join([*greedy_table(result), "", *costs_table(result), "", *compiled_table(result)]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
