"""GraphQL: errors with HTTP 200, persisted queries, pages, the field map."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

import plugin
from iris_client.errors import BadPayload, NotFound, Refused, Unavailable
from iris_client.http.pacer import Pacer
from iris_client.marshal.graphql import GraphQLSpectra
from iris_client.marshal.graphql_fields import FieldMap, renamed, walk
from plugin.sandbox import Sandbox
from plugin.sandbox.skyportal.graphql_schema import schema

FILES = Path(plugin.__file__).parent / "sources" / "graphql"
DOCUMENTS = (FILES / "spectra.graphql").read_text()
TEXT = (FILES / "fields.json").read_text()
FIELDS = FieldMap.from_json(TEXT)
TOKEN = "5ec9e7aa-0000-4000-8000-00000000feed"


def client(answer: Callable[[dict[str, Any]], Any], **options: Any) -> GraphQLSpectra:
    """A client whose server answers with what `answer` makes of the request's body."""

    def reply(request: httpx.Request) -> httpx.Response:
        found = answer(json.loads(request.content))
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    given = {"documents": DOCUMENTS, "fields": FIELDS, "persisted": False, "sleep": lambda _s: None, **options}
    http = httpx.MockTransport(reply)
    return GraphQLSpectra("http://marshal.test/graphql", TOKEN, pacer=Pacer(1e6, 1000), http=http, **given)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("UNAUTHENTICATED", Refused),
        ("BAD_USER_INPUT", Refused),
        ("GRAPHQL_VALIDATION_FAILED", Refused),
        ("NOT_FOUND", NotFound),
        ("INTERNAL_SERVER_ERROR", Unavailable),
        ("THROTTLED", Unavailable),
        ("SOMETHING_NEW", BadPayload),
        (None, BadPayload),
    ],
)
def test_errors_come_with_http_200_even_beside_data(code, kind):
    errors = [{"message": f"no, {TOKEN}", **({"extensions": {"code": code}} if code else {})}]
    with pytest.raises(kind) as caught:
        client(lambda _body: {"data": {"spectrum": {"id": 1}}, "errors": errors}).spectrum("1")
    assert type(caught.value) is kind
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("answer", [[], "x", {}, {"data": None}, {"data": []}, {"data": {"spectrum": []}}])
def test_what_is_no_answer_is_a_bad_payload(answer):
    with pytest.raises(BadPayload):
        client(lambda _body: answer).spectrum("1")


def test_a_page_in_html_means_later():
    page = httpx.Response(200, text="<html>log in</html>", headers={"content-type": "text/html"})
    with pytest.raises(Unavailable):
        client(lambda _body: page).spectrum("1")


def test_null_is_not_found():
    with pytest.raises(NotFound):
        client(lambda _body: {"data": {"spectrum": None}}).spectrum("1")


def page(ids, more, cursor):
    nodes = [{"id": i, "objId": "a", "modified": f"2026-01-0{i}T00:00:00", "type": "source"} for i in ids]
    return {"data": {"spectra": {"nodes": nodes, "pageInfo": {"hasNextPage": more, "endCursor": cursor}}}}


def test_pages_are_followed_and_doubles_left_out():
    pages = {None: page([1, 2], True, "b"), "b": page([2, 3], False, "c")}
    found = client(lambda body: pages[body["variables"]["after"]]).spectra_modified_since(None, group_ids=[6])
    assert [stub.spectrum_id for stub in found] == ["1", "2", "3"]


@pytest.mark.parametrize("cursor", ["b", None, 7])
def test_pages_that_never_end_are_noticed(cursor):
    with pytest.raises(BadPayload):
        client(lambda _body: page([1], True, cursor)).spectra_modified_since(None, group_ids=[6])


def test_persisted_queries_send_the_text_only_when_it_is_not_known():
    with Sandbox(graphql=True) as marshal:
        sent: list[int] = []
        hold = httpx.HTTPTransport()

        class Spy(httpx.BaseTransport):
            def handle_request(self, request: httpx.Request) -> httpx.Response:
                sent.append(len(request.content))
                return hold.handle_request(request)

        options = {"documents": DOCUMENTS, "fields": FIELDS, "pacer": Pacer(1e6, 1000)}
        with GraphQLSpectra(f"{marshal.url}/graphql", marshal.token, http=Spy(), **options) as source:
            for _ in range(3):
                assert source.spectra_modified_since(None, group_ids=[6]) == []
            short, long, *rest = sent
            assert long > len(DOCUMENTS) > 2 * short
            assert rest == [short, short]
            assert marshal.graphql is not None
            marshal.graphql.persisting = False
            for _ in range(2):
                assert source.spectra_modified_since(None, group_ids=[6]) == []
            assert len(sent) == 7  # hash, refused for good; then the text, twice
            assert sent[-1] == sent[-2] > len(DOCUMENTS)
        hold.close()


def test_the_published_schema_is_the_one_that_is_served():
    published = Path(plugin.__file__).parent / "sandbox" / "skyportal" / "schema.graphql"
    assert published.read_text() == schema.as_str() + "\n"


def test_a_field_map_that_lacks_something_says_what():
    for part in ("operations", "rows", "next", "spectrum"):
        broken = json.loads(TEXT)
        del broken[part]
        with pytest.raises(ValueError, match=part):
            FieldMap.from_json(json.dumps(broken))
    with pytest.raises(ValueError, match="colour"):
        FieldMap.from_json(json.dumps({**json.loads(TEXT), "colour": {}}))


def test_paths_go_through_lists_and_ids_become_numbers():
    assert walk({"a": {"edges": [{"node": 1}, {"node": 2}, 3]}}, "a.edges.node") == [1, 2, None]
    assert walk(5, "a.b") is None
    row = {"key": "17", "of": {"name": "x"}, "shared": [{"n": 6}]}
    columns = {"id": "key", "obj_id": "of.name", "groups": {"path": "shared", "fields": {"id": "n"}}}
    assert renamed(row, columns) == {"id": 17, "obj_id": "x", "groups": [{"id": 6}]}
