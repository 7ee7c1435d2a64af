"""Which files of a repository an input names, as its card tells, or else the names of the files."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from bytelm.training.data.forms import LAST_RANK, form_on_the_hub, rank_on_the_hub
from bytelm.training.data.hub import Entry, Hub, Revision
from bytelm.training.data.hub_files import HubFile, Listing
from bytelm.training.data.locations import Location
from bytelm.training.data.patterns import folder_of, is_pattern, matcher

_TRAIN: Final = "train"
"""The split that is read where there are several and none is named."""

_WORDS: Final = {
    **dict.fromkeys(("train", "training"), _TRAIN),
    **dict.fromkeys(("validation", "valid", "dev", "val"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
"""Words in paths that tell the split, those that ``datasets`` takes for that."""

_WORD = re.compile(rf"(?<![a-z])(?:{'|'.join(_WORDS)})(?![a-z])")

_NO_DATA: Final = ("dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json")

_MOST_NAMED: Final = 20

Config: TypeAlias = Mapping[str, object]


@dataclass(frozen=True)
class _Found:
    """Files of each split, and those that are no data or of a worse form."""

    splits: Mapping[str, Sequence[Entry]]
    passed: Sequence[Entry] = ()


def list_files(hub: Hub, location: Location, form: str | None) -> Listing:
    """The files that a location names, pinned to the commit that it is now.

    Args:
        hub: to ask.
        location: a configuration of the dataset by its card, or else a file, a folder or a pattern of the repository.
        form: of all files; by default their names tell it.

    Raises:
        HubError: a subclass of ``ValueError``: the hub does not answer.
        ValueError: it names no file, or several splits or configurations of which one must be chosen.
    """
    revision = hub.revision(location.repository, location.revision)
    pinned = replace(location, revision=revision.commit)
    found = _find(hub, pinned, revision, form)
    split = _split(sorted(found.splits), location)
    files = tuple(
        HubFile(location.repository, revision.commit, entry.path, form or _form_of(entry), entry.size, entry.digest)
        for entry in sorted(found.splits[split], key=_path)
    )
    passed = [*found.passed, *(entry for name in found.splits if name != split for entry in found.splits[name])]
    return Listing(str(pinned), files, len(passed), min(map(_path, passed), default=""))


def _find(hub: Hub, pinned: Location, revision: Revision, form: str | None) -> _Found:
    config = _config(pinned, revision.configs)
    entries = _Entries(hub, pinned.repository, revision.commit)
    if config is not None and config.get("data_files"):
        found = _by_card(entries, config, form)
    elif config is None and (is_pattern(pinned.path) or form_on_the_hub(pinned.path)):
        found = _Found({_TRAIN: list(entries.matching(pinned.path, form))})
    else:
        folder = pinned.path if config is None else str(config.get("data_dir") or "").strip("/")
        found = _by_names(entries.below(folder), form)
    splits = {name: files for name, files in found.splits.items() if files}
    if not splits:
        raise ValueError(
            f"there is no Parquet, JSON Lines, Arrow or text file in {str(pinned)!r}; look at what is there, on the "
            f"page of the dataset, or try hf://{pinned.repository}@refs/convert/parquet"
        )
    return replace(found, splits=splits)


def _config(location: Location, configs: Sequence[Config]) -> Config | None:
    """The configuration that a location names, ``None`` where it names a path, or there is none."""
    named = {str(one.get("config_name", "default")): one for one in configs}
    if location.path:
        return named.get(location.path)
    default = [one for name, one in named.items() if name == "default" or one.get("default") is True or len(named) == 1]
    if named and not default:
        raise ValueError(
            f"{location.repository!r} has several configurations: {_shown(named)}; "
            f"name one: hf://{location.repository}/{next(iter(named))}"
        )
    return default[0] if default else None


def _split(names: Sequence[str], location: Location) -> str:
    if location.split is not None and location.split in names:
        return location.split
    if location.split is None and (_TRAIN in names or len(names) == 1):
        return _TRAIN if _TRAIN in names else names[0]
    wanted = f"no split {location.split!r}" if location.split else "several splits, and none called train,"
    raise ValueError(
        f"there {'is' if location.split else 'are'} {wanted} in {str(location)!r}; there are: {_shown(names)}; "
        "name one behind it: ?split=NAME"
    )


def _by_card(entries: "_Entries", config: Config, form: str | None) -> _Found:
    """The files that the card lists."""
    splits: dict[str, dict[str, Entry]] = {}
    folder = str(config.get("data_dir") or "").strip("/")
    for split, pattern in _patterns(config["data_files"]):
        within = "/".join(filter(None, (folder, pattern.strip("/"))))
        splits.setdefault(split, {}).update({entry.path: entry for entry in entries.matching(within, form)})
    return _Found({split: list(found.values()) for split, found in splits.items()})


def _patterns(listed: object) -> Iterator[tuple[str, str]]:
    """The splits and patterns that a card lists, in any of the forms that it may."""
    for one in listed if isinstance(listed, list) else [listed]:
        if isinstance(one, Mapping):
            paths = one.get("path")
            yield from (
                (str(one.get("split", _TRAIN)), str(path)) for path in (paths if isinstance(paths, list) else [paths])
            )
        else:
            yield _TRAIN, str(one)


def _by_names(there: Sequence[Entry], form: str | None) -> _Found:
    """Of several forms the best; where names tell splits, the files whose names tell none are of none."""
    candidates = [entry for entry in there if form is None or form_on_the_hub(entry.path) == form]
    best = min((rank_on_the_hub(entry.path) for entry in candidates), default=LAST_RANK)
    if best == LAST_RANK and form is None:
        return _Found({})
    splits: dict[str, list[Entry]] = {}
    passed: list[Entry] = []
    for entry in there:
        taken = rank_on_the_hub(entry.path) == best  # of a form that is given and no name tells, all are
        (splits.setdefault(_split_in(entry.path), []) if taken else passed).append(entry)
    nameless = splits.pop("", [])
    return _Found(splits, [*passed, *nameless]) if splits else _Found({_TRAIN: nameless}, passed)


def _split_in(path: str) -> str:
    """The split that the last word in a path tells; empty if there is none."""
    words = _WORD.findall(path.lower())
    return _WORDS[words[-1]] if words else ""


class _Entries:
    """The data files of a repository, each folder listed once. Mutable."""

    def __init__(self, hub: Hub, repository: str, commit: str) -> None:
        self._hub = hub
        self._repository = repository
        self._commit = commit
        self._listed: dict[str, list[Entry]] = {}

    def below(self, folder: str) -> list[Entry]:
        """All that may be data below a folder."""
        if folder not in self._listed:
            found = self._hub.entries(self._repository, self._commit, folder)
            self._listed[folder] = [entry for entry in found if _may_be_data(entry.path)]
        return self._listed[folder]

    def matching(self, pattern: str, form: str | None) -> Iterable[Entry]:
        """Those that a path or a pattern stands for, of a known form unless one is given."""
        whole = matcher(pattern)
        for entry in self.below(folder_of(pattern)):
            if whole.fullmatch(entry.path) and (form or form_on_the_hub(entry.path)):
                yield entry


def _may_be_data(path: str) -> bool:
    names = path.split("/")
    return not any(name.startswith(".") for name in names) and names[-1] not in ("README.md", *_NO_DATA)


def _form_of(entry: Entry) -> str:
    form = form_on_the_hub(entry.path)
    assert form is not None
    return form


def _path(entry: Entry) -> str:
    return entry.path


def _shown(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - _MOST_NAMED} more" if len(shown) > _MOST_NAMED else ""
    return ", ".join(shown[:_MOST_NAMED]) + more
