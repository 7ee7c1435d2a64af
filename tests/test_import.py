"""``import bytelm`` is quick: what is heavy or optional is imported where it is used."""

import subprocess
import sys

import pytest

HEAVY = ["PIL", "llguidance", "matplotlib", "pandas", "transformers", "tokenizers", "torch", "numba", "pyarrow", "ray"]
SERVERS = ["http.server", "socketserver", "aiohttp", "fastapi", "flask", "starlette", "uvicorn"]


def modules_after(statement: str) -> set[str]:
    """The names of the modules that a fresh interpreter holds after ``statement``."""
    program = f"{statement}\nimport sys\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def modules_of_bytelm() -> set[str]:
    return modules_after("import bytelm")


@pytest.mark.parametrize("module", HEAVY + SERVERS)
def test_import_leaves_out(module: str, modules_of_bytelm: set[str]) -> None:
    assert "bytelm" in modules_of_bytelm
    assert module not in modules_of_bytelm


@pytest.mark.parametrize("module", ["json", "http.server"])
def test_an_import_would_be_seen(module: str) -> None:
    assert module not in modules_after("pass")
    assert module in modules_after(f"import {module}")
