"""What the service does about truth: ask people's classes, and write the report card."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from iris_client.protocols import Marshal
from plugin.clock import Clock
from plugin.settings import Settings
from plugin.store import Store
from plugin.truth.asking import Asking
from plugin.truth.hearing import Hearing


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthPart:
    """The two jobs, each done by one worker at a time."""

    settings: Settings
    marshal: Marshal
    store: Store
    clock: Clock
    stop: Callable[[], bool] = bool

    @property
    def hearing(self) -> Hearing:
        """Who writes down what people say."""
        return Hearing(
            store=self.store,
            account=lambda: self.marshal.account().user_id,
            ignored=self.settings.truth_ignored,
            tns=self.settings.tns_url,
            clock=self.clock,
        )

    def ask(self) -> Counter[str]:
        """Ask the marshal about the objects that are due; by outcome, see `Asking.run`."""
        asking = Asking(
            marshal=self.marshal,
            store=self.store,
            hearing=self.hearing,
            watched=timedelta(days=self.settings.truth_watch_days),
            clock=self.clock,
            stop=self.stop,
        )
        with self.store.leading("truth") as ours:
            return asking.run() if ours else Counter()

    def report(self) -> Path | None:
        """Write the report card; where it is, None when another worker writes it."""
        from plugin.truth.card.part import write_card

        with self.store.leading("report-card") as ours:
            return write_card(self.settings, self.store, now=self.clock()) if ours else None
