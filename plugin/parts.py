"""The parts of the service, each made from the settings."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from iris_client.protocols import Marshal, WatchList
from iris_client.quality.control import QualityRules
from models.domain import Report, Spectrum
from models.domain.looked import Looked
from plugin.clock import Clock
from plugin.cycle.carriers import LASAIR, Carrier, LasairCarrier, marshal_carriers
from plugin.cycle.posting import Posting
from plugin.cycle.producer import Producer
from plugin.cycle.spectra.looked import looked_at
from plugin.cycle.spectra.producer import Analyst, Card, SpectraProducer
from plugin.environment import PREFIX, ConfigError
from plugin.settings import Settings
from plugin.sources.clients import Clients
from plugin.store import Store

if TYPE_CHECKING:
    from iris_client.tns.reporter import Reporter
    from models.joined.stored import Joiner
    from plugin.cycle.analyses.part import RequestsPart
    from plugin.cycle.objects.part import WatchPart  # loads NEEDLE's models' code, which not every service needs
    from plugin.drift.part import CalibrationPart
    from plugin.tns.names import Naming
    from plugin.truth.part import TruthPart


def make_watch(settings: Settings, clients: Clients) -> "WatchPart | None":
    """What follows alerts and answers about objects; None when the settings name no source of alerts.

    Raises
    ------
    ConfigError
        If a setting that is needed is missing or wrong.
    BundleError
        If a model of NEEDLE's is damaged.
    """
    if clients.alerts is None:
        return None
    from plugin.cycle.objects.part import WatchPart, make_object_analyst

    if not isinstance(clients.marshal, WatchList):
        raise TypeError(f"{type(clients.marshal).__name__} cannot list candidates and saves")
    return WatchPart(source=clients.alerts, analyst=make_object_analyst(settings), watch_list=clients.marshal)


def make_tns_reporter(settings: Settings, wait: Callable[[float], bool]) -> "Reporter | None":
    """Who sends reports to the TNS; None without a key.

    Raises
    ------
    ConfigError
        If reports may not go to TNS_REPORT_URL.
    """
    if settings.tns_api_key is None:
        return None
    from plugin.tns.reports.part import make_reporter

    return make_reporter(settings, wait=wait)


def make_analyst(settings: Settings) -> Analyst:
    """The models, from a verified bundle.

    Raises
    ------
    BundleError
        If the bundle is damaged.
    ConfigError
        If it does not hold what ASTRANET_STRATEGY or ASTRANET_SETS need.
    """
    from models.bundle import load  # torch is loaded here and not before
    from models.recalibration.applied import LocalAnalyst

    bundle = load(settings.bundle, device=settings.device)
    try:
        return LocalAnalyst(
            bundle,
            regime=settings.regime,
            alpha=settings.alpha,
            false_alarm_rate=settings.false_alarm_rate,
            strategy=settings.strategy,
            sets=settings.sets,
        )
    except ValueError as error:
        asked = f"{PREFIX}STRATEGY={settings.strategy} {PREFIX}SETS={settings.sets}"
        raise ConfigError(f"{asked}, {bundle.bundle_id}: {error}") from None


def make_calibration_part(
    settings: Settings, store: Store, analyst: Analyst | None, clock: Clock, *, messages: bool
) -> "CalibrationPart | None":
    """What watches for drift and calibrates on answers of one's own; None where the models cannot be recalibrated."""
    if analyst is None:
        return None
    from plugin.drift.part import make_part

    return make_part(settings, store, analyst, clock, messages=messages)


def make_card(analyst: Analyst, alpha: float = 0.05) -> Card:
    """The picture of an alert, with archive spectra and where the networks looked, if the analyst has them."""
    drawn = getattr(analyst, "sketch", None)
    matched, looking = getattr(analyst, "matched", None), getattr(analyst, "looked", None)

    def draw(report: Report, spectrum: Spectrum, looked: Looked | None = None) -> bytes:
        from plugin.cycle.spectra.card import vetting_card  # matplotlib is loaded with the first alert and not before

        if looked is None and looking is not None:
            looked = looked_at(report, spectrum, looking)
        more: dict[str, Any] = {"matched": matched, "looked": looked, "alpha": alpha}
        return vetting_card(report, spectrum, drawn=drawn, **{k: v for k, v in more.items() if v is not None})

    return draw


def posting(settings: Settings, analyst: Analyst | None = None) -> Posting:
    """What is posted, for whom; with the bundle's way of combining a source's spectra."""
    return Posting(
        group_ids=settings.group_ids,
        alpha=settings.alpha,
        refusals=settings.post_refusals,
        classification=settings.post_classification,
        least_probability=settings.min_classification_probability,
        tags=settings.post_tags,
        messages=settings.slack_webhook is not None,
        lasair=settings.lasair_survey if settings.lasair_annotator else None,
        threshold=settings.needle_threshold,
        web_url=settings.web_url,
        together=getattr(analyst, "together", None),
        joiner=make_joiner(settings),
    )


def make_joiner(settings: Settings) -> "Joiner | None":
    """What joins a spectrum and its source; None where that is off.

    Raises
    ------
    BundleError
        If the folder is damaged.
    """
    if settings.joined == "off":
        return None
    from models.joined.stored import load

    return load(settings.joined_folder, everywhere=settings.joined == "beside")


def quality_rules(settings: Settings) -> QualityRules:
    """When a spectrum is good enough."""
    names = {field.name for field in fields(QualityRules)} & set(Settings.model_fields)
    given = {name: getattr(settings, name) for name in names}
    return QualityRules(max_gap_A=settings.max_gap_angstrom, **given)


def make_requests(
    settings: Settings, clients: Clients, analyst: Analyst | None, card: Card | None, watch: "WatchPart | None"
) -> "RequestsPart | None":
    """What answers the Analysis button; None where nobody can press it, or another process answers."""
    if clients.hooks is None or analyst is None or card is None:
        return None
    from plugin.cycle.analyses.part import RequestsPart

    return RequestsPart(
        marshal=clients.marshal,
        analyst=analyst,
        card=card,
        posting=posting(settings, analyst),
        rules=quality_rules(settings),
        watch=watch,
    )


def answer_carriers(clients: Clients, store: Store) -> Mapping[str, Carrier]:
    """Who takes answers to the marshal, and to Lasair where there is an annotator, by kind of post."""
    carriers = dict(marshal_carriers(clients.marshal))
    if clients.annotator is not None:
        carriers[LASAIR] = LasairCarrier(clients.annotator)
    if clients.hooks is not None:
        from plugin.cycle.analyses.carrier import AnalysisCarrier

        carriers["analysis"] = AnalysisCarrier(clients.hooks, store)
    return carriers


def message_carriers(clients: Clients, settings: Settings, store: Store, clock: Clock) -> Mapping[str, Carrier]:
    """Who tells people of answers, by kind of post; nobody without a web hook."""
    if clients.slack is None:
        return {}
    from plugin.cycle.messages.carrier import message_carriers as of_hook

    return of_hook(clients.slack, settings, store, clock)


def make_shadow(settings: Settings) -> Analyst | None:
    """The models of SHADOW_BUNDLE, from a verified folder; None where there is none.

    Raises
    ------
    BundleError
        If the folder is damaged.
    """
    if settings.shadow_bundle is None:
        return None
    return make_analyst(settings.model_copy(update={"bundle": settings.shadow_bundle}))


def make_producer(
    settings: Settings, clients: Clients, analyst: Analyst | None, card: Card | None, clock: Clock
) -> Producer[Any, Any] | None:
    """What answers about spectra, with another bundle beside it where one is wanted; None without models."""
    if analyst is None:
        return None
    live = make_spectra_producer(settings, clients, analyst, card if settings.post_cards else None, clock)
    shadow = make_shadow(settings)
    if shadow is None:
        return live
    from plugin.shadow.producer import Shadowed

    return Shadowed(live=live, analyst=shadow)


def make_spectra_producer(
    settings: Settings, clients: Clients, analyst: Analyst, card: Card | None, clock: Clock
) -> SpectraProducer:
    """What answers about spectra; `card` draws the picture of an alert, where one is wanted."""
    return SpectraProducer(
        marshal=clients.marshal,
        analyst=analyst,
        posting=posting(settings, analyst),
        rules=quality_rules(settings),
        secrets=settings.secrets,
        card=card,
        drawn=getattr(analyst, "sketch", None),
        matched=getattr(analyst, "matched", None),
        looking=getattr(analyst, "looked", None),
        photometry=clients.marshal if settings.spectra_photometry else None,
        clock=clock,
    )


def make_truth(
    settings: Settings, marshal: Marshal, store: Store, clock: Clock, stop: Callable[[], bool]
) -> "TruthPart | None":
    """What reads what people say of our objects; None where TRUTH_WATCH_DAYS is 0."""
    if not settings.truth_watch_days:
        return None
    from plugin.truth.part import TruthPart

    return TruthPart(settings=settings, marshal=marshal, store=store, clock=clock, stop=stop)


def make_names_part(
    settings: Settings,
    clients: Clients,
    store: Store,
    clock: Clock,
    stop: threading.Event,
    truth: "TruthPart | None" = None,
) -> "Naming | None":
    """What finds out what the TNS calls our sources; None when neither the TNS nor a broker can be asked."""
    from plugin.tns.source import make_naming

    return make_naming(
        clients.tns,
        watched=timedelta(days=settings.tns_watch_days),
        trust=settings.trust,
        marshal=clients.marshal,
        store=store,
        alerts=clients.alerts,
        hearing=None if truth is None else truth.hearing,
        clock=clock,
        wait=stop.wait,
        stop=stop.is_set,
    )
