"""Documents that were made elsewhere: the drafts of notes, and the report card. Shown in a frame without
script, forms or origin.
"""

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from plugin.notes.files import drafted, folder_of
from plugin.notes.period import Period
from plugin.notes.render import HTML_NAME
from plugin.web.access import refusal
from plugin.web.rendering import page
from plugin.web.security import SANDBOXED

CARD: Final = Path("report-card") / "index.html"


class Notes:
    """The drafts in a folder.

    Parameters
    ----------
    output_dir : Path
        Of the service.
    """

    def __init__(self, output_dir: Path) -> None:
        self._output_dir = output_dir

    def one(self, request: Request) -> Response:
        """One draft, in a frame."""
        found = self._found(request)
        if found is None:
            return page(request, "unknown.html", 404, name="note")
        period, kind = found
        files = sorted(p.name for p in folder_of(period, kind, output_dir=self._output_dir).iterdir() if p.is_file())
        title = f"AstroNote draft: {kind}, {period.nights}"
        return page(request, "document.html", title=title, frame=f"/note-files/{period}/{kind}/draft", files=files)

    def draft(self, request: Request) -> Response:
        """The draft itself."""
        found = self._found(request)
        if found is None:
            return refusal(404, "There is no such draft.")
        return _document(folder_of(*found, output_dir=self._output_dir) / HTML_NAME)

    def _found(self, request: Request) -> tuple[Period, str] | None:
        """The draft that the address names: one of those that are there, so that no address leads elsewhere."""
        wanted = (request.path_params["period"], request.path_params["kind"])
        return next((one for one in drafted(self._output_dir) if (str(one[0]), one[1]) == wanted), None)


class ReportCard:
    """The report card, where something has written one.

    Parameters
    ----------
    output_dir : Path
        Of the service; the card is its `report-card/index.html`.
    """

    def __init__(self, output_dir: Path) -> None:
        self._path = output_dir / CARD

    def is_there(self) -> bool:
        """Whether there is one."""
        return self._path.is_file()

    def page(self, request: Request) -> Response:
        """The card, in a frame."""
        if not self.is_there():
            return page(request, "unknown.html", 404, name="report card")
        return page(request, "document.html", title="Report card", frame="/report-card/document", files=[])

    def document(self, _: Request) -> Response:
        """The card itself."""
        return _document(self._path) if self.is_there() else refusal(404, "There is no report card.")


def _document(path: Path) -> Response:
    text = path.read_text(encoding="utf-8", errors="replace")
    return HTMLResponse(text, headers={"content-security-policy": SANDBOXED})
