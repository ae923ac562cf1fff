"""From the sandbox to a set: over REST and over GraphQL the same bytes; an interrupted fetch goes on."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import plugin
from iris_client.errors import BadPayload, NotFound, Unavailable
from iris_client.http.pacer import Pacer
from iris_client.marshal.graphql import GraphQLSpectra
from iris_client.marshal.graphql_fields import FieldMap
from iris_client.marshal.skyportal import SkyPortal
from iris_client.protocols import TransientName
from iris_client.quality.control import QualityRules
from models.domain import HumanLabel, LightCurve, Target
from plugin.cli import app
from plugin.lab.dataset.assemble import assemble
from plugin.lab.dataset.cache import SpectrumCache
from plugin.lab.dataset.fetch import fetch, label_of, read_cache
from plugin.lab.dataset.source import open_source
from plugin.lab.dataset.write import write
from plugin.sandbox import FaultKind, FaultPlan, Sandbox
from plugin.sandbox.load import HUMAN_CLASSES, load_simulated
from plugin.settings import Settings
from plugin.sources.combined import CombinedMarshal
from tests.fakes.marshal import FakeMarshal, bad, good

GRAPHQL = Path(plugin.__file__).parent / "sources" / "graphql"
RATES = {
    FaultKind.TIMEOUT: 0.01,
    FaultKind.RESET: 0.05,
    FaultKind.RATE_LIMIT: 0.05,
    FaultKind.SERVER_ERROR: 0.05,
    FaultKind.BAD_GATEWAY: 0.02,
    FaultKind.TRUNCATED: 0.04,
    FaultKind.SHORT_BODY: 0.02,
    FaultKind.HTML: 0.03,
    FaultKind.WRONG_TYPES: 0.03,
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox(graphql=True)
    load_simulated(made, n_sources=24, seed=3)
    for number, label in made.truths.items():
        source = made.state.spectra[int(number)].obj_id
        if label in HUMAN_CLASSES:
            made.add_classification(source, HUMAN_CLASSES[label])
    first = next(iter(made.state.spectra.values()))
    made.add_spectrum(first.obj_id, wavelengths=first.wavelengths, fluxes=[3.5 * f for f in first.fluxes], units=None)
    made.add_spectrum(first.obj_id, wavelengths=[4000.0, "x", None], fluxes=[1.0, 2.0, 3.0])
    with made:
        yield made


def variables(sandbox: Sandbox, **more: str) -> dict[str, str]:
    return {
        "ASTRANET_MARSHAL_URL": sandbox.url,
        "ASTRANET_MARSHAL_TOKEN": sandbox.token,
        "ASTRANET_GROUP_IDS": str(sandbox.group_id),
        "ASTRANET_REQUESTS_PER_SECOND": "1000",
        **more,
    }


def fetched(folder: Path, env: dict[str, str]) -> dict[str, int]:
    with open_source(Settings.load(env, env_file=None)) as (source, photometry, group_ids):
        return dict(fetch(source, photometry, folder, group_ids=group_ids))


def built(folder: Path, out: Path) -> dict[str, Any]:
    return write(assemble(read_cache(folder), rules=QualityRules()), out)


def test_rest_and_graphql_give_the_same_manifest_byte_for_byte(sandbox, tmp_path):
    rest = variables(sandbox)
    graphql = variables(sandbox, ASTRANET_SPECTRUM_SOURCE="graphql", ASTRANET_GRAPHQL_URL=f"{sandbox.url}/graphql")
    assert fetched(tmp_path / "rest", rest) == fetched(tmp_path / "graphql", graphql)
    manifest = built(tmp_path / "rest", tmp_path / "a")
    built(tmp_path / "graphql", tmp_path / "b")
    for name in ("manifest.json", *manifest["files"]):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert manifest["rejected"]["duplicate"] == 1
    assert manifest["rejected"]["not_numbers"] == 1
    assert manifest["phases"] + len([r for r in read_cache(tmp_path / "rest") if r.phase_reason]) >= 24


def test_a_second_fetch_asks_for_nothing_that_is_there(sandbox, tmp_path):
    first = fetched(tmp_path, variables(sandbox))
    sandbox.forget_requests()
    assert fetched(tmp_path, variables(sandbox)) == {"there": first["fetched"]}
    assert len(sandbox.requests) == 1


def test_the_commands_end_to_end(sandbox, tmp_path, monkeypatch):
    for name, value in variables(sandbox).items():
        monkeypatch.setenv(name, value)
    run, cache, out = CliRunner(), tmp_path / "cache", tmp_path / "set"
    for command in (
        ["iris", "fetch", "-o", str(cache)],
        ["iris", "build", "--fetched", str(cache), "-o", str(out)],
        ["iris", "report", str(out)],
    ):
        result = run.invoke(app, command)
        assert result.exit_code == 0, result.output
        assert sandbox.token not in result.output
    assert (out / "report.html").stat().st_size > 5000


def test_commands_say_what_is_missing(tmp_path):
    result = CliRunner().invoke(app, ["iris", "report", str(tmp_path)])
    assert result.exit_code == 1
    assert "iris build" in result.output


def test_an_outage_costs_nothing_that_came_before(tmp_path):
    marshal = FakeMarshal()
    marshal.add(*(good(str(i), f"o{i // 2}") for i in range(20)))
    marshal.trouble = lambda method, place: Unavailable("away") if (method, place) == ("spectrum", "7") else None
    with pytest.raises(Unavailable):
        fetch(marshal, marshal, tmp_path, group_ids=[6])
    before = marshal.count("spectrum")
    marshal.trouble = lambda _method, _place: None
    assert fetch(marshal, marshal, tmp_path, group_ids=[6]).total() == 20
    assert marshal.count("spectrum") == before + 13 + (0 if before == 8 else 8 - before)
    assert [r.raw.spectrum_id for r in read_cache(tmp_path)] == [str(i) for i in range(20)]


def test_what_could_not_be_read_is_asked_for_again(tmp_path):
    """Half an answer in four tries out of four is rare, but a survey asks for ten thousand spectra."""
    marshal = FakeMarshal()
    marshal.add(*(good(str(i), f"o{i}") for i in range(3)))
    spoilt = {("spectrum", "0"), ("target", "o1")}
    marshal.trouble = lambda method, place: BadPayload("half an answer") if (method, place) in spoilt else None
    assert fetch(marshal, marshal, tmp_path, group_ids=[6]) == {"fetched": 2, "unreadable": 1}
    assert [bool(r.raw.trouble) for r in read_cache(tmp_path)] == [True, False, False]
    marshal.trouble = lambda *_: None
    assert fetch(marshal, marshal, tmp_path, group_ids=[6]) == {"fetched": 1, "there": 2}
    assert [bool(r.raw.trouble) for r in read_cache(tmp_path)] == [False] * 3
    assert SpectrumCache(tmp_path).objects == {"o0", "o1", "o2"}


def test_an_object_without_photometry_keeps_its_class(tmp_path):
    class Dark(FakeMarshal):
        def light_curve(self, target_id):
            raise NotFound("no photometry for you")

    marshal = Dark()
    marshal.add(good("1", "o1"))
    marshal.targets["o1"] = Target(target_id="o1", classifications=(HumanLabel("Ia", 0.9),))
    fetch(marshal, marshal, tmp_path, group_ids=[6])
    assert next(read_cache(tmp_path)).label.fine == "SN Ia"


def impatient(sandbox: Sandbox, kind: str) -> Any:
    """A client as the settings make it, but for the waiting."""
    options = {"pacer": Pacer(1e6, 1000), "sleep": lambda _: None, "timeout_s": 2.0}
    rest = SkyPortal(sandbox.url, sandbox.token, **options)
    if kind == "rest":
        return rest
    documents = (GRAPHQL / "spectra.graphql").read_text()
    fields = FieldMap.from_json((GRAPHQL / "fields.json").read_text())
    url = f"{sandbox.url}/graphql"
    return CombinedMarshal(GraphQLSpectra(url, sandbox.token, documents=documents, fields=fields, **options), rest)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rest", "graphql"])
def test_three_in_ten_calls_that_fail_change_nothing_in_the_end(sandbox, tmp_path, kind):
    """The same set, byte for byte, as from an undisturbed fetch; and nothing is in the cache twice."""
    marshal, groups = impatient(sandbox, kind), {"group_ids": [sandbox.group_id]}
    fetch(marshal, marshal, tmp_path / "calm", **groups)
    sandbox.faults = FaultPlan(rates=RATES, seed=11, delay_s=2.5)
    try:
        for _ in range(30):
            try:
                outcomes = fetch(marshal, marshal, tmp_path / "stormy", **groups)
            except (Unavailable, BadPayload):
                continue
            if "unreadable" not in outcomes and len(SpectrumCache(tmp_path / "stormy").objects) == len(
                sandbox.state.sources
            ):
                break
    finally:
        sandbox.faults = None
        marshal.close()
    manifest = built(tmp_path / "calm", tmp_path / "a")
    assert built(tmp_path / "stormy", tmp_path / "b") == manifest
    ids = [raw.spectrum_id for raw in SpectrumCache(tmp_path / "stormy").spectra()]
    assert len(ids) == len(set(ids)) == len(sandbox.state.spectra)


def test_a_newer_version_replaces_the_older_one(tmp_path):
    marshal = FakeMarshal()
    marshal.add(good("1", "o1"))
    fetch(marshal, marshal, tmp_path, group_ids=[6])
    marshal.add(bad("1", "o1", modified="2026-06-11T00:00:00"))
    assert fetch(marshal, marshal, tmp_path, group_ids=[6]) == {"fetched": 1}
    (found,) = SpectrumCache(tmp_path).spectra()
    assert found.modified == "2026-06-11T00:00:00"


def test_odd_values_survive_the_cache_as_they_were(tmp_path):
    raw = good("1", "o1", errors=[None, "x", {"a": 1}, 1e-17])
    curve = LightCurve(
        mjd=np.array([1.0, 2.0]),
        band=("g", "r"),
        mag=np.array([18.0, np.nan]),
        mag_error=np.array([0.1, np.nan]),
        limit_mag=np.array([20.0, 20.5]),
        is_limit=np.array([0.0, 1.0]),
    )
    with SpectrumCache(tmp_path) as cache:
        cache.put_spectrum(raw)
        cache.put_object(Target(target_id="o1", classifications=(HumanLabel("Ia", 0.9),)), curve)
    (back,) = SpectrumCache(tmp_path).spectra()
    assert back == raw
    target, light = SpectrumCache(tmp_path).known()["o1"]
    assert target.classifications == (HumanLabel("Ia", 0.9),)
    assert light is not None
    np.testing.assert_array_equal(light.mag, curve.mag)
    assert light.band == curve.band


def test_the_tns_comes_before_the_marshal_unless_the_operator_says_otherwise():
    both = Target(target_id="a", classifications=(HumanLabel("Type II"),), tns_type="SN Ia")
    assert label_of(both).fine == "SN Ia"
    assert label_of(both, ("marshal", "tns")).fine == "SN II"
    assert label_of(replace(both, tns_type=None)).fine == "SN II"
    assert label_of(Target(target_id="a")).status == "unknown"


def test_a_cache_of_an_earlier_version_is_read(tmp_path):
    with SpectrumCache(tmp_path) as cache:
        cache.put_object(Target(target_id="o1", classifications=(HumanLabel("Ia"),)), None)
    (path,) = tmp_path.glob("objects-*.gz")
    row = json.loads(gzip.decompress(path.read_bytes()))
    row["target"]["classifications"] = ["Ia"]
    path.write_bytes(gzip.compress(json.dumps(row).encode() + b"\n"))
    assert SpectrumCache(tmp_path).known()["o1"][0].classifications == (HumanLabel("Ia"),)


def test_the_tns_is_asked_as_the_service_asks_it(tmp_path):
    class Names:
        def match(self, target):
            return TransientName(name="SN 2026abc", type="SLSN-I", source="mirror")

    marshal = FakeMarshal()
    marshal.add(good("1", "o1"))
    fetch(marshal, marshal, tmp_path, group_ids=[6], names=Names())
    assert {record.label.fine for record in read_cache(tmp_path)} == {"SLSN"}
