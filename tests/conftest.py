"""What every test has: hypothesis profiles, one torch thread, no hub, and the shared data if it is there."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# No test may reach a model hub; what asks for one fails at once instead of waiting for a network.
os.environ["HF_HUB_OFFLINE"] = "1"

# What is learned of tokenizers is not kept between runs of the tests; those of keeping name a folder of their own.
os.environ["BYTELM_CACHE"] = ""

settings.register_profile(
    "dev", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow], derandomize=False
)
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data kept beside the repository, or the one that BYTELM_SHARED names.

    A test that asks for it is skipped where there is none; a wrong BYTELM_SHARED is an error.
    """
    named = os.environ.get("BYTELM_SHARED")
    path = Path(named) if named else ROOT.parent / "shared"
    if not path.is_dir():
        if named:
            pytest.fail(f"BYTELM_SHARED is not a folder: {named}")
        pytest.skip(f"../shared is not here: {path} is not a folder")
    return path


@pytest.fixture(autouse=True)
def one_torch_thread() -> None:
    """Torch computes with one thread, as processes run side by side; torch is not imported for this."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
