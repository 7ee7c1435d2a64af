import io
import sys
from collections.abc import Callable

import pytest

from cli.fake_loading import FakeLoading, install


@pytest.fixture
def loading(monkeypatch: pytest.MonkeyPatch) -> FakeLoading:
    """The fake ``bytelm.loading``."""
    return install(monkeypatch)


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Puts bytes on standard input, as a pipe does."""

    def put(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return put
