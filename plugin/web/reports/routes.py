"""Reports to the TNS on pages. A click approves a draft, under a name; the service sends it, and nothing else does."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

import numpy as np
import structlog
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from iris_client.tns.hosts import PRODUCTION
from models.domain import Spectrum
from plugin.store.tns.reports import TnsReport
from plugin.tns.reports.draft import Draft
from plugin.tns.reports.files import write_files
from plugin.web.access import form_of, refusal
from plugin.web.look.spectrum import draw
from plugin.web.parts import WebParts
from plugin.web.rendering import page

Endpoint = Callable[[Request], Response]
LONGEST_NAME: Final = 100
SAID: Final = {
    "approved": "Approved. It is sent in the next minute if the service runs.",
    "changed": "Nothing was sent: the draft is not the one you saw any more. Look at it again.",
    "missing": "Nothing was sent: something is missing in the draft.",
    "nameless": "Nothing was sent: give your name.",
}
STATES: Final = {
    "draft": "draft, waits for a person",
    "approved": "approved, waits to be sent",
    "uploaded": "spectrum uploaded",
    "unknown": "sent, the answer is lost: being looked for",
    "submitted": "sent, not judged yet",
    "accepted": "accepted",
    "partial": "accepted in part",
    "duplicate": "the TNS had it already",
    "rejected": "rejected",
}
_log = structlog.get_logger("astranet.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A report as the pages show it."""

    report: TnsReport
    draft: Draft

    @property
    def state(self) -> str:
        """Where it is, in words."""
        return STATES[self.report.state]

    @property
    def remarks(self) -> str:
        """As they stand in the report, or will."""
        return self.draft.remarks(self.report.reviewer or "NAME")

    @property
    def head(self) -> str:
        """The header of the file, and its first pixels."""
        return "\n".join(self.draft.ascii.splitlines()[:13])

    @property
    def picture(self) -> Markup:
        """The spectrum that is sent, read from the file that is sent."""
        columns = np.loadtxt(io.StringIO(self.draft.ascii), usecols=(0, 1), ndmin=2)
        spectrum = Spectrum(spectrum_id=self.draft.spectrum_id, wavelength_A=columns[:, 0], flux=columns[:, 1])
        alt = f"Spectrum of {self.draft.name}, taken {self.draft.observed_at or 'at an unknown time'}"
        return draw(spectrum.wavelength_A, spectrum.flux, label=self.draft.label, redshift=self.draft.redshift, alt=alt)

    @property
    def can_be_sent(self) -> bool:
        """Whether there is a button."""
        return self.report.state == "draft" and not self.draft.missing


def are_shown(parts: WebParts) -> bool:
    """Whether there are such pages: where drafts are asked for, or there are any."""
    if parts.settings.tns_report_purity is not None:
        return True
    with parts.store.begin(to_read=True) as unit:
        return bool(unit.tns_reports.every(parts.settings.tns_report_url))


def list_of(parts: WebParts) -> Endpoint:
    """Every report."""

    def reports(request: Request) -> Response:
        with parts.store.begin(to_read=True) as unit:
            found = unit.tns_reports.every(parts.settings.tns_report_url)
        return page(request, "tns_reports.html", views=[_view(one) for one in found], **_place(parts))

    return reports


def page_of(parts: WebParts) -> Endpoint:
    """One report."""

    def one(request: Request) -> Response:
        name = request.path_params["name"][:255]
        with parts.store.begin(to_read=True) as unit:
            found = unit.tns_reports.of(parts.settings.tns_report_url, name)
        if found is None:
            return page(request, "unknown.html", 404, name=name)
        said = SAID.get(request.query_params.get("said", ""))
        suggested = request.state.visitor.name or ""
        return page(request, "tns_report.html", view=_view(found), said=said, suggested=suggested, **_place(parts))

    return one


def send(parts: WebParts) -> Endpoint:
    """Approve a draft, exactly as it was shown, under the name of whoever did so."""
    settings = parts.settings

    def approve(request: Request) -> Response:
        form = form_of(request)
        target_id, reviewer = form.get("target", ""), " ".join(form.get("reviewer", "").split())[:LONGEST_NAME]
        try:
            drafted_at = datetime.fromisoformat(form.get("drafted_at", ""))
        except ValueError:
            return refusal(400, "Ask about a draft.")
        with parts.store.begin() as unit:
            found = unit.tns_reports.of(settings.tns_report_url, target_id)
            if found is None:
                return refusal(404, "There is no such report.")
            said = "nameless" if not reviewer else "missing" if _view(found).draft.missing else "approved"
            if said == "approved" and not unit.tns_reports.approve(
                settings.tns_report_url, target_id, reviewer, drafted_at, parts.clock()
            ):
                said = "changed"
            every = unit.tns_reports.every(settings.tns_report_url)
        if said == "approved":
            _log.info("approved on a page: report to the TNS", source=target_id, by=reviewer)
            write_files(settings.output_dir, every)
        return RedirectResponse(f"/reports/{quote(target_id, safe='')}?said={said}", 303)

    return approve


def _view(report: TnsReport) -> View:
    return View(report=report, draft=Draft.from_dict(report.draft))


def _place(parts: WebParts) -> dict[str, Any]:
    """Where reports go, and what keeps them here."""
    settings = parts.settings
    return {
        "server": urlsplit(settings.tns_report_url).netloc,
        "is_production": settings.tns_report_url == PRODUCTION,
        "is_dry": settings.dry_run,
        "has_key": settings.tns_api_key is not None,
        "purity": settings.tns_report_purity,
    }
