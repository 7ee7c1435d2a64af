"""Names of inputs that are not of this machine: ``hf://OWNER/NAME``, and corpora that have a name of their own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

CORPORA: Final[Mapping[str, str]] = {
    "fineweb-edu": "hf://HuggingFaceFW/fineweb-edu",
    "fineweb-edu-10bt": "hf://HuggingFaceFW/fineweb-edu/sample-10BT",
    "fineweb-edu-100bt": "hf://HuggingFaceFW/fineweb-edu/sample-100BT",
    "fineweb-edu-350bt": "hf://HuggingFaceFW/fineweb-edu/sample-350BT",
    "dclm": "hf://mlfoundations/dclm-baseline-1.0",
}
"""Corpora by name; the text of each is in the field ``text``."""

SCHEME: Final = "hf://"

_FORM = re.compile(
    r"""hf:// (?:datasets/)? (?P<repository> [^/@?]+ / [^/@?]+ )
        (?: @ (?P<revision> refs/(?:convert|pr)/[^/?]+ | [^/?]+ ) )?
        (?: / (?P<path> [^@?]* ) )?
        (?: @ (?P<later> [^?]+ ) )?
        (?: \? (?P<query> .* ) )?""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Location:
    """A dataset, or some files of one.

    Attributes:
        repository: ``OWNER/NAME``.
        revision: a branch, a tag, a commit; ``None`` for the main branch.
        path: a configuration of the dataset, or a file, a folder or a pattern; ``""`` for the default configuration.
        split: ``None`` for ``train``, or the only one.
    """

    repository: str
    revision: str | None = None
    path: str = ""
    split: str | None = None

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        path = f"/{self.path}" if self.path else ""
        split = f"?split={self.split}" if self.split else ""
        return f"{SCHEME}{self.repository}{revision}{path}{split}"


def location_of(name: str) -> Location | None:
    """What an input names on the hub; ``None`` for a file or a folder of this machine, which comes before a corpus.

    Raises:
        ValueError: it begins as a location does, and is none.
    """
    if name.startswith(SCHEME):
        return parse_location(name)
    return parse_location(CORPORA[name]) if name in CORPORA and not Path(name).exists() else None


def parse_location(text: str) -> Location:
    """A location: ``hf://[datasets/]OWNER/NAME[@REVISION][/PATH][?split=NAME]``.

    The revision may stand behind the path, too.

    Raises:
        ValueError: it is none.
    """
    found = _FORM.fullmatch(text)
    query = dict(parse_qsl(found["query"] or "", keep_blank_values=True)) if found else {}
    wrong = (
        found is None
        or found["repository"].startswith("datasets/")
        or bool(found["revision"] and found["later"])
        or set(query) - {"split"}
        or query.get("split") == ""
    )
    if found is None or wrong:
        raise ValueError(
            f"{text!r} is no dataset; expected hf://OWNER/NAME, behind it @REVISION, then /CONFIG, /FILE or /FOLDER, "
            "then ?split=NAME, each of which may be left out"
        )
    revision, path = found["revision"] or found["later"], (found["path"] or "").strip("/")
    return Location(found["repository"], revision, path, query.get("split"))
