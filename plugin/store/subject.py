"""What a piece of work or a report is about, and who answers: the same words in the queue, on file and in the cycle."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["spectrum", "object", "analysis"]
KINDS: Final[tuple[Kind, ...]] = ("spectrum", "object", "analysis")
ANALYSIS: Final[Kind] = "analysis"

ASTRANET: Final = "ASTRANet"
NEEDLE: Final = "NEEDLE"
"""Producers of reports; their posts have the same words as origins."""


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """One spectrum, by the marshal's number; one object, by its name; or one analysis that somebody asked for."""

    kind: Kind
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


def spectrum(spectrum_id: str) -> Subject:
    """A spectrum."""
    return Subject("spectrum", spectrum_id)


def object_of(target_id: str) -> Subject:
    """An object whose alerts are followed."""
    return Subject("object", target_id)
