"""NEEDLE's part of the service, put together."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from iris_client.protocols import AlertSource, Marshal, TransientNames, WatchList
from models.needle.objects import ObjectAnalyst
from plugin.clock import Clock
from plugin.cycle.analyse import Analysing
from plugin.cycle.objects.cuts import Cuts
from plugin.cycle.objects.discover import Watching
from plugin.cycle.objects.producer import ObjectsProducer
from plugin.cycle.patience import Patience
from plugin.cycle.posting import Posting
from plugin.settings import PREFIX, ConfigError, Settings
from plugin.store import Store

_TOGETHER: Final = 1  # NEEDLE takes one object at a time, and reading one takes seconds: what is answered is filed


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPart:
    """Where alerts come from, and who answers about them.

    Parameters
    ----------
    watch_list : WatchList
        The marshal, for candidates and saves.
    """

    source: AlertSource
    analyst: ObjectAnalyst
    watch_list: WatchList

    def look(self, settings: Settings, store: Store, clock: Clock, stop: Callable[[], bool]) -> int:
        """Look for news of watched objects; how many became due."""
        return self._watching(settings, store, clock, stop).look()

    def sweep(self, settings: Settings, store: Store, clock: Clock, stop: Callable[[], bool]) -> int:
        """Look at every watched object, when that is due; how many became due."""
        every = timedelta(hours=settings.sweep_hours)
        return self._watching(settings, store, clock, stop).sweep(every)

    def analyse(
        self,
        settings: Settings,
        store: Store,
        marshal: Marshal,
        posting: Posting,
        clock: Clock,
        stop: Callable[[], bool],
    ) -> Counter[str]:
        """Answer about what is due."""
        needle = ObjectsProducer(
            marshal=marshal,
            source=self.source,
            analyst=self.analyst,
            posting=posting,
            cuts=_cuts(settings),
            names=_mirror(settings, store, clock),
            clock=clock,
        )
        return Analysing(
            producer=needle,
            store=store,
            patience=Patience(settings.max_attempts),
            batch_size=_TOGETHER,
            most=settings.objects_per_cycle,
            secrets=settings.secrets,
            clock=clock,
            stop=stop,
        ).run()

    def _watching(self, settings: Settings, store: Store, clock: Clock, stop: Callable[[], bool]) -> Watching:
        return Watching(
            marshal=self.watch_list,
            source=self.source,
            store=store,
            group_ids=settings.group_ids,
            overlap=timedelta(seconds=settings.overlap_seconds),
            backfill=timedelta(days=settings.backfill_days),
            patience=timedelta(days=settings.watch_days),
            every_alert=settings.watch_alerts,
            clock=clock,
            stop=stop,
        )


def _cuts(settings: Settings) -> Cuts:
    return Cuts(
        detections=settings.watch_min_detections,
        fading_days=settings.watch_fading_days,
        classified=settings.watch_classified,
        stars=settings.watch_stars,
        sherlock=settings.watch_not_sherlock,
    )


def _mirror(settings: Settings, store: Store, clock: Clock) -> TransientNames | None:
    """The TNS's catalogue in our own database, where there is one."""
    if settings.tns_api_key is None:
        return None
    from plugin.tns.lookup import Mirror

    return Mirror(store=store, server=settings.tns_url, clock=clock)


def make_object_analyst(settings: Settings) -> ObjectAnalyst:
    """NEEDLE's models, verified.

    Raises
    ------
    ConfigError
        If `alpha` is none of NEEDLE's, or the dust map cannot be read.
    BundleError
        If a model is damaged.
    """
    from models.needle import model
    from models.needle.images import quality
    from models.needle.metadata import ALPHAS
    from plugin.sources.dust import DustMapError, dust_map

    if settings.alpha not in ALPHAS:
        known = ", ".join(f"{a:g}" for a in ALPHAS)
        raise ConfigError(f"{PREFIX}ALPHA: {settings.alpha:g} is none of NEEDLE's ({known}), and ALERT_SOURCE is on")
    reddening = None
    if settings.dust_maps is not None:
        try:
            reddening = dust_map(settings.dust_maps)
        except DustMapError as error:
            raise ConfigError(f"{PREFIX}DUST_MAPS: {error}") from error
    network = None
    if settings.needle_model != "metadata":
        from models.needle.hybrid.model import load as load_network

        network = load_network(settings.needle_hybrid_folder)
    return ObjectAnalyst(
        model.load(settings.needle_folder),
        quality.load(),
        prefer=settings.needle_prefer,
        reddening=reddening,
        network=network,
        decides=settings.needle_model == "hybrid",
    )
