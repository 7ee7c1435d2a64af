"""Values that are found when somebody asks for them, once."""

from collections.abc import Callable
from functools import cached_property
from typing import Generic, TypeVar

ValueT = TypeVar("ValueT")


class Later(Generic[ValueT]):
    """What a function of nothing returns; called when the value is asked for first."""

    def __init__(self, find: Callable[[], ValueT]) -> None:
        self._find = find

    @property
    def known(self) -> bool:
        """Whether it was asked for."""
        return "value" in vars(self)

    @cached_property
    def value(self) -> ValueT:
        """The value."""
        return self._find()
