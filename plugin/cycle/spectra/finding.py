"""Everywhere the service looks for work about spectra, as its settings have it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from iris_client.protocols import Marshal
from plugin.clock import Clock
from plugin.cycle.spectra.discover import discover, sweep
from plugin.cycle.spectra.renew import renew
from plugin.settings import Settings
from plugin.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Each look says how many spectra became due, and raises `UpstreamError` if the marshal does not answer."""

    marshal: Marshal
    store: Store
    settings: Settings
    clock: Clock
    stop: Callable[[], bool]

    def poll(self) -> int:
        """What is new."""
        return discover(
            self.marshal,
            self.store,
            group_ids=self.settings.group_ids,
            overlap=self._overlap,
            backfill=self._backfill,
            clock=self.clock,
        )

    def renew(self) -> int:
        """What was answered with another redshift."""
        groups = self.settings.group_ids
        return renew(self.marshal, self.store, group_ids=groups, overlap=self._overlap, clock=self.clock)

    def sweep(self) -> int:
        """What no poll tells, when that is due."""
        return sweep(
            self.marshal,
            self.store,
            group_ids=self.settings.group_ids,
            backfill=self._backfill,
            every=timedelta(hours=self.settings.sweep_hours),
            clock=self.clock,
            stop=self.stop,
        )

    @property
    def _overlap(self) -> timedelta:
        return timedelta(seconds=self.settings.overlap_seconds)

    @property
    def _backfill(self) -> timedelta:
        return timedelta(days=self.settings.backfill_days)
