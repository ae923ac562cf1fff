"""An approved report on its way to the TNS, one durable step after the other, sent once whatever happens between.

approved   has anybody classified it meanwhile? -> upload the file
uploaded   the same question; write down that it is being sent (`unknown`), and send it
unknown    nobody knows whether it arrived: ask the TNS for the object, and again later. Our spectrum there: accepted.
           Nothing there for `SETTLED`, in which the TNS has long judged what it has: it never arrived, send it again
submitted  ask what became of it; it is never sent again
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from iris_client.errors import NotFound, Refused, Unavailable, Uncertain, UpstreamError
from iris_client.tns.feedback import Feedback
from iris_client.tns.reporter import Reporter, Standing
from plugin.clock import Clock, utc_now
from plugin.cycle.poison import why
from plugin.store import Store
from plugin.store.tns.reports import State, TnsReport
from plugin.tns.reports.draft import Draft

SETTLED: Final = timedelta(minutes=30)
"""How long after a lost answer the object must look untouched before the report is sent again."""
LOOK_EVERY: Final = timedelta(minutes=5)
SOON: Final = timedelta(seconds=10)
LATER: Final = timedelta(minutes=2)
REFUSED_AGAIN: Final = timedelta(hours=1)
"""After a wrong key: somebody has to mend the settings."""
SILENT: Final = timedelta(days=1)
"""A report without a reply for so long is told to people; it is asked about all the same."""
MOST_SENDS: Final = 3
SENDING: Final = "is being sent"
_KEY_TROUBLE: Final = frozenset({401, 403})
_log = structlog.get_logger("astranet.tns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """The use case with what it needs.

    Parameters
    ----------
    stop : callable
        Whether to finish early; asked between reports.
    """

    store: Store
    reporter: Reporter
    clock: Clock = utc_now
    stop: Callable[[], bool] = bool

    def run(self) -> int:
        """Take every report that is due as far as it goes now; returns how many were looked at."""
        with self.store.begin(to_read=True) as unit:
            due = unit.tns_reports.due(self.reporter.url, self.clock())
        done = 0
        for target_id in due:
            if self.stop():
                break
            try:
                done += self.advance(target_id) is not None
            except Exception as error:  # whatever breaks on one, the others go on; its claim ends by itself
                why("sending a report to the TNS", error, source=target_id)
        return done

    def advance(self, target_id: str, *, early: bool = False) -> TnsReport | None:
        """Take one report as far as it goes now; None when it is not due, or another worker has it.

        Parameters
        ----------
        early : bool
            True also before it is due: a person waits.
        """
        with self.store.begin() as unit:
            report = unit.tns_reports.claim(self.reporter.url, target_id, self.clock(), early=early)
        if report is None:
            return None
        try:
            return self._go_on(report, Draft.from_dict(report.draft))
        except UpstreamError as error:
            return self._put_off(report, error)

    def _go_on(self, report: TnsReport, draft: Draft) -> TnsReport | None:
        if report.state == "submitted":
            return self._ask(report)
        standing = self._standing(draft)
        if standing is None:
            return self._end(report, "rejected", f"the TNS has no object {draft.name}")
        if _is_ours(standing, draft):
            return self._end(report, "accepted", "the TNS shows our spectrum")
        if standing.type is not None:
            said = f"not sent: the TNS calls it {standing.type} by now"
            if report.state == "unknown":
                said = f"not sent again: the TNS calls it {standing.type} by now, without a spectrum of ours"
            return self._end(report, "rejected", said)
        if report.state == "unknown":
            return self._nothing_there(report, draft)
        return self._send(report, draft)

    def _standing(self, draft: Draft) -> Standing | None:
        try:
            return self.reporter.stands(draft.name)
        except NotFound:
            return None

    def _nothing_there(self, report: TnsReport, draft: Draft) -> TnsReport | None:
        now, sent = self.clock(), report.sent_at or self.clock()
        if now - sent < SETTLED:
            said = "the TNS shows nothing of it yet"
            return self._step(report, "unknown", said, wait=LOOK_EVERY, reasons=("nobody knows whether it arrived",))
        if sum(step["said"] == SENDING for step in report.history) >= MOST_SENDS:
            said = f"sent {MOST_SENDS} times without an answer, and the TNS shows nothing of it: ask the TNS"
            return self._step(report, "unknown", said, wait=SILENT, reasons=(said,))
        said = f"the TNS shows nothing of it {SETTLED.total_seconds() / 60:.0f} minutes later: it did not arrive"
        again = self._step(report, "uploaded", said, release=False)
        return None if again is None else self._send(again, draft)

    def _send(self, report: TnsReport, draft: Draft) -> TnsReport | None:
        """Upload the file unless it is there, and send the report: `unknown` is written down before it leaves."""
        tables = self.reporter.values("get/values")
        try:
            draft.wire(reviewer=report.reviewer or "", stored_name="", tables=tables)
        except ValueError as error:
            return self._end(report, "rejected", f"not sent: {error}")
        if report.stored_name is None:
            stored = self.reporter.upload(draft.file_name, draft.ascii.encode())
            uploaded = self._step(report, "uploaded", f"uploaded as {stored}", release=False, stored_name=stored)
            if uploaded is None:
                return None
            report = uploaded
        wire = draft.wire(reviewer=report.reviewer or "", stored_name=report.stored_name or "", tables=tables)
        begun = self._step(report, "unknown", SENDING, release=False, sent_at=self.clock())
        if begun is None:  # another worker has it; whoever has it looks first
            return None
        try:
            number = self.reporter.submit(wire)
        except Refused as error:
            if error.status in _KEY_TROUBLE:
                return self._step(
                    begun, "uploaded", str(error), wait=REFUSED_AGAIN, reasons=(str(error),), sent_at=None
                )
            return self._end(begun, "rejected", str(error))
        except Uncertain as error:
            said = f"the answer was lost: {error}"
            return self._step(begun, "unknown", said, wait=LOOK_EVERY, reasons=("nobody knows whether it arrived",))
        except Unavailable as error:
            wait = timedelta(seconds=error.retry_after) if error.retry_after else LATER
            return self._step(begun, "uploaded", f"not sent: {error}", wait=wait, reasons=(str(error),), sent_at=None)
        return self._step(begun, "submitted", f"taken as report {number}", wait=SOON, report_id=number)

    def _ask(self, report: TnsReport) -> TnsReport | None:
        assert report.report_id is not None
        found = self.reporter.reply(report.report_id)
        if found is not None:
            return self._ended(report, found)
        waited = self.clock() - (report.sent_at or self.clock())
        if waited >= SILENT:
            said = f"no reply about report {report.report_id} for {waited.days} days: look at the TNS"
            return self._step(report, "submitted", said, wait=SILENT / 4, reasons=(said,))
        return self._step(report, "submitted", "not judged yet", wait=max(SOON, min(waited, LATER)))

    def _ended(self, report: TnsReport, found: Feedback) -> TnsReport | None:
        state: State = found.verdict.value
        said = f"{state} as report {report.report_id}" + (f", now {found.new_name}" if found.new_name else "")
        said += f": {'; '.join(found.reasons)}" if found.reasons else ""
        return self._end(report, state, said, reasons=found.reasons)

    def _put_off(self, report: TnsReport, error: UpstreamError) -> TnsReport | None:
        """Nothing was sent that could have done something: the same step again later."""
        with self.store.begin(to_read=True) as unit:
            now = unit.tns_reports.of(self.reporter.url, report.target_id)
        if now is None:
            return None
        if isinstance(error, Refused) and error.status not in _KEY_TROUBLE and now.state == "approved":
            return self._end(now, "rejected", f"not sent: {error}")
        wait = LATER
        if isinstance(error, Refused):
            wait = REFUSED_AGAIN
        elif error.retry_after:
            wait = timedelta(seconds=error.retry_after)
        _log.warning("a report to the TNS waits", source=now.target_id, state=now.state, error=str(error))
        return self._step(now, now.state, str(error), wait=wait, reasons=(str(error),))

    def _end(self, report: TnsReport, state: State, said: str, reasons: tuple[str, ...] = ()) -> TnsReport | None:
        reasons = reasons or ((said,) if state == "rejected" else ())
        _log.info("a report to the TNS has ended", source=report.target_id, state=state, said=said)
        return self._step(report, state, said, reasons=reasons)

    def _step(
        self,
        report: TnsReport,
        state: State,
        said: str,
        *,
        wait: timedelta = timedelta(0),
        release: bool = True,
        reasons: tuple[str, ...] = (),
        **values: datetime | str | None,
    ) -> TnsReport | None:
        with self.store.begin() as unit:
            return unit.tns_reports.step(
                self.reporter.url,
                report,
                state,
                self.clock(),
                said=said,
                wait=wait,
                release=release,
                reasons=reasons,
                **values,
            )


def _is_ours(standing: Standing, draft: Draft) -> bool:
    """Whether one of the spectra at the TNS bears our mark."""
    mark = re.compile(rf"\b{re.escape(draft.mark)}\b")
    return any(mark.search(str(spectrum.get("remarks") or "")) for spectrum in standing.spectra)
