"""What the documents say exists: commands, settings, files, links, keys."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer.main

from plugin.cli import app
from plugin.settings import Settings

ROOT = Path(__file__).parents[2]
ABOVE = ("README.md", "CONTRIBUTING.md", "deploy/skyportal/README.md")
DOCUMENTS = [*(ROOT / name for name in ABOVE), *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = typer.main.get_command(app).commands


@pytest.fixture(params=DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def document(request):
    return request.param


def test_commands_exist(document):
    for name, sub in re.findall(r"(?:`|bin/)astranet ([a-z][a-z-]+)(?: ([a-z][a-z-]*)\b)?", document.read_text()):
        assert name in COMMANDS, f"astranet {name}"
        subcommands = getattr(COMMANDS[name], "commands", None)
        assert subcommands is None or not sub or sub in subcommands, f"astranet {name} {sub}"


def test_options_exist(document):
    for name, rest in re.findall(r"(?:`|bin/)astranet ([a-z][a-z-]+)([^`\n]*)", document.read_text()):
        command = COMMANDS[name]
        for word in rest.split():
            if (sub := getattr(command, "commands", {}).get(word)) is None:
                break
            command = sub
        known = {o for p in command.params for o in p.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, f"astranet {name}{rest}"


def test_settings_exist(document):
    for name in re.findall(r"ASTRANET_[A-Z_]+[A-Z]", document.read_text()):
        assert name in Settings.variables() or name.startswith("ASTRANET_DRYRUN")


def test_links_and_paths_exist(document):
    text = document.read_text()
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (document.parent / link).exists(), link
    for path in re.findall(r"`((?:plugin|iris_client|models|deploy|docs|tests)/[\w./-]+)`", text):
        # What the admin makes, and what is ignored because it holds secrets.
        assert (ROOT / path).exists() or path == "deploy/astranet.env", path


def table_of_keys(part: int) -> set[str]:
    """The keys in the documents' table of ASTRANet's annotation (0) or of NEEDLE's (1)."""
    text = (ROOT / "docs" / "reading.md").read_text().partition("with the origin `NEEDLE`")[2 * part]
    rows = re.findall(r"^\| (`.*?) \|", text.partition("Where both have answered")[0], re.M)
    return set(re.findall(r"`(\w+)`", "".join(rows)))


def test_the_key_table_of_needle_is_what_is_posted():
    from models.domain import HostVerdict, Report, Status
    from plugin.clock import utc_now
    from plugin.cycle.objects.compose import answer
    from plugin.store import NEEDLE, Filed, object_of

    each = {"SN": 0.8, "SLSN-I": 0.1, "TDE": 0.1}
    sets = {"0.05": ("SN",)}
    verdict = HostVerdict(label="SN", probabilities=each, model="m", prediction_sets=sets, p_mondrian=0.5)
    report = Report(target_id="t", spectrum_id=None, status=Status.OK, host_verdict=verdict, bundle="m")
    facts = {"n_g": 1, "n_r": 1, "phase": 0.5, "host_sep": 1.0, "quality": 0.9, "restored": 0}
    facts |= {"host_from": "Sherlock, NED", "host_z": 0.1, "host_z_kind": "photometric", "host_dlr": 0.5}
    facts |= {"galaxy_sep": 1.0, "galaxy_chance": 0.01, "star_sep": 0.5, "star_score": 0.9}
    facts |= {"image_class": "SN", "image_sn": 0.8, "image_slsn": 0.1, "image_tde": 0.1, "image_model": "h"}
    about = {"subject": object_of("t"), "producer": NEEDLE, "target_id": "t", "version": "1"}
    filed = Filed(**about, report=report, facts=facts, filed_at=utc_now())
    assert table_of_keys(1) == set(answer(filed, 0.05)) | {"reason"}


def test_the_key_table_is_what_is_posted():
    from models.analyst import Analyst
    from models.bundle import load
    from models.domain import Evidence, Spectrum, Target
    from plugin.cycle.spectra.compose import answer
    from plugin.cycle.spectra.matched import matched
    from tests.plugin.cycle.spectra.test_matched import everything_matched

    wavelength = np.arange(3700.0, 9300.0, 8.0)
    spectrum = Spectrum(spectrum_id="1", wavelength_A=wavelength, flux=2 + np.sin(wavelength / 150))
    report = Analyst(load()).run(Evidence(target=Target(target_id="t"), spectrum=spectrum))
    named = table_of_keys(0)
    # What matches say is left out where nothing can be believed, as of this spectrum: an invented report says it all.
    posted = set(answer(report, 0.05)) | {"reason"} | set(matched(everything_matched(), 0.05))
    # So are strategy and sets, where they are the usual ones.
    verdict, confidence = report.verdict, report.confidence
    other = replace(verdict, strategy="tde_priority"), replace(confidence, method="aps")
    posted |= set(answer(replace(report, verdict=other[0], confidence=other[1]), 0.05))
    families = {k for k in posted if re.match(r"(p|in_set)_", k)}
    assert posted - families <= named
    assert {k for k in named if not re.match(r"(p|in_set)_", k)} - posted <= {"settings"}
    assert {"p_Ia", "p_TDE", "in_set_Ia", "in_set_TDE"} <= families & named
