"""The source filters that the documents give, typed into the embedded marshal after the service has answered."""

import re
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from plugin.sandbox import Sandbox
from tests.fakes.marshal import WAVES, good
from tests.fakes.needle_service import open_service

ROOT = Path(__file__).parents[2]
NAME = "ZTF26aaaaaa0"
DOCUMENTS = ("docs/reading.md", "docs/decisions/002-fixed-origins.md")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    """Seven spectra of one source, the latest of them a TDE to the fake; and a light curve for NEEDLE."""
    with Sandbox() as running:
        running.add_source(NAME)
        for _ in range(7):
            running.add_spectrum(NAME, wavelengths=WAVES, fluxes=good("1", "x").fluxes)
        for n in range(9):
            running.add_photometry(NAME, mjd=61000.0 + n, mag=18.5, magerr=0.05)
        with open_service(running.url, running.token, tmp_path_factory.mktemp("filters")) as app:
            app.once()
        yield running


def filters() -> list[str]:
    found = [
        text for name in DOCUMENTS for text in re.findall(r"`(annotationsFilter[^`]*)`", (ROOT / name).read_text())
    ]
    assert len(found) >= 2
    return found


def matches(sandbox: Sandbox, **params: str) -> int:
    headers = {"Authorization": f"token {sandbox.token}"}
    answer = httpx.get(f"{sandbox.url}/api/sources", params=params, headers=headers)
    return int(answer.json()["data"]["totalMatches"])


@pytest.mark.parametrize("text", filters())
def test_every_filter_in_the_documents_finds_the_source(sandbox, text):
    assert matches(sandbox, **{key: values[-1] for key, values in parse_qs(text).items()}) == 1


def test_the_origin_as_it_is_written_finds_nothing(sandbox):
    assert {a["origin"] for a in sandbox.annotations()} == {"ASTRANet", "NEEDLE"}
    assert [matches(sandbox, annotationsFilterOrigin=origin) for origin in ("ASTRANet", "NEEDLE")] == [0, 0]
    assert [matches(sandbox, annotationsFilterOrigin=origin) for origin in ("astranet", "needle")] == [1, 1]


def test_a_source_that_no_broker_knows_is_answered_from_the_marshals_photometry(sandbox):
    (found,) = [a["data"] for a in sandbox.annotations() if a["origin"] == "NEEDLE"]
    assert (found["status"], found["n_g"]) == ("ok", 9)
