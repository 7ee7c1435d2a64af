"""What is heavy is imported where it is used."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["measuring", "heatmap", "picture", "table"])
def test_import_leaves_out(name: str) -> None:
    program = f"import bytelm.spans.{name}\nimport sys\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert f"bytelm.spans.{name}" in done.stdout.split()
    assert not {"matplotlib", "pandas", "PIL", "torch", "transformers"} & set(done.stdout.split())
