"""The width that every table keeps to, and its headings."""

from collections.abc import Iterator, Mapping

from measuring.rounds import Json

WIDTH = 100


def title(text: str, headings: str = "") -> Iterator[str]:
    """An empty line, what the table is about, its headings, and a rule."""
    yield ""
    yield text[:WIDTH]
    if headings:
        yield headings[:WIDTH]
    yield "-" * WIDTH


def having(models: Mapping[str, Json], part: str) -> dict[str, Json]:
    """What was measured of one part, by model."""
    return {name: model[part] for name, model in models.items() if part in model}


def median(found: Json, scale: float = 1.0, digits: int = 0) -> str:
    """The median of a summary, scaled, to so many digits behind the point."""
    return f"{scale * found['median']:.{digits}f}"


def spread(found: Json) -> str:
    """The least and the most of a summary."""
    return f"{found['least']:.0f} to {found['most']:.0f}"
