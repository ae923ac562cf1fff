"""Figures for Prometheus: what this process counted, and what the store knows at the moment it is asked.

Labels hold kinds, states, classes and codes from closed lists: never the name of an object, a person or a secret.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from iris_client.http.pacer import Pacing
from iris_client.taxonomy.names import translate
from models.domain import Status
from plugin.activity import Activity
from plugin.clock import Clock, utc_now
from plugin.ops.health import Health
from plugin.ops.metrics_card import card_families
from plugin.settings import Settings
from plugin.store import KINDS, Store, Unit
from plugin.truth.card.files import read_card

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_POSTS = ("annotation", "classification", "comment", "message", "tag")


class StoreCollector(Collector):
    """Reads the store, in one transaction that keeps nobody waiting.

    Parameters
    ----------
    health : callable
        How the service is now.
    pacer : Pacing or None
        Of the marshal's token, where this process has one.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        health: Callable[[], Health],
        pacer: Pacing | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._store, self._settings, self._health = store, settings, health
        self._pacer, self._clock = pacer, clock

    def collect(self) -> Iterator[Metric]:
        """Every family, with its value now."""
        health = self._health()
        yield _one("astranet_live", "1 while the work goes on.", float(health.live))
        yield _one("astranet_ready", "1 while everything is there that an answer needs.", float(health.ready))
        yield _one("astranet_dry_run", "1 when nothing is sent.", float(self._settings.dry_run))
        if self._pacer is not None:
            what = "Requests to the marshal that may go at once now."
            yield _one("astranet_marshal_requests_available", what, float(self._pacer.left()))
        with self._store.begin(to_read=True) as unit:
            yield from self._work(unit)
            yield from self._answers(unit)
            yield from _drift(unit)
            typed = unit.figures.typed()
        yield self._coverage(typed)
        yield from self._card()

    def describe(self) -> list[Metric]:
        """Nothing in advance: the store is not read before somebody asks."""
        return []

    def _work(self, unit: Unit) -> Iterator[Metric]:
        now = self._clock()
        work = GaugeMetricFamily(
            "astranet_queue_pieces", "Pieces of work not done, by kind of subject and state.", labels=["kind", "state"]
        )
        parked = GaugeMetricFamily(
            "astranet_parked", "What was set aside for a person to see, by kind of work or post.", labels=["kind"]
        )
        for kind, state, count in _with_zeros(unit.figures.work(), KINDS, ("new", "claimed")):
            _add(parked if state == "parked" else work, count, kind, *(() if state == "parked" else (state,)))
        posts = GaugeMetricFamily(
            "astranet_outbox_posts", "Posts not sent yet, by kind and state.", labels=["kind", "state"]
        )
        for kind, state, count in _with_zeros(unit.figures.posts(), _POSTS, ("pending", "sending")):
            _add(parked if state == "parked" else posts, count, kind, *(() if state == "parked" else (state,)))
        ages = GaugeMetricFamily(
            "astranet_outbox_oldest_age_seconds", "How long the oldest post waits to be sent, by kind.", labels=["kind"]
        )
        for kind, since in unit.figures.waiting_since().items():
            _add(ages, _seconds(since, now), kind)
        due = _seconds(unit.figures.due_since(now), now)
        waits = _one("astranet_queue_oldest_due_age_seconds", "How long the oldest due work waits.", due)
        yield from (work, posts, parked, ages, waits)
        finished = [told.body.get("finished_at") for told in unit.status.told()]
        latest = max((text for text in finished if isinstance(text, str)), default=None)
        if latest is not None:
            age = _seconds(datetime.fromisoformat(latest), now)
            yield _one("astranet_cycle_last_finished_age_seconds", "How long ago a cycle last finished.", age)

    def _answers(self, unit: Unit) -> Iterator[Metric]:
        answers = GaugeMetricFamily(
            "astranet_answers", "Answers on file that count.", labels=["producer", "class", "policy"]
        )
        refusals = GaugeMetricFamily(
            "astranet_refusals", "Refusals on file that count, by code of the reason.", labels=["producer", "reason"]
        )
        counts: Counter[tuple[str, ...]] = Counter()
        for alike in unit.figures.answers():
            if alike.status == Status.OK:
                counts[alike.producer, alike.label or "none", alike.policy or "none"] += alike.number
            else:
                counts[alike.producer, alike.refusal or "other"] += alike.number
        for labels, count in counts.items():
            _add(answers if len(labels) == 3 else refusals, count, *labels)
        models = InfoMetricFamily(
            "astranet_model", "The model behind each producer's last report.", labels=["producer"]
        )
        for producer, model in unit.figures.models():
            models.add_metric([producer], {"model": model})
        yield from (answers, refusals, models)

    def _card(self) -> list[Metric]:
        """The last report card's figures; none where somebody has put something else in its place."""
        card = read_card(self._settings.output_dir)
        try:
            return [] if card is None else list(card_families(card, self._clock()))
        except (ValueError, TypeError, KeyError, AttributeError):
            return []

    def _coverage(self, typed: Sequence[tuple[str, str]]) -> Metric:
        """Whether sets hold what the TNS says. Which sources are typed is no matter of chance, so neither is this."""
        family = GaugeMetricFamily(
            "astranet_typed_answers",
            "Of the newest answers about sources that the TNS gives one of our classes: whether the set holds it.",
            labels=["held"],
        )
        counts: Counter[bool] = Counter()
        for kind, body in typed:
            label, members = translate(kind).fine, _members(body, f"{self._settings.alpha:g}")
            if label is not None and members is not None:
                counts[label in members] += 1
        for held, word in ((True, "yes"), (False, "no")):
            _add(family, counts[held], word)
        return family


def exposition(
    store: Store,
    settings: Settings,
    health: Callable[[], Health],
    *,
    activity: Activity | None = None,
    pacer: Pacing | None = None,
    clock: Clock = utc_now,
) -> bytes:
    """Everything as Prometheus reads it.

    Parameters
    ----------
    activity : Activity, optional
        What this process counted; a process that only shows pages has counted nothing.

    Raises
    ------
    sqlalchemy.exc.DBAPIError
        If the store cannot be read.
    """
    registry = CollectorRegistry()
    registry.register(StoreCollector(store, settings, health, pacer, clock))
    ProcessCollector(registry=registry)
    counted = b"" if activity is None else generate_latest(activity.registry)
    return generate_latest(registry) + counted


def _drift(unit: Unit) -> Iterator[Metric]:
    """Evidence of each test for drift, and whether an alarm stands; an instrument's name is no label."""
    summary = unit.drift.summary()
    evidence = GaugeMetricFamily(
        "astranet_drift_evidence", "Evidence that the stream has changed, by test; 1 says nothing.", labels=["test"]
    )
    standing = Counter(alarm.test.partition(" ")[0] for alarm in unit.drift.alarms())
    alarms = GaugeMetricFamily("astranet_drift_alarms", "Alarms that nobody has acknowledged.", labels=["test"])
    for test in (*summary.get("evidence", {}), "instrument"):
        _add(alarms, standing[test], test)
    for test, value in summary.get("evidence", {}).items():
        _add(evidence, value, test)
    yield from (evidence, alarms)
    if "threshold" in summary:
        what = "Evidence from which on a test for drift raises its alarm."
        yield _one("astranet_drift_threshold", what, float(summary["threshold"]))
    adopted = unit.calibrations.adopted()
    calibration = InfoMetricFamily("astranet_calibration", "The adopted calibration on own answers; none: the model's.")
    calibration.add_metric([], {"calibration": "none" if adopted is None else adopted.calibration_id})
    yield calibration


def _members(body: str, alpha: str) -> Sequence[str] | None:
    """The prediction set of a stored report; None where it has none, or cannot be read by this version."""
    try:
        members = json.loads(body)["confidence"]["prediction_sets"][alpha]
    except (ValueError, TypeError, KeyError):
        return None
    return members if isinstance(members, list) else None


def _with_zeros(
    counted: Sequence[tuple[str, str, int]], kinds: Sequence[str], states: Sequence[str]
) -> list[tuple[str, str, int]]:
    """Counts with a zero where nothing is, so that a figure that begins to grow was there before."""
    every = {(kind, state): 0 for kind in kinds for state in (*states, "parked")}
    return [(*key, count) for key, count in (every | {(kind, state): n for kind, state, n in counted}).items()]


def _one(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, value=value)


def _add(family: GaugeMetricFamily, value: float, *labels: str) -> None:
    family.add_metric(list(labels), value)


def _seconds(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
