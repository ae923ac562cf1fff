"""What a program that classifies spectra is to this comparison, and ours as one of them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from models.analyst import Analyst
from models.domain import Evidence, Target
from plugin.lab.peers.cases import Case


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """What a program says of one spectrum; None where it says nothing of ours."""

    label: str | None = None
    redshift: float | None = None
    subtype: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A program's answers in the order of the cases, and the processor seconds of all of them, its start included."""

    answers: Sequence[PeerAnswer]
    seconds: float
    notes: tuple[str, ...] = field(default=())


class Peer(Protocol):
    """A program."""

    @property
    def name(self) -> str:
        """As the table calls it."""

    def missing(self) -> str | None:
        """A sentence that says why it cannot be asked; None where it can."""

    def ask(self, cases: Sequence[Case], scratch: Path) -> Told:
        """Ask about every case; `scratch` is an empty folder of its own.

        Raises
        ------
        PeerError
            If the program ends without answers.
        """


class PeerError(Exception):
    """A program was there and did not answer; the message has its last words."""


@dataclass(frozen=True, slots=True)
class Ours:
    """The service's own answer, asked without redshift, phase or name."""

    analyst: Analyst

    @property
    def name(self) -> str:
        """The bundle."""
        return f"ASTRANet, {self.analyst.bundle_id}"

    def missing(self) -> str | None:
        """Always there."""
        return None

    def ask(self, cases: Sequence[Case], scratch: Path) -> Told:
        """One spectrum after another, as the service does."""
        begun, answers = time.process_time(), []
        for case in cases:
            evidence = Evidence(target=Target(target_id=case.name), spectrum_id=case.name, spectrum=case.spectrum)
            report = self.analyst.run(evidence)
            answers.append(
                PeerAnswer(
                    label=None if report.verdict is None else report.verdict.label,
                    redshift=None if report.redshift is None else report.redshift.value,
                    subtype=None if report.subtype is None else report.subtype.label,
                )
            )
        return Told(answers=answers, seconds=time.process_time() - begun)
