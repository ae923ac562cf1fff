"""What is on this machine: settings, model, database, folders."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from models.cards import BundleError
from models.conformal.domains import PARTIAL_DOMAINS
from plugin.ops.check import Check
from plugin.parts import make_analyst, make_joiner
from plugin.settings import PREFIX, ConfigError, Settings
from plugin.sources.clear_text import sent_in_clear
from plugin.store import StoreError, schema_of
from plugin.store.engine import make_engine, parse_url, sqlite_file


def here(settings: Settings) -> Iterator[Check]:
    """Every check that asks nobody outside."""
    yield Check(name="settings", ok=True, found=_mode(settings))
    yield from _clear_text(settings)
    yield from _bundle(settings)
    yield _database(settings)
    yield _output(settings)


def _clear_text(settings: Settings) -> Iterator[Check]:
    remedy = f"use https; if the network is your own, name the host in {PREFIX}CLEAR_TEXT_HOSTS"
    for found in sent_in_clear(settings):
        yield Check(name="encryption", ok=False, found=found, remedy=remedy)


def _mode(settings: Settings) -> str:
    return "dry run: nothing will be sent" if settings.dry_run else "live: answers will be sent"


def _bundle(settings: Settings) -> Iterator[Check]:
    try:
        analyst = make_analyst(settings)
    except BundleError as error:
        remedy = f"fetch the bundle again, or leave {PREFIX}BUNDLE empty for the one that is shipped"
        yield Check(name="bundle", ok=False, found=str(error), remedy=remedy)
        return
    except ConfigError as error:
        yield Check(name="bundle", ok=False, found=str(error), remedy=f"choose {PREFIX}SETS=lac, or another bundle")
        return
    yield Check(name="bundle", ok=True, found=f"{analyst.bundle_id}; {false_alarms(settings, analyst)}")
    yield from _joined(settings, analyst.bundle_id)


def _joined(settings: Settings, bundle_id: str) -> Iterator[Check]:
    """Whether the answers of this bundle can be joined with what is known of their sources; nothing where they are."""
    try:
        joiner = make_joiner(settings)
    except BundleError as error:
        remedy = f"leave {PREFIX}JOINED_FOLDER empty for the one that is shipped"
        yield Check(name="joined answer", ok=False, found=str(error), remedy=remedy)
        return
    if joiner is not None and joiner.card["bundle"] != bundle_id:
        found = f"none: what joins a spectrum and its source was fitted to {joiner.card['bundle']}"
        remedy = f"run `astranet train joined` for this bundle and set {PREFIX}JOINED_FOLDER, or {PREFIX}JOINED=off"
        yield Check(name="joined answer", ok=False, found=found, remedy=remedy)


def false_alarms(settings: Settings, analyst: object) -> str:
    """What a usual night will bring if all its spectra are ordinary: flags, alerts, commitments, for each domain."""
    expected = getattr(analyst, "expected", None)
    if not expected:
        return "no anomaly layer"
    per_night = settings.spectra_per_night
    nights = "; ".join(
        f"{domain}: {rates[settings.regime] * per_night:.1f} flagged falsely ({100 * rates[settings.regime]:.1f} %), "
        f"{rates['ALERT'] * per_night:.1f} ALERT, {rates['COMMIT'] * per_night:.1f} COMMIT"
        for domain, rates in expected.items()
        if domain not in PARTIAL_DOMAINS
    )
    return f"of {per_night:g} ordinary spectra a night (regime {settings.regime}) {nights}"


def _database(settings: Settings) -> Check:
    remedy = f"check {PREFIX}DATABASE_URL and that this user may write there"
    try:
        url = parse_url(settings.database_url)
        file = sqlite_file(url)
        if file is not None and not file.exists():
            return _folder("database", file.parent, f"will be made at {file}", remedy)
        current, head = schema_of(settings.database_url)
        _take_write_lock(url)
    except StoreError as error:
        return Check(name="database", ok=False, found=str(error), remedy=remedy)
    except DBAPIError as error:
        return Check(name="database", ok=False, found=str(error.orig), remedy=remedy)
    if current not in (None, head):
        old = f"schema {current}, this program needs {head}"
        return Check(name="database", ok=False, found=old, remedy="run `astranet db upgrade`")
    return Check(name="database", ok=True, found=f"{url.get_backend_name()}, schema {current or 'not made yet'}")


def _take_write_lock(url: URL) -> None:
    engine = make_engine(url)
    try:
        with engine.begin():  # SQLite locks the file for writing here
            pass
    finally:
        engine.dispose()


def _output(settings: Settings) -> Check:
    remedy = f"set {PREFIX}OUTPUT_DIR to a folder this user may write to"
    return _folder("output folder", settings.output_dir, str(settings.output_dir), remedy)


def _folder(name: str, path: Path, found: str, remedy: str) -> Check:
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        return Check(name=name, ok=False, found=f"cannot write to {path}: {error.strerror}", remedy=remedy)
    return Check(name=name, ok=True, found=found)
