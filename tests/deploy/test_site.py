"""The documentation as a site: built without network, with no link that leads nowhere, and nothing from other hosts."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from plugin.ops.reference import commands_page, sections
from plugin.settings import Settings

ROOT = Path(__file__).parents[2]


class Links(HTMLParser):
    """What a page refers to, what it loads, and where it can be pointed at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.refers: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.places |= {given[k] for k in ("id", "name") if given.get(k)}
        if tag == "a" and given.get("href"):
            self.refers.append(given["href"])
        if given.get("src"):
            self.loads.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload", "preconnect"):
            self.loads.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)}
    # Nothing on this machine answers at port 9: who asks a proxy there gets an error, which strict building reports.
    env |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    command = [sys.executable, "-m", "mkdocs", "build", "--config-file", str(ROOT / "deploy" / "site" / "mkdocs.yml")]
    done = subprocess.run([*command, "--site-dir", str(folder)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Links]:
    return {path: Links(path.read_text()) for path in site.rglob("*.html")}


def test_every_document_is_a_page(site):
    documents = (p.relative_to(ROOT / "docs") for p in (ROOT / "docs").rglob("*.md"))
    assert all((site / p).with_suffix(".html").is_file() for p in documents)
    assert all((site / f"{name}.html").is_file() for name in ("index", "settings", "commands", "changelog"))


def test_no_link_is_dead(pages):
    dead = []
    for path, links in pages.items():
        for link in [*links.refers, *links.loads]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or path.name == "404.html":
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            file = file / "index.html" if file.is_dir() else file
            known = pages[file].places if file in pages else set()
            if not file.is_file() or (parts.fragment and file in pages and unquote(parts.fragment) not in known):
                dead.append(f"{path.name}: {link}")
    assert dead == []


def test_nothing_is_loaded_from_elsewhere(pages, site):
    assert [link for links in pages.values() for link in links.loads if urlsplit(link).netloc] == []
    styles = "".join(p.read_text() for p in site.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^)\"']*", styles) == []


def test_every_setting_stands_under_one_heading():
    found = [name for _, names in sections() for name in names]
    assert sorted(found) == sorted(Settings.model_fields)
    assert all(heading for heading, _ in sections())


def test_every_command_of_the_service_is_described(site):
    text = commands_page()
    for name in ("doctor", "once", "run", "show", "db downgrade", "bundle show"):
        assert re.search(rf"^#+ astranet {name}$", text, re.M), name
    assert "ASTRANET_MARSHAL_URL" in (site / "settings.html").read_text()
