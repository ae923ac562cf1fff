"""The part of the service that answers requests, put together."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from iris_client.quality.control import QualityRules
from plugin.clock import Clock
from plugin.cycle.analyse import Analysing
from plugin.cycle.analyses.requests import RequestsProducer, Service, answer_failures
from plugin.cycle.analyses.spectra import SpectraService
from plugin.cycle.patience import Patience
from plugin.cycle.posting import Posting
from plugin.cycle.spectra.producer import Analyst, Card
from plugin.settings import Settings
from plugin.store import Store

if TYPE_CHECKING:
    from plugin.cycle.analyses.objects import ObjectModel
    from plugin.cycle.objects.part import WatchPart

_log = structlog.get_logger("astranet.requests")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestsPart:
    """Who answers the Analysis button.

    Parameters
    ----------
    watch : WatchPart or None
        What follows alerts, where anything does.
    """

    marshal: object
    analyst: Analyst
    card: Card
    posting: Posting
    rules: QualityRules
    watch: "WatchPart | None" = None

    def answer(self, settings: Settings, store: Store, clock: Clock, stop: Callable[[], bool]) -> Counter[str]:
        """Answer what can be answered now; what waits for a report of the queue's is put back."""
        with store.begin() as unit:
            unit.analyses.wake(clock())
        outcomes = Analysing(
            producer=RequestsProducer(services=self._services(settings, store, clock), store=store, clock=clock),
            store=store,
            patience=Patience(settings.max_attempts),
            batch_size=1,
            secrets=settings.secrets,
            clock=clock,
            stop=stop,
        ).run()
        if failed := answer_failures(store, clock()):
            _log.warning("requests that get no class", count=failed)
        return outcomes

    def _services(self, settings: Settings, store: Store, clock: Clock) -> dict[str, Service]:
        from plugin.cycle.analyses.objects import ObjectsService  # loads NEEDLE's code

        spectra = SpectraService(
            marshal=self.marshal,
            store=store,
            analyst=self.analyst,
            posting=self.posting,
            card=self.card,
            clock=clock,
            rules=self.rules,
            secrets=settings.secrets,
        )
        objects = ObjectsService(
            store=store,
            model=lambda: self._object_model(settings),
            posting=self.posting,
            clock=clock,
            follows=self.watch is not None,
        )
        return {"astranet": spectra, "needle": objects}

    def _object_model(self, settings: Settings) -> "ObjectModel":
        if self.watch is not None:
            return self.watch.analyst
        from plugin.cycle.objects.part import make_object_analyst

        return make_object_analyst(settings)
