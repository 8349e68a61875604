"""An OpenAPI 3.0 or 3.1 document to a service that answers believably and checks its requests.

Floor 1, pure. An operation is a route: its answer is the example that the document gives, else
values made from the schema; what its request must be is checked, and answered 400.
Read next: `openapi_refs.py`, `believable.py`, `openapi_checks.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from stubs.importers.answers import build_answer, is_json_type, json_body, text_body
from stubs.importers.believable import Believable
from stubs.importers.definition import Draft, Drafts, Imported, Route, host_of
from stubs.importers.fields import mapping_in, mapping_of, scalar_text, text_in
from stubs.importers.openapi_checks import check_routes, read_validation
from stubs.importers.openapi_refs import Document
from stubs.importers.paths import sort_key, template_path
from stubs.importers.report import Item, LossReport, NotTakenError, UnusableFileError
from switchboard.fault_reader import shown
from switchboard.routes import split_url

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_VERSION: Final = re.compile(r"3\.[01](\.[0-9]+)?(-.*)?")
_STATUS: Final = re.compile(r"2[0-9][0-9]")

Operation = Mapping[str, Any]


def import_openapi(value: object, name: str, report: LossReport) -> Imported:
    """One service. Raises UnusableFileError."""
    if not isinstance(value, Mapping) or not isinstance(value.get("paths", {}), Mapping):
        raise UnusableFileError("this is no OpenAPI document: it has no mapping `paths`")
    version = value.get("openapi")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise UnusableFileError(
            f"OpenAPI {shown(value.get('openapi', value.get('swagger')))} is not read here, "
            "only 3.0 and 3.1"
        )
    document = Document(value, is_30=version.startswith("3.0"))
    drafts = Drafts(name)
    draft, prefix = _open_service(document, drafts, name, report)
    _note_rest(value, report)
    routes: list[tuple[tuple[int, int], Item, list[Route]]] = []
    for where, path, operation, shared in _operations(value, report):
        with report.taking(where) as item:
            built = _build(document, prefix + path, where, operation, shared, item)
            routes.append((sort_key(built[0]), item, built))
    for _, item, built in sorted(routes, key=lambda each: each[0]):
        _add(draft, built, item)
    return Imported(drafts.services())


def _add(draft: Draft, routes: list[Route], item: Item) -> None:
    try:
        draft.add(*routes)
    except NotTakenError as error:
        item.refuse(str(error))


def _open_service(
    document: Document, drafts: Drafts, name: str, report: LossReport
) -> tuple[Draft, str]:
    """The service, and what its paths begin with."""
    info = document.raw.get("info")
    title = info.get("title") if isinstance(info, Mapping) else None
    title = shown(title) if isinstance(title, str) else ""
    servers = document.raw.get("servers")
    draft: Draft | None = None
    prefix = ""
    for where, server in report.each("servers", servers if isinstance(servers, list) else []):
        with report.taking(where) as item:
            url = _server_url(mapping_of(server, "a server"))
            item.what = shown(url)
            authority, target = split_url(url)
            path = "" if "://" not in url and not url.startswith("/") else target
            path = path.partition("?")[0].rstrip("/")
            if draft is None:
                draft, prefix = drafts.of_host(authority, title), path
            elif path != prefix:
                raise NotTakenError("its paths begin otherwise than those of the first server")
            else:
                draft.add_host(host_of(authority))
    return draft or drafts.named("", title or name, title), prefix


def _server_url(server: Mapping[str, Any]) -> str:
    """The URL with the defaults of its variables."""
    url = text_in(server, "url")
    for name, raw in mapping_in(server, "variables").items():
        default = mapping_of(raw, f"the variable {shown(name)}").get("default", "")
        url = url.replace(f"{{{name}}}", scalar_text(default, "a default"))
    if "{" in url:
        raise NotTakenError("a variable of its URL has no default")
    return url


def _note_rest(value: Mapping[str, Any], report: LossReport) -> None:
    """What a document may hold beside operations."""
    webhooks = value.get("webhooks")
    for name in webhooks if isinstance(webhooks, Mapping) else ():
        item = report.item(f"webhooks.{name}", str(name))
        item.refuse("a webhook is for the service to send: write it as `callbacks` of a route")
    components = value.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, Mapping) else None
    for name in schemes if isinstance(schemes, Mapping) else ():
        item = report.item(f"components.securitySchemes.{name}", str(name))
        item.approximate("noted only: a stub lets every caller in, and knows no credentials")


def _operations(
    value: Mapping[str, Any], report: LossReport
) -> Iterator[tuple[str, str, object, list[Any]]]:
    """Each operation with where it stands, its path, and the parameters of its whole path."""
    for path, raw in value.get("paths", {}).items():
        if report.is_full:
            report.item("paths").refuse("there are more operations than are read")
            return
        where = f"paths.{path}"
        if not isinstance(path, str) or not isinstance(raw, Mapping):
            report.item(where).refuse("a path must be a mapping of operations")
            continue
        if "$ref" in raw:
            report.item(where, path).refuse("a path that is only a `$ref` is not read")
        shared = raw.get("parameters")
        for method in METHODS:
            if method in raw:
                parameters = shared if isinstance(shared, list) else []
                yield f"{where}.{method}", path, raw[method], parameters


def _build(
    document: Document, path: str, where: str, raw: object, shared: list[Any], item: Item
) -> list[Route]:
    """The route of an operation, and those that check its parameters."""
    operation = mapping_of(raw, "an operation")
    method = where.rpartition(".")[2].upper()
    item.what = f"{method} {shown(path)}"
    route: dict[str, Any] = {"method": method, **template_path(path)}
    named = operation.get("operationId") or operation.get("summary")
    if isinstance(named, str) and named.isprintable() and named.strip():
        route["name"] = named.strip()[:80]
    for key, why in (
        ("callbacks", "its callbacks are not sent: write them as `callbacks` of the route"),
        ("servers", "its own servers are left out"),
        ("security", "who may call it is not checked"),
    ):
        if operation.get(key):
            item.approximate(why)
    checks = check_routes(document, operation, shared, route, item)
    answer = {"answer": _answer(document, operation, item)}
    validation = read_validation(document, operation, item)
    # Of equals the later one is tried first.
    if validation is None:
        return [{**route, **answer}, *checks]
    checked = {**route, "validate": {"schema": validation.schema}, **answer}
    if validation.is_required:
        return [checked, *checks]
    with_body = {**route, "when": {"body": {"absent": False}}, **checked}
    return [{**route, **answer}, with_body, *checks]


def _answer(document: Document, operation: Operation, item: Item) -> dict[str, Any]:
    status, response = _choose_response(document, operation, item)
    headers = _example_headers(document, response)
    content = mapping_in(response, "content")
    if not content or status in (204, 304):
        return build_answer(status, headers, {}, item)
    content_type = next((kind for kind in content if is_json_type(kind)), next(iter(content)))
    if len(content) > 1:
        item.approximate(f"of {len(content)} content types it answers {shown(content_type)}")
    media = mapping_of(content[content_type], "a content type")
    if "*" in content_type:
        content_type = "application/json"
    body = _body(document, media, content_type, item)
    said = body.pop("content_type", content_type)
    return build_answer(status, [*headers, ("content-type", said)], body, item)


def _body(
    document: Document, media: Mapping[str, Any], content_type: str, item: Item
) -> dict[str, Any]:
    example = _example_of(document, media)
    if example is not None:
        if isinstance(example[0], str) and not is_json_type(content_type):
            return text_body(example[0])
        return json_body(example[0])
    schema = media.get("schema")
    if schema is None:
        return {}
    if not is_json_type(content_type):
        item.approximate(f"{shown(content_type)} without an example is answered with a plain text")
        return {"text": "sandbox"}
    return Believable(document, item).body(schema)


def _choose_response(
    document: Document, operation: Operation, item: Item
) -> tuple[int, Mapping[str, Any]]:
    """The first success there is, else `default`, else whatever there is."""
    responses = mapping_in(operation, "responses")
    codes = [code for code in responses if _STATUS.fullmatch(code)]
    other = [code for code in responses if code not in codes]
    if codes:
        code = min(codes)
        status = int(code)
    else:
        code = next((c for c in ("2XX", "2xx", "default") if c in responses), "")
        code = code or next(iter(sorted(other)), "")
        status = int(code) if re.fullmatch("[2-5][0-9][0-9]", code) else 200
    if not code:
        item.approximate("no response is described: it answers 200 with nothing")
        return 200, {}
    if len(responses) > 1:
        item.approximate(f"of {len(responses)} responses it answers {code}")
    return status, document.resolve(responses[code], "a response")


def _example_headers(document: Document, response: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The headers that have an example."""
    found = []
    for name, raw in mapping_in(response, "headers").items():
        header = document.resolve(raw, "a header")
        example = _example_of(document, header) or _example_of(
            document, document.resolve(header.get("schema") or {}, "a schema")
        )
        if example is not None and isinstance(example[0], str | int | float):
            found.append((name, scalar_text(example[0], "an example")))
    return found


def _example_of(document: Document, holder: Mapping[str, Any]) -> tuple[Any] | None:
    """The example, in a tuple because null is one too."""
    if "example" in holder:
        return (holder["example"],)
    examples = holder.get("examples")
    if isinstance(examples, Mapping) and examples:
        first = document.resolve(next(iter(examples.values())), "an example")
        return (first["value"],) if "value" in first else None
    if isinstance(examples, list) and examples:
        return (examples[0],)
    return None
