"""What decides where patches start."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

Mode = Literal["entropy", "monotonic", "both", "space", "static", "byte", "tokenizer"]

MODES: Final[tuple[str, ...]] = get_args(Mode)

UNCERTAIN: Final[tuple[str, ...]] = ("entropy", "monotonic", "both")
"""The modes in which an entropy model decides."""

RELEASED_THRESHOLD: Final = 1.335442066192627
"""The entropy, in nats, at which the released models start a patch: about 4.5 bytes a patch."""


@dataclass(frozen=True)
class Patching:
    """How a text is cut into patches; see `bytelm.blt.patching.whole`.

    Attributes:
        mode: ``"entropy"``: where the next byte is uncertain; ``"monotonic"``: where it is more uncertain than the one
            before was; ``"both"``: where both hold; ``"space"``: behind bytes like spaces; ``"static"``: every ``size``
            bytes; ``"byte"``: everywhere; ``"tokenizer"``: where a border between tokens became certain.
        threshold: of the entropy (``"entropy"``, ``"both"``) or of its rise (``"monotonic"``), nats.
        rise: the threshold of the rise for ``"both"``, nats.
        size: of static patches, bytes.
        longest: longer patches are cut into pieces of so many bytes, the last one shorter; ``None`` for no limit.
        resets_at_newlines: whether the entropy model forgets what stands before a newline (section 4.4 of the paper;
            the released models do not).
    """

    mode: Mode = "entropy"
    threshold: float = RELEASED_THRESHOLD
    rise: float = 0.0
    size: int = 4
    longest: int | None = None
    resets_at_newlines: bool = False

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"unknown patching {self.mode!r}; choose one of {', '.join(MODES)}")
        if self.size < 1:
            raise ValueError(f"static patches need at least 1 byte, got {self.size}")
        if self.longest is not None and self.longest < 1:
            raise ValueError(f"the longest patch must have at least 1 byte, got {self.longest}")
        if not self.threshold == self.threshold or not self.rise == self.rise:
            raise ValueError("the thresholds of patching must be numbers, got nan")

    @property
    def needs_entropies(self) -> bool:
        """Whether an entropy model decides."""
        return self.mode in UNCERTAIN
