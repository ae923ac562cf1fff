"""Claim tasks, fetch what they need, ask the models, and file report and posts in one transaction each."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol

import structlog

from iris_client.errors import NotFound, Unavailable, UpstreamError, redact
from iris_client.protocols import SpectrumSource
from iris_client.quality.control import QualityRules, examine
from iris_client.quality.phase import redshift_of
from models.domain import Caveat, Evidence, RawSpectrum, Report, Spectrum, Target
from plugin.clock import Clock, utc_now
from plugin.cycle.patience import Breaker, Patience, denied
from plugin.cycle.poison import why
from plugin.cycle.posting import Post, Posting
from plugin.cycle.posts import want
from plugin.cycle.spectra import compose
from plugin.store import Filed, LostClaim, Store, Task, Unit

_log = structlog.get_logger("astranet.analyse")

Item = tuple[Evidence, Sequence[Caveat]]
Card = Callable[[Report, Spectrum], bytes]
"""From a report and its spectrum to a picture, PNG."""


class Analyst(Protocol):
    """What is needed of `models.analyst.Analyst`."""

    @property
    def bundle_id(self) -> str:
        """Which bundle answers."""

    def run_many(self, items: Sequence[Item]) -> list[Report]:
        """One report per item, in their order; a refusal where the caveats refuse."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A task with everything that is known about it."""

    task: Task
    raw: RawSpectrum
    target: Target
    item: Item


@dataclass(slots=True, kw_only=True)
class Analysing:
    """The use case with what it needs.

    Parameters
    ----------
    batch_size : int
        How many spectra go through the network together.
    secrets : tuple of str
        Texts that must not be filed, should the marshal echo them in a spectrum.
    card : callable or None
        Draws the vetting card of an alert; None for no cards.
    stop : callable
        Whether to finish early; asked between spectra.
    """

    marshal: SpectrumSource
    store: Store
    analyst: Analyst
    posting: Posting
    rules: QualityRules = field(default_factory=QualityRules)
    patience: Patience = field(default_factory=Patience)
    secrets: tuple[str, ...] = ()
    card: Card | None = None
    batch_size: int = 32
    clock: Clock = utc_now
    stop: Callable[[], bool] = bool

    def run(self) -> Counter[str]:
        """Work until nothing is due; counts by outcome: ok, refused, gone, later, parked."""
        outcomes: Counter[str] = Counter()
        breaker = Breaker()
        while not self.stop() and not breaker.open:
            with self.store.begin() as unit:
                tasks = unit.tasks.claim(self.batch_size, self.clock())
            if not tasks:
                break
            fetched = self._fetch_all(tasks, breaker, outcomes)
            for one, report in self._ask(fetched, outcomes):
                outcomes[self._file(one, report)] += 1
        return outcomes

    def _fetch_all(self, tasks: list[Task], breaker: Breaker, outcomes: Counter[str]) -> list[Fetched]:
        """Everything that could be fetched; the rest is put back, parked, or gone."""
        targets: dict[str, Target] = {}
        fetched: list[Fetched] = []
        for number, task in enumerate(tasks):
            if self.stop() or breaker.open:
                with self.store.begin() as unit:
                    unit.tasks.release(tasks[number:])
                break
            try:
                fetched.append(self._fetch(task, targets))
                breaker.success()
            except NotFound:
                breaker.success()
                outcomes[self._file_gone(task)] += 1
            except UpstreamError as error:
                outcomes[self._put_back(task, error, breaker)] += 1
            except Exception as error:
                outcomes[self._poison(task, "reading", error)] += 1
        return fetched

    def _fetch(self, task: Task, targets: dict[str, Target]) -> Fetched:
        raw = without_secrets(self.marshal.spectrum(task.spectrum_id), self.secrets)
        name = raw.target_id or task.target_id
        if name not in targets:
            targets[name] = self._target(name)
        redshift = redshift_of(raw, targets[name])
        origin = _cleaned(redshift.origin, self.secrets)  # a refusal quotes it
        examined = examine(raw, self.rules, redshift=replace(redshift, origin=origin))
        item = (Evidence(target=targets[name], spectrum=examined.spectrum), examined.caveats)
        return Fetched(task, raw, targets[name], item)

    def _target(self, name: str) -> Target:
        """The source; only its name where the token may read the spectrum but not the source."""
        try:
            return self.marshal.target(name)
        except NotFound:
            return Target(target_id=name)

    def _ask(self, fetched: list[Fetched], outcomes: Counter[str]) -> list[tuple[Fetched, Report]]:
        """Reports for a batch; when the models fail on it, one by one, so that a single spectrum stops no other."""
        if not fetched:
            return []
        try:
            return list(zip(fetched, self.analyst.run_many([one.item for one in fetched]), strict=True))
        except Exception as error:  # whatever the models raise, the spectrum is parked with it below
            if len(fetched) == 1:
                outcomes[self._poison(fetched[0].task, "the models", error)] += 1
                return []
            return [answer for one in fetched for answer in self._ask([one], outcomes)]

    def _file(self, one: Fetched, report: Report) -> str:
        """Report, posts and the end of the task: all committed together, or none."""
        filed = Filed(
            spectrum_id=one.task.spectrum_id,
            target_id=one.target.target_id,
            modified=one.task.modified,
            report=replace(report, target_id=one.target.target_id, spectrum_id=one.task.spectrum_id),
            observed_at=one.raw.observed_at,
            instrument=one.raw.instrument,
            group_ids=one.raw.group_ids,
            filed_at=self.clock(),
        )
        try:
            cards = self._cards(filed, one)
            with self.store.begin() as unit:
                unit.tasks.finish(one.task, "done")
                if not unit.tasks.has_newer_done(one.task):
                    self._file_in(unit, filed, cards)
        except LostClaim as error:
            _log.warning("claim lost", reason=str(error))
            return "later"
        except Exception as error:
            return self._poison(one.task, "filing", error)
        _log.info("analysed", spectrum=filed.spectrum_id, source=filed.target_id, **_gist(report))
        return str(report.status)

    def _cards(self, filed: Filed, one: Fetched) -> list[Post]:
        """The vetting card of an alert. Drawn before the transaction: a picture takes a moment."""
        spectrum = one.item[0].spectrum
        if self.card is None:
            return []
        if spectrum is None or not compose.wants_card(filed, self.posting):
            return [compose.no_card(filed.spectrum_id)]
        return [compose.card_post(filed, self.card(filed.report, spectrum), self.posting)]

    def _file_in(self, unit: Unit, filed: Filed, cards: Sequence[Post]) -> None:
        before = unit.reports.of_spectrum(filed.spectrum_id)
        unit.reports.lock_target(filed.target_id)
        unit.reports.put(filed)
        of_target, needle = unit.reports.of_target(filed.target_id), _needle(unit, filed.target_id)
        want(unit, [*compose.compose(filed, of_target, self.posting, needle), *cards], self.clock())
        if before is not None and before.target_id != filed.target_id:  # the spectrum was moved to another source
            want(unit, self._on_source(unit, before.target_id), self.clock())

    def _file_gone(self, task: Task) -> str:
        """The spectrum is deleted, or not ours to see any more: what we said about it is taken back."""
        try:
            with self.store.begin() as unit:
                unit.tasks.finish(task, "gone")
                before = unit.reports.of_spectrum(task.spectrum_id)
                if before is not None:
                    unit.reports.lock_target(before.target_id)
                    unit.reports.retire(task.spectrum_id)
                    summary = self._on_source(unit, before.target_id)
                    want(unit, [compose.gone(task.spectrum_id), *summary], self.clock())
        except LostClaim as error:
            _log.warning("claim lost", reason=str(error))
            return "later"
        except Exception as error:
            return self._poison(task, "taking back", error)
        _log.info("gone", spectrum=task.spectrum_id)
        return "gone"

    def _on_source(self, unit: Unit, target_id: str) -> list[Post]:
        left = unit.reports.of_target(target_id)
        return compose.on_source(target_id, left, self.posting, _needle(unit, target_id))

    def _put_back(self, task: Task, error: UpstreamError, breaker: Breaker) -> str:
        """Later, or never: an upstream that is away may come back, one that refuses will not."""
        again = isinstance(error, Unavailable) or denied(error)
        if again:
            breaker.failure(error)
        if not again or self.patience.exhausted(task.attempts + 1):
            self._park(task, str(error))
            _log.error("parked", spectrum=task.spectrum_id, error=str(error))
            return "parked"
        with self.store.begin() as unit:
            now = self.clock()
            unit.tasks.retry(task, str(error), self.patience.next_try(now, task.attempts + 1, error))
        _log.warning("not fetched, later again", spectrum=task.spectrum_id, error=str(error))
        return "later"

    def _poison(self, task: Task, step: str, error: Exception) -> str:
        """Whatever breaks, the spectrum is parked with it and the others go on."""
        self._park(task, why(step, error, self.secrets, spectrum=task.spectrum_id))
        return "parked"

    def _park(self, task: Task, error: str) -> None:
        with self.store.begin() as unit:
            unit.tasks.park(task, error)


def without_secrets(raw: RawSpectrum, secrets: tuple[str, ...]) -> RawSpectrum:
    """Take secrets out of a spectrum's texts and out of cells that should be numbers: refusals quote both."""
    values = ((f.name, getattr(raw, f.name)) for f in fields(raw))
    return replace(raw, **{name: cleaned for name, v in values if (cleaned := _cleaned(v, secrets)) is not v})


def _cleaned(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, str) and any(secret in value for secret in secrets):
        return redact(value, secrets)
    if isinstance(value, list) and any(isinstance(cell, str) for cell in value):
        return [_cleaned(cell, secrets) for cell in value]
    return value


def _needle(unit: Unit, target_id: str) -> Report | None:
    """What NEEDLE says about the source, if it does."""
    filed = unit.object_reports.of(target_id)
    return None if filed is None else filed.report


def _gist(report: Report) -> dict[str, object]:
    if report.verdict is None:
        return {"status": str(report.status), "reason": report.reason}
    return {"status": str(report.status), "label": report.verdict.label, "p": round(report.verdict.probability, 3)}
