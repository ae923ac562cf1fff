"""Reading over GraphQL is a matter of settings; writing stays with REST."""

from dataclasses import replace
from pathlib import Path

import pytest

from iris_client.marshal.skyportal import SkyPortal
from iris_client.protocols import Marshal, Place
from plugin.sandbox import Sandbox
from plugin.settings import ConfigError, Settings
from plugin.sources.combined import CombinedMarshal
from plugin.sources.marshal import make_source
from tests.plugin.conftest import make_settings


def settings(marshal: Sandbox, folder: Path, **values: object) -> Settings:
    given = {"marshal_url": marshal.url, "marshal_token": marshal.token, "group_ids": (marshal.group_id,)}
    given |= {"spectrum_source": "graphql", "graphql_url": f"{marshal.url}/graphql", "requests_per_second": 1000.0}
    return make_settings(folder, **{**given, **values})


def test_spectra_come_over_graphql_and_answers_go_by_rest(tmp_path: Path) -> None:
    with Sandbox(graphql=True) as marshal:
        name = marshal.add_source("ZTF26aaaaaaa")
        number = str(marshal.add_spectrum(name, wavelengths=[4000.0, 5000.0], fluxes=[1.0, 2.0]))
        marshal.add_photometry(name, mjd=61000.0, mag=18.0, magerr=0.1)
        source = make_source(settings(marshal, tmp_path))
        assert isinstance(source, CombinedMarshal)
        assert isinstance(source, Marshal)
        stubs = source.spectra_modified_since(None, group_ids=[marshal.group_id])
        assert [stub.spectrum_id for stub in stubs] == [number]
        shared = list(source.spectra_shared_with(group_ids=[marshal.group_id]))
        assert shared == [replace(stub, group_ids=(marshal.group_id,)) for stub in stubs]
        assert source.spectrum(number).target_id == source.target(name).target_id == name
        assert {record.path for record in marshal.requests} == {"/graphql"}
        place = Place(kind="spectrum", id=number)
        groups = [marshal.group_id]
        source.upsert_annotation(place, origin="ASTRANet", data={"x": 1}, group_ids=groups)
        assert [a.data for a in source.annotations(place)] == [{"x": 1}]
        assert source.delete_annotation(place, origin="ASTRANet")
        source.post_comment(place, text="hello", group_ids=groups)
        source.classify(name, label="SN Ia", probability=0.9, origin="ASTRANet", group_ids=groups)
        assert source.account().user_id > 0
        curve = source.light_curve(name)
        assert curve is not None
        assert curve.mag[0] == pytest.approx(18.0)
        source.close()


def test_rest_is_the_default(tmp_path: Path) -> None:
    source = make_source(make_settings(tmp_path))
    assert isinstance(source, SkyPortal)
    source.close()


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"graphql_url": None}, "ASTRANET_GRAPHQL_URL: needed"),
        ({"graphql_query_file": Path("missing.graphql")}, "ASTRANET_GRAPHQL_QUERY_FILE: cannot read"),
        ({"graphql_field_map_file": Path(__file__)}, "ASTRANET_GRAPHQL_FIELD_MAP_FILE"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, values: dict[str, object], why: str) -> None:
    given = {"spectrum_source": "graphql", "graphql_url": "http://marshal.test/graphql", **values}
    with pytest.raises(ConfigError, match=why):
        make_source(make_settings(tmp_path, **given))
