"""Documents that were made elsewhere: the drafts of the nights' notes, and the report card. Shown in a frame without
script, forms or origin.
"""

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from plugin.notes.night import Night
from plugin.web.access import refusal
from plugin.web.rendering import page
from plugin.web.security import SANDBOXED

DRAFT: Final = "astronote.html"
CARD: Final = Path("report-card") / "index.html"


class Notes:
    """The drafts in a folder.

    Parameters
    ----------
    output_dir : Path
        Of the service.
    """

    def __init__(self, output_dir: Path) -> None:
        self._folder = output_dir / "notes"

    def one(self, request: Request) -> Response:
        """One draft, in a frame."""
        night = self._night(request)
        if night is None:
            return page(request, "unknown.html", 404, name=request.path_params["night"])
        files = sorted(p.name for p in (self._folder / str(night)).iterdir() if p.is_file())
        return page(
            request, "document.html", title=f"AstroNote draft of {night}", frame=f"/notes/{night}/draft", files=files
        )

    def draft(self, request: Request) -> Response:
        """The draft itself."""
        night = self._night(request)
        return refusal(404, "There is no such draft.") if night is None else _document(self._path(night))

    def nights(self) -> list[Night]:
        """Every night with a draft, the newest first."""
        if not self._folder.is_dir():
            return []
        found = (_parsed(path.name) for path in self._folder.iterdir())
        return sorted((n for n in found if n is not None and self._path(n).is_file()), reverse=True)

    def _night(self, request: Request) -> Night | None:
        night = _parsed(request.path_params["night"])
        return night if night is not None and self._path(night).is_file() else None

    def _path(self, night: Night) -> Path:
        return self._folder / str(night) / DRAFT


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


def _parsed(text: str) -> Night | None:
    try:
        return Night.parse(text)
    except ValueError:
        return None
