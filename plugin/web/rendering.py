"""Pages from templates, with what stands on each of them: navigation, who is logged in, the token of its forms."""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse

from plugin.ops.templates import html_templates
from plugin.web.look import percent, slug

HERE: Final = Path(__file__).parent
STATIC_FOLDER: Final = HERE / "static"


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Draw a page. Everything in `values` is escaped; a name that came from elsewhere goes into an address as
    `{{ name | quoted }}`.
    """
    access, visitor = request.app.state.access, request.state.visitor
    text = (
        environment()
        .get_template(template)
        .render(
            links=[link for link in request.app.state.links if link.shown()],
            here=request.url.path,
            visitor=visitor,
            can_log_in=access.token is not None,
            csrf=access.sessions.csrf(visitor.session) if visitor.session else None,
            **values,
        )
    )
    return HTMLResponse(text, status)


@cache
def environment() -> Environment:
    """The templates."""
    made = html_templates(HERE / "templates")
    made.filters["quoted"] = lambda text: quote(str(text), safe="")
    made.globals.update(static=_static, slug=slug, percent=percent)
    return made


@cache
def _static(name: str) -> str:
    """The address of a file of ours; another one whenever the file changes, so that browsers may keep it."""
    digest = sha256((STATIC_FOLDER / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"
