"""The sandbox's GraphQL endpoint: POST, automatic persisted queries, every error with HTTP 200 and a code."""

import hashlib
import json
from typing import Any

from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from plugin.sandbox.skyportal.api import ApiError, authorise, finite
from plugin.sandbox.skyportal.graphql_schema import CodedError, schema
from plugin.sandbox.skyportal.state import State


class GraphQLEndpoint:
    """POST /graphql.

    Parameters
    ----------
    persisting : bool
        Whether queries can be asked by their hash.
    """

    def __init__(self, state: State, *, persisting: bool = True) -> None:
        self._state, self.persisting = state, persisting
        self._known: dict[str, str] = {}

    def routes(self) -> list[Route]:
        """The one route."""
        return [Route("/graphql", self._answer, methods=["POST"])]

    async def _answer(self, request: Request) -> Response:
        try:
            user = authorise(self._state, request.headers.get("authorization"), None)
        except ApiError as error:
            return _failed(CodedError("UNAUTHENTICATED", error.message))
        try:
            body = json.loads(await request.body())
            text = self._text(body)
        except CodedError as error:
            return _failed(error)
        except (ValueError, AttributeError, TypeError):
            return _failed(CodedError("BAD_USER_INPUT", "the body must be a JSON object with a query"))
        done = await schema.execute(
            text,
            variable_values=body.get("variables") or {},
            operation_name=body.get("operationName"),
            context_value={"state": self._state, "user": user},
        )
        answer: dict[str, Any] = {"data": finite(done.data)}
        if done.errors:
            answer["errors"] = [_formatted(error) for error in done.errors]
        return JSONResponse(answer)

    def _text(self, body: Any) -> str:
        """The query, as sent or as known by its hash."""
        text, persisted = body.get("query"), (body.get("extensions") or {}).get("persistedQuery")
        if persisted is None:
            if not isinstance(text, str):
                raise CodedError("BAD_USER_INPUT", "no query")
            return text
        if not self.persisting:
            raise CodedError("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")
        key = str(persisted.get("sha256Hash"))
        if isinstance(text, str):
            if hashlib.sha256(text.encode()).hexdigest() != key:
                raise CodedError("BAD_USER_INPUT", "provided sha does not match query")
            self._known[key] = text
        if key not in self._known:
            raise CodedError("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
        return self._known[key]


def _failed(error: CodedError) -> Response:
    return JSONResponse({"errors": [{"message": str(error), "extensions": error.extensions}]})


def _formatted(error: GraphQLError) -> dict[str, Any]:
    """An error as GraphQL writes it; those without a code of ours are the query's own fault, or a fault of ours."""
    code = "INTERNAL_SERVER_ERROR" if error.original_error is not None else "GRAPHQL_VALIDATION_FAILED"
    shown: dict[str, Any] = dict(error.formatted)
    shown["extensions"] = {"code": code, **(shown.get("extensions") or {})}
    return shown
