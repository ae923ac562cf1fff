"""What happens on the marshal while the service works: uploads, edits, late shares, deletions, alerts."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from plugin.clock import utc_now
from plugin.sandbox.brokers.alerts import invented
from plugin.sandbox.sandbox import Sandbox
from plugin.sandbox.skyportal.accounts import PRIVATE_GROUP

_WAVE: Final = np.linspace(3800.0, 9100.0, 300)
_PER_SOURCE: Final = 2.5
"""Spectra of a source, on average."""


@dataclass(slots=True)
class World:
    """Seeded events on a sandbox; counts what it did."""

    sandbox: Sandbox
    chance: random.Random
    spectra: list[int] = field(default_factory=list)
    hidden: list[int] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    edited: set[int] = field(default_factory=set)
    unsaved: bool = False
    """Whether some alerts are of objects that the marshal does not have."""
    deleted: int = 0
    alerts: int = 0

    def at(self, ahead: timedelta) -> None:
        """Let the marshal's clock be so far ahead of the real one."""
        self.sandbox.state.set_clock(lambda: utc_now() + ahead)

    def happen(self) -> None:
        """One moment's events."""
        self.upload(refused=self.chance.random() < 0.1)
        if self.chance.random() < 0.15 and self.spectra:
            number = self.chance.choice(self.spectra)
            self.sandbox.edit_spectrum(number, fluxes=self._flux().tolist())
            self.edited.add(number)
        if self.chance.random() < 0.05 and len(self.spectra) > 5:
            self.sandbox.delete_spectrum(self.spectra.pop(self.chance.randrange(len(self.spectra))))
            self.deleted += 1
        if self.chance.random() < 0.1:
            self.hidden.append(self.upload(group=PRIVATE_GROUP))
        if self.chance.random() < 0.1 and self.hidden:
            self.share(self.hidden.pop())
        if self.chance.random() < (0.4 if self.unsaved else 0.1):
            self.alert()

    def end(self) -> None:
        """Share what is still hidden."""
        while self.hidden:
            self.share(self.hidden.pop())

    def upload(self, *, refused: bool = False, group: int | None = None) -> int:
        """Add a spectrum, to a new source or to one that is there."""
        number = len(self.spectra) + len(self.hidden) + self.deleted
        source = f"ZTF26trial{self.chance.randrange(int(number / _PER_SOURCE) + 1)}"
        if source not in self.sandbox.state.sources:
            self.sandbox.add_source(source, ra=self.chance.uniform(0, 360), dec=self.chance.uniform(-30, 80))
        wave = _WAVE / 4 + 3850 if refused else _WAVE  # a quarter of the window is too little
        groups = (self.sandbox.group_id,) if group is None else (group,)
        day = f"2026-11-{self.chance.randint(1, 28):02d}T0{self.chance.randint(0, 9)}:00:00"
        found = self.sandbox.add_spectrum(
            source, wavelengths=wave.tolist(), fluxes=self._flux().tolist(), observed_at=day, group_ids=groups
        )
        if group is None:
            self.spectra.append(found)
        return found

    def share(self, number: int) -> None:
        """Let the service see a spectrum that it could not see; nothing but a sweep can tell."""
        self.sandbox.share_spectrum(number, (self.sandbox.group_id,))
        self.spectra.append(number)

    def alert(self) -> None:
        """Let the broker have an alert of a candidate, known or new."""
        if not self.objects or self.chance.random() < 0.6:
            name = f"ZTF26alert{len(self.objects)}"
            self.objects.append(name)
            if not self.unsaved or self.chance.random() < 0.5:
                self.sandbox.add_source(name, group_ids=())
        else:
            name = self.chance.choice(self.objects)
        self.alerts += 1
        self.sandbox.add_alert(invented(name, 10_000 + self.alerts, jd=2461000.5 + self.alerts))
        if name in self.sandbox.state.sources:
            self.sandbox.add_candidate(name)

    def _flux(self) -> NDArray[np.float64]:
        """A continuum with broad lines."""
        width, shift = self.chance.uniform(60, 120), self.chance.uniform(0, 6)
        lines = 1.0 + 0.5 * np.sin(_WAVE / width + shift) + 0.3 * np.cos(_WAVE / 31.0)
        flux: NDArray[np.float64] = 1e-16 * lines * (_WAVE / 6000.0) ** -1
        return flux
