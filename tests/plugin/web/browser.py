"""A real browser on the pages, that writes down whatever a page should not do."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright, Request, expect, sync_playwright

WIDTHS = {"wide": 1280, "phone": 390}
_PATIENCE_MS = 60_000
"""What is slow on a machine with other work is not wrong; five seconds, as the library has it, were too few."""

expect.set_options(timeout=_PATIENCE_MS)


def executable() -> str:
    """The browser of this machine; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium on this machine")
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a window."""
    path = executable()
    playwright: Playwright
    with sync_playwright() as playwright:
        # Containers give /dev/shm a few megabytes, and a page that fills them dies.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=path, args=arguments, timeout=_PATIENCE_MS)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """One page in a browser, and what went wrong on it."""

    page: Page
    url: str
    trouble: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(_PATIENCE_MS)
        self.page.on("console", lambda message: self.trouble.append(f"console {message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.trouble.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("request", self._request)

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:")):
            self.trouble.append(f"request to {request.url}")

    def goto(self, path: str) -> Page:
        """Open a page of ours."""
        self.page.goto(self.url + path)
        return self.page

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        self.page.wait_for_load_state()
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def grave(self) -> list[str]:
        """What axe finds serious or critical, once the page has its style: words are there before."""
        self.page.wait_for_load_state()
        found: Any = Axe().run(self.page)
        return [
            f"{v['id']}: {v['help']}: {[n['html'][:120] for n in v['nodes'][:3]]}"
            for v in found["violations"]
            if v["impact"] in ("serious", "critical")
        ]


@contextmanager
def visiting(browser: Browser, url: str, *, width: int = 1280, scheme: str = "light", **more: Any) -> Iterator[Visitor]:
    """A fresh visitor, with cookies of their own."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **more)
    try:
        yield Visitor(page=context.new_page(), url=url)
    finally:
        context.close()
