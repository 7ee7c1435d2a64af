"""Checks of numbers that a user gives; each error says what came, what was expected, and the way out."""

from numbers import Integral, Real


def check_whole(name: str, value: object, hint: str) -> None:
    """Raise ``ValueError`` unless ``value`` is a whole number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 0:
        raise ValueError(f"{name} is {value!r}; expected a whole number of at least 0: {hint}")


def check_real(name: str, value: object, most: float, hint: str) -> None:
    """Raise ``ValueError`` unless ``value`` is a number from 0 to ``most``; a NaN is not."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) <= most:
        expected = f"a number from 0 to {most:g}" if most < 1e300 else "a finite number of at least 0"
        raise ValueError(f"{name} is {value!r}; expected {expected}: {hint}")
