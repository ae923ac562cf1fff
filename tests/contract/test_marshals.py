"""What every `Marshal` and `PhotometrySource` promises; that a marshal is a `SpectrumSource` is checked elsewhere."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import plugin
from iris_client.errors import NotFound, Refused
from iris_client.http.pacer import Pacer
from iris_client.marshal.graphql import GraphQLSpectra
from iris_client.marshal.graphql_fields import FieldMap
from iris_client.marshal.skyportal import SkyPortal
from iris_client.protocols import Marshal, PhotometrySource, Place, SourceList, SpectrumSource, Upserted, WatchList
from plugin.sandbox import Sandbox
from plugin.sources.combined import CombinedMarshal

FILES = Path(plugin.__file__).parent / "sources" / "graphql"
NAME, DARK = "ZTF26aaaaaaa", "ZTF26aaaaaab"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(graphql=True) as made:
        made.add_source(NAME, ra=10.0, dec=-5.0, redshift=0.1)
        made.add_source(DARK, ra=20.0, dec=-5.0)
        made.add_spectrum(NAME, wavelengths=[4000.0, 5000.0], fluxes=[1.0, 2.0])
        for mjd, mag in ((61002.0, 18.2), (61000.0, 19.0), (61001.0, None)):
            made.add_photometry(NAME, mjd=mjd, mag=mag, magerr=None if mag is None else 0.05, limiting_mag=20.5)
        yield made


def rest(sandbox: Sandbox) -> Any:
    return SkyPortal(sandbox.url, sandbox.token, pacer=Pacer(1000, 1000))


def graphql_and_rest(sandbox: Sandbox) -> Any:
    documents = (FILES / "spectra.graphql").read_text()
    fields = FieldMap.from_json((FILES / "fields.json").read_text())
    pacer = Pacer(1000, 1000)
    spectra = GraphQLSpectra(f"{sandbox.url}/graphql", sandbox.token, documents=documents, fields=fields, pacer=pacer)
    return CombinedMarshal(spectra, SkyPortal(sandbox.url, sandbox.token, pacer=pacer))


@pytest.fixture(params=[rest, graphql_and_rest], ids=lambda made: made.__name__)
def marshal(request: Any, sandbox: Sandbox) -> Iterator[Any]:
    made = request.param(sandbox)
    yield made
    made.close()


PLACES = [Place(kind="spectrum", id="1"), Place(kind="source", id=NAME)]
both_places = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.kind)


def test_it_is_all_that_the_service_needs(marshal: Any) -> None:
    for protocol in (Marshal, SpectrumSource, SourceList, PhotometrySource, WatchList):
        assert isinstance(marshal, protocol)


def test_we_know_who_we_are(marshal: Any, sandbox: Sandbox) -> None:
    account = marshal.account()
    assert sandbox.group_id in account.group_ids
    assert "Annotate" in account.acls


@both_places
def test_an_annotation_is_one_and_holds_what_was_said_last(marshal: Any, sandbox: Sandbox, place: Place) -> None:
    keep = {"origin": "ASTRANet", "group_ids": [sandbox.group_id]}
    first = marshal.upsert_annotation(place, data={"class": "SN Ia", "gone": 1}, **keep)
    assert (
        marshal.upsert_annotation(place, data={"class": "SN II"}, **keep) == first == Upserted(first.id, changed=True)
    )
    (there,) = [one for one in marshal.annotations(place) if one.origin == "ASTRANet"]
    assert (dict(there.data), there.mine) == ({"class": "SN II"}, True)


@both_places
def test_what_has_not_changed_is_not_sent(marshal: Any, sandbox: Sandbox, place: Place) -> None:
    keep = {"origin": "ASTRANet", "group_ids": [sandbox.group_id], "data": {"class": "SN Ia", "p": 1.0}}
    known = marshal.upsert_annotation(place, **keep).id
    sandbox.forget_requests()
    assert marshal.upsert_annotation(place, **keep, known_id=known) == Upserted(known, changed=False)
    assert sandbox.writes() == []


@both_places
def test_the_same_for_other_groups_is_a_change(marshal: Any, sandbox: Sandbox, place: Place) -> None:
    keep = {"origin": "ASTRANet", "data": {"class": "SN Ia", "p": 1.0}}
    first = marshal.upsert_annotation(place, **keep, group_ids=[sandbox.group_id])
    assert marshal.annotations(place)[0].group_ids == (sandbox.group_id,)
    assert marshal.upsert_annotation(place, **keep, group_ids=[sandbox.group_id, 2], known_id=first.id) == first
    assert marshal.annotations(place)[0].group_ids == (2, sandbox.group_id)
    again = marshal.upsert_annotation(place, **keep, group_ids=[sandbox.group_id, 2], known_id=first.id)
    assert again == Upserted(first.id, changed=False)


@both_places
def test_a_first_answer_and_one_that_differs_are_one_request_each(marshal: Any, sandbox: Sandbox, place: Place) -> None:
    keep = {"origin": "ASTRANet", "group_ids": [sandbox.group_id]}
    sandbox.forget_requests()
    known = marshal.upsert_annotation(place, data={"class": "SN Ia"}, **keep).id
    marshal.upsert_annotation(place, data={"class": "SN II"}, **keep, known_id=known, differs=True)
    assert [(one.method, one.status) for one in sandbox.requests] == [("POST", 200), ("PUT", 200)]
    (there,) = marshal.annotations(place)
    assert dict(there.data) == {"class": "SN II"}


@both_places
def test_what_is_there_is_looked_at_when_our_records_do_not_know_it(
    marshal: Any, sandbox: Sandbox, place: Place
) -> None:
    keep = {"origin": "ASTRANet", "group_ids": [sandbox.group_id], "data": {"class": "SN Ia"}}
    first = marshal.upsert_annotation(place, **keep)
    sandbox.forget_requests()
    assert marshal.upsert_annotation(place, **keep) == Upserted(first.id, changed=False)
    answers = [(one.method, one.status) for one in sandbox.requests if one.path.endswith("annotations")]
    assert answers == [("POST", 400), ("GET", 200)], "asked for only because it is there already"


@both_places
def test_an_annotation_that_went_away_is_made_anew(marshal: Any, sandbox: Sandbox, place: Place) -> None:
    keep = {"origin": "ASTRANet", "group_ids": [sandbox.group_id]}
    first = marshal.upsert_annotation(place, data={"a": 1}, **keep)
    marshal.delete_annotation(place, origin="ASTRANet")
    second = marshal.upsert_annotation(place, data={"a": 2}, **keep, known_id=first.id, differs=True)
    assert second.id != first.id
    assert [dict(one.data) for one in marshal.annotations(place)] == [{"a": 2}]


@both_places
def test_nobody_elses_annotation_is_touched(marshal: Any, sandbox: Sandbox, place: Place) -> None:
    keep = {"origin": "ASTRANet", "group_ids": [sandbox.group_id]}
    ours = marshal.upsert_annotation(place, data={"a": 1}, **keep)
    marshal.delete_annotation(place, origin="ASTRANet")
    with SkyPortal(sandbox.url, sandbox.tokens["admin"], pacer=Pacer(1000, 1000)) as other:
        theirs = other.upsert_annotation(place, data={"theirs": 1}, **keep)
    for known in ({}, {"known_id": ours.id}, {"known_id": theirs.id}):
        for differs in (False, True):
            with pytest.raises(Refused, match="another user owns"):
                marshal.upsert_annotation(place, data={"a": 2}, **keep, **known, differs=differs)
    assert [dict(one.data) for one in marshal.annotations(place)] == [{"theirs": 1}]


def test_sources_tell_when_their_redshift_changed(marshal: Any, sandbox: Sandbox) -> None:
    (stub,) = marshal.sources_modified_since("2026-01-01T00:00:00", group_ids=[sandbox.group_id])
    assert (stub.target_id, stub.redshift) == (NAME, 0.1), "the other one has no spectra"
    assert list(marshal.sources_modified_since(stub.modified, group_ids=[sandbox.group_id])) == []
    sandbox.add_spectrum(NAME, wavelengths=[4000.0, 5000.0], fluxes=[1.0, 2.0])
    assert list(marshal.sources_modified_since(stub.modified, group_ids=[sandbox.group_id])) == []
    sandbox.set_redshift(NAME, None)
    (changed,) = marshal.sources_modified_since(stub.modified, group_ids=[sandbox.group_id])
    assert changed.redshift is None
    assert changed.modified > stub.modified


@both_places
def test_taking_away_twice_is_once(marshal: Any, sandbox: Sandbox, place: Place) -> None:
    marshal.upsert_annotation(place, origin="ASTRANet", data={"a": 1}, group_ids=[sandbox.group_id])
    assert marshal.delete_annotation(place, origin="ASTRANet") is True
    assert marshal.delete_annotation(place, origin="ASTRANet") is False
    assert list(marshal.annotations(place)) == []


@both_places
def test_what_is_no_json_is_refused_and_not_sent(marshal: Any, sandbox: Sandbox, place: Place) -> None:
    sandbox.forget_requests()
    with pytest.raises(Refused):
        marshal.upsert_annotation(place, origin="ASTRANet", data={"p": math.nan}, group_ids=[sandbox.group_id])
    assert sandbox.writes() == []


def test_a_place_that_is_not_there_is_not_found(marshal: Any, sandbox: Sandbox) -> None:
    for place in (Place(kind="spectrum", id="99"), Place(kind="source", id="ZTF99zzzzzzz")):
        with pytest.raises(NotFound):
            marshal.upsert_annotation(place, origin="ASTRANet", data={"a": 1}, group_ids=[sandbox.group_id])


def test_the_same_comment_twice_is_one(marshal: Any, sandbox: Sandbox) -> None:
    said = {"text": "ASTRANet: ALERT.", "group_ids": [sandbox.group_id], "attachment": ("card.png", b"\x89PNG")}
    place = Place(kind="spectrum", id="1")
    assert marshal.post_comment(place, **said) == marshal.post_comment(place, **said)


def test_a_machine_classification_is_one_per_origin_and_changes_in_place(marshal: Any, sandbox: Sandbox) -> None:
    keep = {"origin": "ASTRANet", "group_ids": [sandbox.group_id]}
    first = marshal.classify(NAME, label="SN Ia", probability=0.9, **keep)
    assert marshal.classify(NAME, label="SN Ia", probability=0.95, **keep) == first
    assert marshal.target(NAME).classifications == (), "what machines say is nobody's classification"


def test_taking_a_classification_back_touches_nobody_elses(marshal: Any, sandbox: Sandbox) -> None:
    keep = {"group_ids": [sandbox.group_id], "probability": 0.9}
    marshal.classify(NAME, label="SN Ia", origin="ASTRANet", **keep)
    marshal.classify(NAME, label="TDE", origin="another", **keep)
    for who, ml in (("admin", False), ("admin", True), ("bot", False)):
        row = sandbox.state.classifications[sandbox.add_classification(NAME, "Ib", ml=ml, user=who)]
        row.origin = "ASTRANet"
    twice = sandbox.state.classifications[sandbox.add_classification(NAME, "Ia", ml=True, user="bot")]
    twice.origin = "ASTRANet"
    assert marshal.declassify(NAME, origin="ASTRANet") is True
    assert marshal.declassify(NAME, origin="ASTRANet") is False
    left = sandbox.state.classifications.values()
    bot = sandbox.state.user_named("bot").id
    assert sorted((c.classification, c.origin, c.author_id == bot, c.ml) for c in left) == [
        ("Ib", "ASTRANet", False, False),
        ("Ib", "ASTRANet", False, True),
        ("Ib", "ASTRANet", True, False),
        ("Tidal Disruption Event", "another", True, True),
    ]
    assert not sandbox.state.labels
    assert not any(c.votes for c in left)


def test_a_classification_reaches_a_group_that_is_added_later(marshal: Any, sandbox: Sandbox) -> None:
    said = {"label": "SN Ia", "probability": 0.9, "origin": "ASTRANet"}
    made = marshal.classify(NAME, group_ids=[sandbox.group_id], **said)
    assert marshal.classify(NAME, group_ids=[2, sandbox.group_id], known_id=made, **said) == made
    (row,) = sandbox.state.classifications.values()
    assert (row.group_ids, row.ml) == ({2, sandbox.group_id}, True)


def test_the_taxonomy_has_a_name_for_every_class(marshal: Any) -> None:
    names = marshal.class_names()
    assert {"Ia", "Ic-SLSN", "Tidal Disruption Event"} <= names


def test_a_light_curve_is_sorted_and_tells_limits_from_light(marshal: Any) -> None:
    curve = marshal.light_curve(NAME)
    assert list(curve.mjd) == [61000.0, 61001.0, 61002.0]
    assert list(curve.is_limit) == [0.0, 1.0, 0.0]
    assert np.isnan(curve.mag[1])
    assert curve.limit_mag[1] == pytest.approx(20.5)
    assert curve.mag[2] == pytest.approx(18.2)
    assert len(curve.band) == 3


def test_no_photometry_is_no_light_curve(marshal: Any) -> None:
    assert marshal.light_curve(DARK) is None


def test_photometry_of_an_unknown_object_is_not_found(marshal: Any) -> None:
    with pytest.raises(NotFound):
        marshal.light_curve("ZTF99zzzzzzz")
