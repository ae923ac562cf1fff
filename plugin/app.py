"""The composition root: the only place where settings become parts and parts are put together."""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from iris_client.errors import UpstreamError
from iris_client.http.closing import Closing
from iris_client.protocols import Marshal
from plugin.activity import Activity
from plugin.clock import Clock, utc_now
from plugin.cycle.analyse import Analysing
from plugin.cycle.carriers import Carrier
from plugin.cycle.deliver import Delivering
from plugin.cycle.done import Cycle
from plugin.cycle.jobs import JOBS
from plugin.cycle.patience import Patience
from plugin.cycle.poison import why
from plugin.cycle.signs import SignsOfLife
from plugin.cycle.spectra.finding import Finding
from plugin.cycle.spectra.producer import Analyst, Card
from plugin.drift.renewing import make_renewing
from plugin.parts import (
    answer_carriers,
    make_analyst,
    make_calibration_part,
    make_card,
    make_names_part,
    make_producer,
    make_requests,
    make_tns_reporter,
    make_truth,
    make_watch,
    message_carriers,
    posting,
)
from plugin.settings import Settings
from plugin.sources.clear_text import sent_in_clear
from plugin.sources.clients import Clients
from plugin.sources.membership import Membership
from plugin.store import KINDS, Heartbeat, Store, open_store

if TYPE_CHECKING:
    from plugin.cycle.analyses.carrier import Hooks
    from plugin.cycle.objects.part import WatchPart  # loads NEEDLE's models' code, which not every service needs

_log = structlog.get_logger("astranet")


class App(Closing):
    """The service, ready to work. Use it as a context.

    Parameters
    ----------
    analyst : Analyst or None
        None where the jobs do not ask for answers.
    card : callable or None
        Draws the picture of an alert; None for the service's own.
    jobs : collection of str
        What this process does, see `plugin.cycle.jobs`; others do the rest.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clients: Clients,
        analyst: Analyst | None,
        clock: Clock,
        watch: "WatchPart | None" = None,
        activity: Activity | None = None,
        *,
        card: Card | None = None,
        jobs: Collection[str] = JOBS,
    ) -> None:
        self.settings, self.store, self.clients, self.marshal = settings, store, clients, clients.marshal
        self.analyst = analyst
        self.watch = watch
        self.jobs = tuple(jobs)
        self._draw = card or (None if analyst is None else make_card(analyst, settings.alpha))
        self._clock = clock
        self._stop = threading.Event()
        self.membership = Membership(settings, self.marshal, clock)
        self.activity = activity or Activity(poll_seconds=settings.poll_seconds, clock=clock)
        if analyst is not None:
            self.activity.loaded(analyst.bundle_id)
        self._signs = SignsOfLife(self.activity, store, clock)
        self.calibration = make_calibration_part(settings, store, analyst, clock, messages=clients.slack is not None)
        self._renewing = make_renewing(settings, store, analyst, clock)
        self.truth = make_truth(settings, clients.marshal, store, clock, self._stop.is_set)
        self.naming = make_names_part(settings, clients, store, clock, self._stop, self.truth)
        self._producer = make_producer(settings, clients, analyst, self._draw, clock)
        self._requests = make_requests(settings, clients, analyst, self._draw, watch)
        self._reporter = make_tns_reporter(settings, self._stop.wait)

    def once(self, *, retry_parked: bool = False) -> Cycle:
        """A cycle; then, when it is due, the sweep, and another cycle for what that finds; then the TNS's names."""
        done = self.cycle(retry_parked=retry_parked)
        if "sweep" in self.jobs:
            done += (swept := self.sweep())
            if swept.found or swept.objects_found:
                done += self.cycle()
        if "names" in self.jobs:
            self.look_up_names()
        if self.truth is not None and "truth" in self.jobs:
            self.truth.ask()
        if "deliver" in self.jobs:
            self.send_tns_reports()
        return done

    def beating(self) -> Heartbeat:
        """A context in which what this process has claimed stays its own, however long the work takes."""
        return Heartbeat(self.store, self.jobs)

    def cycle(self, *, retry_parked: bool = False) -> Cycle:
        """What is new, what it is, and what is to be said about it.

        It ends early, with its work safely stored, when `stop` was called or the marshal is away.

        Raises
        ------
        ConfigError
            If the bot is not in one of the groups. Nothing is done then.
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
        if (trouble := self.membership.trouble()) is not None:
            return Cycle(trouble=(trouble,))
        now = self._clock()
        if freed := self.store.recover():
            _log.info("taken up again what was left unfinished", pieces=freed)
        if retry_parked:
            with self.store.begin() as unit:
                again = {kind: unit.queue.unpark(kind, now) for kind in KINDS}
                _log.info("parked work is tried again", **again, posts=unit.outbox.unpark(now))
        done, calibration = Cycle(), self.calibration
        if calibration is not None:
            calibration.before_cycle()
        self._renewing.before_cycle()
        if "discover" in self.jobs:
            with self.store.leading("discover") as ours:
                if ours:
                    done += self._look(self._finding.poll) + self._look(self._finding.renew) + self._look_at_alerts()
        if "analyse" in self.jobs:
            asked = self._answer_requests()
            done += Cycle(analysed=self._analyse(), objects=self._analyse_objects())
            if asked.pop("waiting", 0) or done.analysed or done.objects:  # some may wait for a report that is here now
                asked += self._answer_requests()
            done += Cycle(requests=asked)
        if "deliver" in self.jobs:
            done += Cycle(delivered=self._deliver())
        if calibration is not None and not self.stopping:
            calibration.after_cycle()
        _log.info("cycle done", found=done.found, objects_found=done.objects_found, **done.outcomes)
        return done

    def sweep(self) -> Cycle:
        """Look at every spectrum of the groups, when that is due; it makes many requests and takes its time.

        Raises
        ------
        ConfigError
            If the bot is not in one of the groups. Nothing is done then.
        """
        if not self.settings.sweep_hours:
            return Cycle()
        if (trouble := self.membership.trouble()) is not None:
            return Cycle(trouble=(trouble,))
        with self.store.leading("sweep") as ours:
            return self._look(self._finding.sweep) + self._look_at_alerts(sweep=True) if ours else Cycle()

    def look_up_names(self) -> Counter[str]:
        """What the TNS calls the sources of the last weeks, each once a day; refreshes the mirror of the TNS first.

        By outcome, see `plugin.tns.names.Naming.run`; empty when neither a TNS key nor a broker is set up.
        """
        if self.naming is None:
            return Counter()
        with self.store.leading("names") as ours:
            return self.naming.run() if ours else Counter()

    def send_tns_reports(self) -> int:
        """Take the reports that people have approved as far as they go now; returns how many were looked at.

        Nothing without a TNS key, and nothing in a dry run.
        """
        if self._reporter is None or self.settings.dry_run or self.stopping:
            return 0
        from plugin.tns.reports.part import send_reports

        return send_reports(self.settings, self.store, self._reporter, clock=self._clock, stop=self._stop.is_set)

    def tell_night(self) -> None:
        """Put into the outbox what is told of the last night, and of drafts that wait for a person; each once.

        The next cycle sends it: to the web hook, and comments on the sources of drafts where they are wanted.
        """
        from plugin.cycle.messages.nights import enqueue_digest
        from plugin.cycle.messages.waiting import enqueue_waiting

        if self.clients.slack is not None:
            enqueue_digest(self.store, self.settings, self._clock())
        enqueue_waiting(self.store, self.settings, self._clock(), messages=self.clients.slack is not None)

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

    def _answer_requests(self) -> Counter[str]:
        if self._requests is None or self.stopping:
            return Counter()
        return self._requests.answer(self.settings, self.store, self._clock, self._between)

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
        if self.watch is None:
            return Cycle()
        look = self.watch.sweep if sweep else self.watch.look
        found = self._look(lambda: look(self.settings, self.store, self._clock, self._stop.is_set))
        return Cycle(objects_found=found.found, trouble=found.trouble)

    def _analyse_objects(self) -> Counter[str]:
        if self.watch is None:
            return Counter()
        told = posting(self.settings, self.analyst)
        return self.watch.analyse(self.settings, self.store, self.marshal, told, self._clock, self._between)

    @property
    def _finding(self) -> Finding:
        clock, stop = self._clock, self._stop.is_set
        return Finding(marshal=self.marshal, store=self.store, settings=self.settings, clock=clock, stop=stop)

    def _analyse(self) -> Counter[str]:
        if self._producer is None:
            return Counter()
        return Analysing(
            producer=self._producer,
            store=self.store,
            patience=Patience(self.settings.max_attempts),
            secrets=self.settings.secrets,
            batch_size=self.settings.batch_size,
            clock=self._clock,
            stop=self._between,
        ).run()

    def _deliver(self) -> Counter[str]:
        done = self._deliver_with(answer_carriers(self.clients, self.store))
        messages = message_carriers(self.clients, self.settings, self.store, self._clock)
        if messages and not self.settings.dry_run:  # after the answers: a slow hook keeps none of them waiting
            done += self._deliver_with(messages)
        return done

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
    card: Card | None = None,
    hooks: "Hooks | None" = None,
    clock: Clock = utc_now,
    jobs: Collection[str] = JOBS,
) -> App:
    """Put the service together.

    Parameters
    ----------
    marshal, analyst, watch, card, hooks : optional
        Instead of those the settings describe; for tests.
    jobs : collection of str
        What this process does; by default everything.

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
    if analyst is None and "analyse" in jobs:
        analyst = make_analyst(settings)
    activity = Activity(poll_seconds=settings.poll_seconds, clock=clock)
    store = open_store(settings.database_url, marshal=url, lease=timedelta(seconds=settings.claim_seconds))
    try:
        alerts = None if watch is None else watch.source
        clients = Clients.connect(settings, store, marshal=marshal, alerts=alerts, activity=activity, hooks=hooks)
        watch = watch or make_watch(settings, clients)
        return App(settings, store, clients, analyst, clock, watch, activity, card=card, jobs=jobs)
    except BaseException:
        store.close()
        raise
