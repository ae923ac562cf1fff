"""The whole service against the embedded marshal, over HTTP: what hangs there afterwards, and after what trouble."""

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iris_client.http.pacer import Pacer
from iris_client.marshal.skyportal import SkyPortal
from plugin.app import App, build
from plugin.clock import utc_now
from plugin.sandbox import Fault, FaultKind, FaultPlan, Sandbox
from plugin.settings import Settings
from plugin.store import ASTRANET
from tests.fakes import crash_driver
from tests.fakes.analyst import FakeAnalyst
from tests.fakes.marshal import WAVES, good

GOOD = good("1", "x").fluxes
N_SOURCES = 6


def fill(sandbox: Sandbox, n_sources: int = N_SOURCES) -> None:
    """Sources with one to three good spectra, every third of which has a bad one as well."""
    for n in range(n_sources):
        name = sandbox.add_source(f"ZTF26{n:03d}")
        for k in range(1 + n % 3):
            when = f"2026-06-0{1 + k}T05:00:00"
            fluxes = [f * (1 + 0.01 * (n + k)) + 1e-18 * np.sin(i + n) for i, f in enumerate(GOOD)]
            sandbox.add_spectrum(name, wavelengths=WAVES, fluxes=fluxes, observed_at=when)
        if n % 3 == 0:
            sandbox.add_spectrum(name, wavelengths=WAVES[:50], fluxes=GOOD[:50])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        fill(running)
        yield running


class Later:
    """The real time, and as much more as a test asks for."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> Any:
        return utc_now() + self.ahead


def settings(url: str, token: str, folder: Path, **values: Any) -> Settings:
    given = {
        "marshal_url": url,
        "marshal_token": token,
        "group_ids": (6,),
        "database_url": f"sqlite:///{folder / 'astranet.sqlite'}",
        "output_dir": folder / "output",
        "dry_run": False,
        "requests_per_second": 1e4,
        "batch_size": 4,
    }
    return Settings(**{**given, **values})


def open_app(
    sandbox: Sandbox, folder: Path, clock: Callable[[], Any] = utc_now, *, shipped: bool = False, **values: Any
) -> App:
    """The service as it is, without waits; with the shipped models or a fake in their place."""
    client = SkyPortal(
        sandbox.url,
        sandbox.token,
        timeout_s=5.0,
        pacer=Pacer(1e4, 1000, sleep=lambda _seconds: None),
        sleep=lambda _seconds: None,
    )
    chosen = settings(sandbox.url, sandbox.token, folder, **values)
    return build(chosen, marshal=client, analyst=None if shipped else FakeAnalyst(), clock=clock)


def posted(sandbox: Sandbox) -> dict[tuple[str, str], dict[str, Any]]:
    """What hangs where; fails when something hangs twice."""
    found = sandbox.annotations()
    places = Counter((a["kind"], a["place"]) for a in found)
    assert set(places.values()) <= {1}
    assert all(a["origin"] == "ASTRANet" and a["author"] == "sandbox-bot" for a in found)
    return {(a["kind"], a["place"]): {**a["data"], "groups": a["group_ids"]} for a in found}


@pytest.fixture
def undisturbed(tmp_path) -> dict[tuple[str, str], dict[str, Any]]:
    """What one good cycle leaves."""
    folder = tmp_path / "undisturbed"
    folder.mkdir()
    with Sandbox() as sandbox:
        fill(sandbox)
        with open_app(sandbox, folder) as app:
            assert app.once().complete
        return posted(sandbox)


def test_first_run_posts_everything_and_the_second_writes_nothing(sandbox, tmp_path):
    with open_app(sandbox, tmp_path) as app:
        first = app.once()
        assert (first.analysed["ok"], first.analysed["refused"]) == (12, 2)
        kinds = Counter(kind for kind, _ in posted(sandbox))
        assert kinds == {"spectrum": 12, "source": 6}
        sandbox.forget_requests()
        assert app.once().found == 0
        assert sandbox.writes() == []


def test_a_new_process_writes_nothing_either(sandbox, tmp_path):
    with open_app(sandbox, tmp_path) as app:
        app.once()
    sandbox.forget_requests()
    with open_app(sandbox, tmp_path) as app:
        app.once()
    assert sandbox.writes() == []


def test_a_lost_database_writes_nothing_either(sandbox, tmp_path):
    with open_app(sandbox, tmp_path) as app:
        app.once()
    before = sandbox.annotations()
    sandbox.forget_requests()
    with open_app(sandbox, tmp_path, database_url=f"sqlite:///{tmp_path / 'new.sqlite'}") as app:
        assert app.once().delivered == {"same": 18}  # looked at each, and found it right
    assert {(one.method, one.status) for one in sandbox.writes()} == {("POST", 400)}, "there is one already, it says"
    assert sandbox.annotations() == before


def test_dry_run_writes_nothing(sandbox, tmp_path):
    with open_app(sandbox, tmp_path, dry_run=True) as app:
        assert app.once().delivered["dry"] == 18
    assert sandbox.writes() == []


def test_edits_deletions_and_late_sharing(sandbox, tmp_path):
    later = Later()
    with open_app(sandbox, tmp_path, later, overlap_seconds=0) as app:
        app.once()
        only = next(p for k, p in posted(sandbox) if k == "spectrum" and posted(sandbox)[k, p]["class"] == "SN Ia")
        sandbox.edit_spectrum(int(only), fluxes=[0.0] * len(GOOD))
        app.once()
        assert ("spectrum", only) not in posted(sandbox)
        hidden = sandbox.add_spectrum(
            "ZTF26001", wavelengths=WAVES, fluxes=GOOD, group_ids=[7], observed_at="2026-06-09"
        )
        app.once()
        sandbox.share_spectrum(hidden, [6])
        deleted = max(int(p) for k, p in posted(sandbox) if k == "spectrum")
        sandbox.delete_spectrum(deleted)
        later.ahead = timedelta(hours=13)
        cycle = app.once()
        assert (cycle.analysed["ok"], cycle.analysed["gone"]) == (1, 1)
        assert posted(sandbox)["source", "ZTF26001"]["an_spectrum_id"] == str(hidden)


BAD: dict[str, tuple[Any, Any]] = {
    "empty": ([], []),
    "one point": ([5000.0], [1.0]),
    "NaN": (WAVES, [float("nan")] * 400),
    "infinity": (WAVES, [float("inf")] * 400),
    "nulls": (WAVES, [None] * 400),
    "unequal lengths": (WAVES, GOOD[:399]),
    "nanometres": (WAVES / 10, GOOD),
    "flat": (WAVES, [1.0] * 400),
    "negative": (WAVES, [-f for f in GOOD]),
    "huge": (WAVES, [f * 1e80 for f in GOOD]),
    "zeros": (WAVES, [0.0] * 400),
    "30 % coverage": (3850 + (WAVES - 3800) * 0.3, GOOD),
    "strings": (WAVES, ["a"] * 400),
    "nested": (WAVES, [[1.0]] * 400),
    "wavelengths in the infrared": (WAVES + 10_000, GOOD),
    "wavelengths of strings": (["x"] * 400, GOOD),
    "no wavelengths": ([], GOOD),
    "no flux": (WAVES, []),
    "negative wavelengths": (-WAVES, GOOD),
    "one wavelength 400 times": ([5000.0] * 400, GOOD),
}


def test_bad_spectra_are_refused_with_a_reason_and_the_cycle_goes_on(tmp_path):
    with Sandbox() as sandbox:
        names = {}
        sandbox.add_source("ZTF26bad")
        for kind, (wavelengths, fluxes) in BAD.items():
            names[str(sandbox.add_spectrum("ZTF26bad", wavelengths=wavelengths, fluxes=fluxes))] = kind
        for kind, more in {"host": {"kind": "host"}, "odd unit": {"units": "bananas"}}.items():
            names[str(sandbox.add_spectrum("ZTF26bad", wavelengths=WAVES, fluxes=GOOD, **more))] = kind
        last = sandbox.add_spectrum("ZTF26bad", wavelengths=WAVES, fluxes=GOOD)
        with open_app(sandbox, tmp_path) as app:
            cycle = app.once()
            with app.store.begin() as unit:
                reasons = {names[f.subject.id]: f.report.reason for f in unit.reports.refused(ASTRANET)}
        assert set(reasons) == set(names.values())
        assert all(reason and len(reason) > 10 for reason in reasons.values())
        assert cycle.analysed == {"refused": len(names), "ok": 1}
        assert set(posted(sandbox)) == {("spectrum", str(last)), ("source", "ZTF26bad")}


def test_trouble_of_every_kind_ends_in_the_same_state(sandbox, tmp_path, undisturbed):
    later = Later()
    kinds = (FaultKind.RESET, FaultKind.RATE_LIMIT, FaultKind.BAD_GATEWAY, FaultKind.TRUNCATED, FaultKind.SHORT_BODY,
             FaultKind.HTML, FaultKind.WRONG_TYPES, FaultKind.SERVER_ERROR, FaultKind.NAN)  # fmt: skip
    sandbox.faults = FaultPlan(rates=dict.fromkeys(kinds, 0.04), seed=5)
    with open_app(sandbox, tmp_path, later, sweep_hours=0) as app:
        for _ in range(20):
            cycle = app.once(retry_parked=True)
            later.ahead += timedelta(hours=2)
            with app.store.begin() as unit:
                if cycle.complete and not unit.outbox.count("pending"):
                    break
        assert posted(sandbox) == undisturbed
        sandbox.faults = None
        sandbox.forget_requests()
        app.once()
        assert sandbox.writes() == []


def test_time_out_after_the_server_did_its_work_leaves_one_annotation(sandbox, tmp_path, undisturbed):
    timed_out: list[str] = []

    def first_posts(seen: Any) -> Fault | None:
        if seen.method != "POST" or len(timed_out) == 3:
            return None
        timed_out.append(seen.path)
        return Fault(kind=FaultKind.RESET, after=True)

    sandbox.faults = first_posts
    with open_app(sandbox, tmp_path) as app:
        assert app.once().complete
    assert len(timed_out) == 3
    assert posted(sandbox) == undisturbed


def cycle_in_a_process(step: str, number: int, url: str, token: str, folder: Path) -> None:
    crash_driver.die_at(step, number)
    with build(settings(url, token, folder), analyst=FakeAnalyst()) as app:
        app.once()


STEPS = [
    ("plugin.cycle.analyse:Analysing._file", 3),
    ("iris_client.marshal.annotations:Annotations._add", 4),  # about to post
    ("plugin.store.outbox:Outbox.sent", 7),  # posted, not written down
]


@pytest.mark.parametrize(("step", "number"), STEPS)
def test_kill_against_a_real_server(step, number, sandbox, tmp_path, undisturbed):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([crash_driver.__name__])
    process = context.Process(target=cycle_in_a_process, args=(step, number, sandbox.url, sandbox.token, tmp_path))
    process.start()
    process.join(timeout=60)
    assert process.exitcode == -signal.SIGKILL
    with open_app(sandbox, tmp_path) as app:
        assert app.once().complete
    assert posted(sandbox) == undisturbed
    sandbox.forget_requests()
    with open_app(sandbox, tmp_path) as app:
        app.once()
    assert sandbox.writes() == []


@pytest.mark.skipif("ASTRANET_DATA_DIR" not in os.environ, reason="needs ASTRANET_DATA_DIR with real spectra")
def test_three_hundred_real_spectra(tmp_path):
    pool = Path(os.environ["ASTRANET_DATA_DIR"]) / "spectra" / "spectra_pool.parquet"
    with Sandbox.from_parquet(pool, limit=300) as sandbox:
        with open_app(sandbox, tmp_path, shipped=True, batch_size=64) as app:
            cycle = app.once()
            with app.store.begin() as unit:
                filed = unit.reports.every(ASTRANET)
        accepted = [f for f in filed if f.report.verdict is not None]
        assert (len(filed), cycle.complete) == (300, True)
        assert 200 < len(accepted) <= 300
        expected = {("spectrum", f.subject.id) for f in accepted} | {("source", f.target_id) for f in accepted}
        assert set(posted(sandbox)) == expected
        sandbox.forget_requests()
        with open_app(sandbox, tmp_path, shipped=True) as app:
            app.once()
        assert sandbox.writes() == []
