"""The composition root: the only place where settings become parts and parts are put together."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from iris_client.errors import UpstreamError
from iris_client.http.closing import Closing
from iris_client.protocols import Marshal, WatchList
from iris_client.quality.control import QualityRules
from models.domain import Report, Spectrum
from plugin.activity import Activity
from plugin.clock import Clock, utc_now
from plugin.cycle.analyse import Analysing
from plugin.cycle.carriers import Carrier, marshal_carriers
from plugin.cycle.deliver import Delivering
from plugin.cycle.done import Cycle
from plugin.cycle.patience import Patience
from plugin.cycle.poison import why
from plugin.cycle.posting import Posting
from plugin.cycle.signs import SignsOfLife
from plugin.cycle.spectra.discover import discover, sweep
from plugin.cycle.spectra.producer import Analyst, Card, SpectraProducer
from plugin.settings import Settings
from plugin.sources.clear_text import sent_in_clear
from plugin.sources.clients import Clients
from plugin.store import KINDS, Store, open_store

if TYPE_CHECKING:
    from iris_client.tns.reporter import Reporter
    from plugin.cycle.analyses.carrier import Hooks
    from plugin.cycle.analyses.part import RequestsPart
    from plugin.cycle.objects.part import WatchPart  # loads NEEDLE's models' code, which not every service needs
    from plugin.tns.names import Naming

_log = structlog.get_logger("astranet")


class App(Closing):
    """The service, ready to work. Use it as a context."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clients: Clients,
        analyst: Analyst,
        clock: Clock,
        watch: "WatchPart | None" = None,
        activity: Activity | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.clients = clients
        self.marshal = clients.marshal
        self.analyst = analyst
        self.watch = watch
        self._clock = clock
        self._stop = threading.Event()
        self.activity = activity or Activity(poll_seconds=settings.poll_seconds, clock=clock)
        self.activity.loaded(analyst.bundle_id)
        self._signs = SignsOfLife(self.activity, store, clock)
        self.naming = self._make_naming()
        self._requests = self._make_requests()
        self._reporter = self._make_reporter()

    def once(self, *, retry_parked: bool = False) -> Cycle:
        """A cycle; then, when it is due, the sweep, and another cycle for what that finds; then the TNS's names."""
        done = self.cycle(retry_parked=retry_parked) + (swept := self.sweep())
        if swept.found or swept.objects_found:
            done += self.cycle()
        self.look_up_names()
        self.send_tns_reports()
        return done

    def cycle(self, *, retry_parked: bool = False) -> Cycle:
        """What is new, what it is, and what is to be said about it.

        It ends early, with its work safely stored, when `stop` was called or the marshal is away.
        """
        self._signs.begin()
        try:
            done = self._cycle(retry_parked)
        except Exception as error:
            self._signs.broken(error)
            raise
        self._signs.finish(done)
        return done

    def _cycle(self, retry_parked: bool) -> Cycle:
        now = self._clock()
        freed = self.store.recover(now)
        if freed:
            _log.info("taken up again what was left unfinished", pieces=freed)
        if retry_parked:
            with self.store.begin() as unit:
                again = {kind: unit.queue.unpark(kind, now) for kind in KINDS}
                _log.info("parked work is tried again", **again, posts=unit.outbox.unpark(now))
        done = self._look(self._discover) + self._look_at_alerts()
        asked = self._answer_requests()
        done += Cycle(analysed=self._analyse(), objects=self._analyse_objects())
        if asked.pop("waiting", 0) or done.analysed or done.objects:  # some may wait for a report that is here now
            asked += self._answer_requests()
        done += Cycle(requests=asked, delivered=self._deliver())
        outcomes = _counts("", done.analysed) | _counts("objects_", done.objects) | _counts("posts_", done.delivered)
        outcomes |= _counts("requests_", done.requests)
        _log.info("cycle done", found=done.found, objects_found=done.objects_found, **outcomes)
        return done

    def sweep(self) -> Cycle:
        """Look at every spectrum of the groups, when that is due; it makes a request per source and takes its time."""
        if not self.settings.sweep_hours:
            return Cycle()
        return self._look(self._sweep) + self._look_at_alerts(sweep=True)

    def look_up_names(self) -> Counter[str]:
        """What the TNS calls the sources of the last weeks, each once a day; refreshes the mirror of the TNS first.

        By outcome, see `plugin.tns.names.Naming.run`; empty when neither a TNS key nor a broker is set up.
        """
        return Counter() if self.naming is None else self.naming.run()

    def send_tns_reports(self) -> int:
        """Take the reports that people have approved as far as they go now; returns how many were looked at.

        Nothing without a TNS key, and nothing in a dry run.
        """
        if self._reporter is None or self.settings.dry_run or self.stopping:
            return 0
        from plugin.tns.reports.part import refresh_files
        from plugin.tns.reports.sending import Sending

        sending = Sending(store=self.store, reporter=self._reporter, clock=self._clock, stop=self._stop.is_set)
        if done := sending.run():
            refresh_files(self.settings, self.store)
        return done

    def tell_night(self) -> None:
        """Put a message about the last night into the outbox, once; the next cycle sends it."""
        if self.clients.slack is None:
            return
        from plugin.cycle.messages.nights import enqueue_digest

        enqueue_digest(self.store, self.settings, self._clock())

    def stop(self) -> None:
        """Ask a running cycle to end after the piece of work in hand."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def close(self) -> None:
        """Let go of database and connections."""
        if not self.activity.pulse.ended:
            self._signs.end()
        self.store.close()
        self.clients.close()
        if self._reporter is not None:
            self._reporter.close()

    def _make_naming(self) -> "Naming | None":
        from plugin.tns.source import make_naming

        return make_naming(
            self.clients.tns,
            watched=timedelta(days=self.settings.tns_watch_days),
            trust=self.settings.trust,
            marshal=self.marshal,
            store=self.store,
            alerts=self.clients.alerts,
            clock=self._clock,
            wait=self._stop.wait,
            stop=self._stop.is_set,
        )

    def _make_reporter(self) -> "Reporter | None":
        """Who sends reports to the TNS; None without a key."""
        if self.settings.tns_api_key is None:
            return None
        from plugin.tns.reports.part import make_reporter

        return make_reporter(self.settings, wait=self._stop.wait)

    def _make_requests(self) -> "RequestsPart | None":
        """What answers the Analysis button; None where nobody can press it."""
        if self.clients.hooks is None:
            return None
        from plugin.cycle.analyses.part import RequestsPart

        return RequestsPart(
            hooks=self.clients.hooks,
            marshal=self.marshal,
            analyst=self.analyst,
            card=make_card(self.analyst),
            posting=posting(self.settings),
            rules=quality_rules(self.settings),
            watch=self.watch,
        )

    def _answer_requests(self) -> Counter[str]:
        if self._requests is None or self.stopping:
            return Counter()
        return self._requests.answer(self.settings, self.store, self._clock, self._between)

    def _carriers(self) -> Mapping[str, Carrier]:
        more = {} if self._requests is None else {"analysis": self._requests.carrier(self.store)}
        return {**marshal_carriers(self.marshal), **more}

    def _look(self, look: Callable[[], int]) -> Cycle:
        """Read the marshal; when it cannot be read, what is stored already is worked on all the same."""
        try:
            return Cycle(found=0 if self.stopping else look())
        except UpstreamError as error:
            _log.error("cannot read the marshal", error=str(error), status=error.status)
            return Cycle(trouble=(str(error),))
        except Exception as error:  # what cannot be listed keeps nothing waiting that is stored already
            return Cycle(trouble=(why("looking for news", error, self.settings.secrets),))

    def _look_at_alerts(self, *, sweep: bool = False) -> Cycle:
        """Look for news of watched objects, where there is a source of alerts."""
        watch = self.watch
        if watch is None:
            return Cycle()
        look = watch.sweep if sweep else watch.look
        found = self._look(lambda: look(self.settings, self.store, self._clock, self._stop.is_set))
        return Cycle(objects_found=found.found, trouble=found.trouble)

    def _analyse_objects(self) -> Counter[str]:
        if self.watch is None:
            return Counter()
        wanted = posting(self.settings)
        return self.watch.analyse(self.settings, self.store, self.marshal, wanted, self._clock, self._between)

    def _discover(self) -> int:
        return discover(
            self.marshal,
            self.store,
            group_ids=self.settings.group_ids,
            overlap=timedelta(seconds=self.settings.overlap_seconds),
            backfill=timedelta(days=self.settings.backfill_days),
            clock=self._clock,
        )

    def _sweep(self) -> int:
        return sweep(
            self.marshal,
            self.store,
            group_ids=self.settings.group_ids,
            backfill=timedelta(days=self.settings.backfill_days),
            every=timedelta(hours=self.settings.sweep_hours),
            clock=self._clock,
            stop=self._stop.is_set,
        )

    def _analyse(self) -> Counter[str]:
        astranet = SpectraProducer(
            marshal=self.marshal,
            analyst=self.analyst,
            posting=posting(self.settings),
            rules=quality_rules(self.settings),
            secrets=self.settings.secrets,
            card=make_card(self.analyst) if self.settings.post_cards else None,
            drawn=getattr(self.analyst, "sketch", None),
            clock=self._clock,
        )
        return Analysing(
            producer=astranet,
            store=self.store,
            patience=Patience(self.settings.max_attempts),
            secrets=self.settings.secrets,
            batch_size=self.settings.batch_size,
            clock=self._clock,
            stop=self._between,
        ).run()

    def _deliver(self) -> Counter[str]:
        done = self._deliver_with(self._carriers())
        messages = self._message_carriers()
        if messages and not self.settings.dry_run:  # after the answers: a slow hook keeps none of them waiting
            done += self._deliver_with(messages)
        return done

    def _message_carriers(self) -> Mapping[str, Carrier]:
        if self.clients.slack is None:
            return {}
        from plugin.cycle.messages.carrier import message_carriers

        return message_carriers(self.clients.slack, self.settings, self.store, self._clock)

    def _deliver_with(self, carriers: Mapping[str, Carrier]) -> Counter[str]:
        return Delivering(
            carriers=carriers,
            store=self.store,
            dry_run=self.settings.dry_run,
            secrets=self.settings.secrets,
            patience=Patience(self.settings.max_attempts),
            clock=self._clock,
            stop=self._between,
            first=self._signs.first_sent,
        ).run()

    def _between(self) -> bool:
        """Whether to end; asked between two pieces of work."""
        self._signs.between()
        return self._stop.is_set()


def build(
    settings: Settings,
    *,
    marshal: Marshal | None = None,
    analyst: Analyst | None = None,
    watch: "WatchPart | None" = None,
    hooks: "Hooks | None" = None,
    clock: Clock = utc_now,
) -> App:
    """Put the service together.

    Parameters
    ----------
    marshal, analyst, watch, hooks : optional
        Instead of those the settings describe; for tests.

    Raises
    ------
    ConfigError
        If a setting that is needed is missing, or `alpha` is none the models know.
    BundleError
        If the model bundle is damaged.
    StoreError
        If the database cannot be used.
    """
    url, _, _ = settings.marshal()
    for found in sent_in_clear(settings):
        _log.warning("a secret is sent without encryption", setting=found)
    analyst = analyst or make_analyst(settings)
    activity = Activity(poll_seconds=settings.poll_seconds, clock=clock)
    alerts = None if watch is None else watch.source
    clients = Clients.connect(settings, marshal=marshal, alerts=alerts, activity=activity, hooks=hooks)
    watch = watch or make_watch(settings, clients)
    store = open_store(settings.database_url, marshal=url, lease=timedelta(seconds=settings.claim_seconds))
    try:
        return App(settings, store, clients, analyst, clock, watch, activity)
    except BaseException:
        store.close()
        clients.close()
        raise


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


def make_analyst(settings: Settings) -> Analyst:
    """The models, from a verified bundle."""
    from models.analyst import Analyst  # torch is loaded here and not before
    from models.bundle import load

    return Analyst(
        load(settings.bundle),
        regime=settings.regime,
        alpha=settings.alpha,
        false_alarm_rate=settings.false_alarm_rate,
    )


def make_card(analyst: Analyst) -> Card:
    """The picture of an alert, with the bundle's archive spectra where the analyst has any."""
    drawn = getattr(analyst, "sketch", None)

    def draw(report: Report, spectrum: Spectrum) -> bytes:
        from plugin.cycle.spectra.card import vetting_card  # matplotlib is loaded with the first alert and not before

        return vetting_card(report, spectrum, drawn=drawn)

    return draw


def posting(settings: Settings) -> Posting:
    """What is posted, for whom."""
    return Posting(
        group_ids=settings.group_ids,
        alpha=settings.alpha,
        refusals=settings.post_refusals,
        classification=settings.post_classification,
        least_probability=settings.min_classification_probability,
        tags=settings.post_tags,
        messages=settings.slack_webhook is not None,
    )


def quality_rules(settings: Settings) -> QualityRules:
    """When a spectrum is good enough."""
    names = {field.name for field in fields(QualityRules)} & set(Settings.model_fields)
    given = {name: getattr(settings, name) for name in names}
    return QualityRules(max_gap_A=settings.max_gap_angstrom, **given)


def _counts(prefix: str, outcomes: Counter[str]) -> dict[str, int]:
    return {f"{prefix}{name}": number for name, number in sorted(outcomes.items())}
