"""What every `SpectrumSource` promises, checked on REST and GraphQL with the same marshal."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

import plugin
from iris_client.errors import NotFound, Refused
from iris_client.http.pacer import Pacer
from iris_client.marshal.graphql import GraphQLSpectra
from iris_client.marshal.graphql_fields import FieldMap
from iris_client.marshal.skyportal import SkyPortal
from iris_client.protocols import SpectrumSource
from models.domain import HumanLabel
from plugin.sandbox import Sandbox

FILES = Path(plugin.__file__).parent / "sources" / "graphql"
DOCUMENTS = (FILES / "spectra.graphql").read_text()
FIELDS = FieldMap.from_json((FILES / "fields.json").read_text())
SOURCES = 7


def fill(marshal: Sandbox) -> None:
    for n in range(SOURCES):
        name = marshal.add_source(f"ZTF26aaaaaa{n}", ra=10.0 + n, dec=-5.0, redshift=None if n % 2 else 0.1 * n)
        for k in range(2):
            marshal.add_spectrum(
                name,
                wavelengths=[4000, 5000.5, 6000.0],
                fluxes=[1e-16 * (n + 1), math.nan, "?" if n == 3 else 0.5],
                errors=None if k else [0.1, 0.1, 0.1],
                units="erg/s/cm/cm/AA" if k else None,
                origin="None" if n == 1 else "SEDM",
                kind="host" if n == 2 else "source",
            )
    marshal.add_classification("ZTF26aaaaaa0", "Ia")
    marshal.add_classification("ZTF26aaaaaa0", "TDE", ml=True, probability=0.9)
    marshal.state.sources["ZTF26aaaaaa1"].tns_name = "SN 2026abc"
    name = marshal.add_source("ZTF26private", group_ids=[7])
    marshal.add_spectrum(name, wavelengths=[4000.0, 5000.0], fluxes=[1.0, 2.0], group_ids=[7])


@pytest.fixture(scope="module")
def marshal() -> Iterator[Sandbox]:
    with Sandbox(graphql=True) as sandbox:
        fill(sandbox)
        yield sandbox


def rest(marshal: Sandbox, **options) -> SkyPortal:
    return SkyPortal(marshal.url, marshal.token, pacer=Pacer(1000, 1000), **options)


def graphql(marshal: Sandbox, **options) -> GraphQLSpectra:
    given = {"documents": DOCUMENTS, "fields": FIELDS, "pacer": Pacer(1000, 1000), "page": 4, **options}
    return GraphQLSpectra(f"{marshal.url}/graphql", marshal.token, **given)


@pytest.fixture(scope="module", params=[rest, graphql], ids=["rest", "graphql"])
def source(request, marshal) -> Iterator[SpectrumSource]:
    with request.param(marshal) as client:
        yield client


def test_it_is_a_spectrum_source(source):
    assert isinstance(source, SpectrumSource)


def test_all_spectra_of_the_groups_come_oldest_first_and_once(source, marshal):
    found = source.spectra_modified_since(None, group_ids=[marshal.group_id])
    assert len({stub.spectrum_id for stub in found}) == len(found) == 2 * SOURCES
    assert [stub.modified for stub in found] == sorted(stub.modified for stub in found)
    assert {stub.kind for stub in found} == {"source", "host"}


def test_the_cursor_is_inclusive(source, marshal):
    everything = source.spectra_modified_since(None, group_ids=[marshal.group_id])
    found = source.spectra_modified_since(everything[9].modified, group_ids=[marshal.group_id])
    assert list(found) == list(everything[9:])


def test_the_sweep_finds_what_was_shared_late(source, marshal):
    before = {stub.spectrum_id for stub in source.spectra_shared_with(group_ids=[marshal.group_id])}
    assert len(before) == 2 * SOURCES
    name = marshal.add_source(f"ZTF26late{id(source)}")
    number = marshal.add_spectrum(name, wavelengths=[1.0, 2.0], fluxes=[1.0, 2.0], group_ids=[7])
    marshal.share_spectrum(number, [marshal.group_id])
    after = {stub.spectrum_id for stub in source.spectra_shared_with(group_ids=[marshal.group_id])}
    marshal.delete_spectrum(number)
    assert after - before == {str(number)}


def test_the_sweep_says_which_of_the_groups_see_a_spectrum(source, marshal):
    name = marshal.add_source(f"ZTF26both{id(source)}")
    number = marshal.add_spectrum(name, wavelengths=[1.0, 2.0], fluxes=[1.0, 2.0])
    marshal.share_spectrum(number, [2])
    found = list(source.spectra_shared_with(group_ids=[marshal.group_id, 2]))
    marshal.delete_spectrum(number)
    assert sorted(s.group_ids for s in found if s.spectrum_id == str(number)) == [(2,), (marshal.group_id,)]
    assert {s.group_ids for s in found if s.spectrum_id != str(number)} == {(marshal.group_id,)}


def test_what_is_not_shared_or_not_there_is_not_found(source, marshal):
    private = next(s.id for s in marshal.state.spectra.values() if s.obj_id == "ZTF26private")
    for number in (str(private), "99999"):
        with pytest.raises(NotFound):
            source.spectrum(number)
    with pytest.raises(NotFound):
        source.target("ZTF99zzzzzzz")


def test_machine_classifications_do_not_count(source):
    assert source.target("ZTF26aaaaaa0").classifications == (HumanLabel("Ia"),)


def test_rest_and_graphql_give_identical_objects(marshal):
    with rest(marshal) as one, graphql(marshal) as other:
        stubs = one.spectra_modified_since(None, group_ids=[marshal.group_id])
        assert stubs == other.spectra_modified_since(None, group_ids=[marshal.group_id])
        for stub in stubs:
            assert repr(one.spectrum(stub.spectrum_id)) == repr(other.spectrum(stub.spectrum_id))
            assert one.target(stub.target_id) == other.target(stub.target_id)
        swept = [set(source.spectra_shared_with(group_ids=[marshal.group_id])) for source in (one, other)]
        assert swept[0] == swept[1]


def test_a_wrong_token_is_refused_without_showing_it(marshal):
    token = "00000000-0000-4000-8000-000000000bad"
    for made in (
        SkyPortal(marshal.url, token, pacer=Pacer(100, 100)),
        GraphQLSpectra(f"{marshal.url}/graphql", token, documents=DOCUMENTS, fields=FIELDS, pacer=Pacer(100, 100)),
    ):
        with made, pytest.raises(Refused) as caught:
            made.spectra_modified_since(None, group_ids=[6])
        assert token not in str(caught.value)
