"""What holds for every operation of the OpenAPI document, whichever view it comes from: refusals
and headers, ids, examples, groups. Hooks of drf-spectacular, called in the order of the settings.

examples.json has the API reference's own examples under `reference`, and what our answers have on
top of them under `additions`; both by operation ("get /recordings/{id}") and by status or
"request".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

BESIDE = "/api/"
EXAMPLES = Path(__file__).with_name("examples.json")
ERROR = {"$ref": "#/components/schemas/Error"}
DESCRIPTION = """\
Recordings go in; who said what and when comes out.

* **Authentication**: a token, in any one of four places; the first that holds one decides.
* **Errors**: always `{"error": "<one sentence>"}`, with the status that fits; some add keys.
* **Times**: ISO 8601. Answers are in UTC, whole seconds, ending in `Z`; a time without an offset
  is taken as UTC.
* **Query strings**: an empty value counts as not given.
* **Unknown keys** in a body are ignored.
* **Rate limits**: requests of a kind are counted by the minute and by person; the headers
  `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` say how it stands.
"""
TAGS = {
    "Recordings": "Upload, find, read, change and delete recordings.",
    "Batch": "The same for many recordings at once.",
    "Processing": "Work on a recording.",
    "Chat": "Questions about a recording.",
    "Events": "The dates that were agreed on in a recording.",
    "Sharing": "Who else may read or change a recording, and its page for whoever has the address.",
    "Tags": "Labels: a recording carries any number of them. A person's own, or a group's.",
    "Folders": "Places: a recording is in one at most. A person's own, or a group's.",
    "Speakers": "The people that the caller knows by name.",
    "Transcription": "What transcription on this server can do.",
    "Webhooks": "Programs elsewhere that are told what happens to the caller's recordings.",
    "Stats": "Numbers for dashboards.",
    "Users": "The caller: who they are, and what they prefer.",
    "Groups": "People who share tags and folders, and what is filed under them.",
    "Transcript templates": "How the caller's transcripts look as text.",
    "Naming templates": "What the caller's recordings are called.",
    "Tokens": "What programs present for the caller.",
}
ERRORS = {
    400: ("BadRequest", "A value was refused."),
    401: ("Unauthorized", "No token, or one that is invalid, expired or revoked."),
    403: ("Forbidden", "The caller may not do this."),
    404: ("NotFound", "There is no such thing."),
    409: ("Conflict", "Something else stands in the way."),
    411: ("LengthRequired", "A body came without a Content-Length."),
    412: ("PreconditionFailed", "The file is not the one that the request names."),
    413: ("TooLarge", "The body is too large."),
    415: ("UnsupportedMediaType", "Another media type is expected."),
    416: ("RangeNotSatisfiable", "The range lies outside the file."),
    429: ("TooManyRequests", "Too many requests; Retry-After says when to come back."),
    500: ("InternalServerError", "The server failed; what happened is in its log."),
    503: ("Busy", "The server is busy; Retry-After says when to come back."),
    507: ("DiskFull", "The server's disk is full."),
}
SUCCESSES = {
    "200": "Done.",
    "201": "Made.",
    "202": "Taken; the work is queued.",
    "204": "Done; there is nothing to say.",
}
# The library knows of no body in a DELETE.
BODIES_OF_DELETE = {"/recordings/batch": "BatchRequest"}
EVERYWHERE = (400, 401, 429, 500, 503)
WITH_A_BODY = (411, 413, 415)
WRITING = (403, 507)
HEADERS = {
    "WWW-Authenticate": {
        "description": "How to authenticate.",
        "required": True,
        "schema": {"type": "string", "enum": ["Bearer"]},
    },
    "Retry-After": {
        "description": "Seconds until another try makes sense.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "RateLimit-Limit": {
        "description": "Requests of this kind that the caller may send in a minute.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "RateLimit-Remaining": {
        "description": "How many of them are left.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimit-Reset": {
        "description": "Seconds until they are all back.",
        "schema": {"type": "integer", "minimum": 1},
    },
}
# Absent where nothing limits.
RATE_LIMIT = [name for name in HEADERS if name.startswith("RateLimit")]
ERROR_HEADERS = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}
ERROR_COMPONENT = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string", "description": "What went wrong, in one sentence."},
        "fields": {
            "type": "object",
            "additionalProperties": {},
            "description": "The complaints by field, where values were refused.",
        },
        "job_id": {
            "type": "integer",
            "description": "With 409: the work that stands in the way.",
        },
        "allowed": {
            "type": "array",
            "items": {"type": "string"},
            "description": "With 400: the values that are known.",
        },
        "max_per_user": {
            "type": "integer",
            "description": "With 409: how many a person may have.",
        },
        "max_size_mb": {"type": "integer", "description": "With 413: the limit, in megabytes."},
        "effective_limit_mb": {
            "type": "integer",
            "description": "With 413: the limit that this file was held against.",
        },
        "extracted_audio_mb": {
            "type": "number",
            "description": "With 413: what the audio of the video would take.",
        },
        "audio_only_mode": {
            "type": "boolean",
            "description": "With 413: whether only the audio of a video would have been kept.",
        },
        "chunking_enabled": {"type": "boolean", "description": "With 413: always false."},
    },
    "example": {"error": "One sentence that says what went wrong."},
}


def place(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """What lies beside /api/v1, as in /api/tokens: a server of its own, and a path below that."""
    paths = {}
    for path, item in result["paths"].items():
        if path.startswith(BESIDE):
            for operation in item.values():
                operation["operationId"] = operation["operationId"].removeprefix("api_")
                operation["servers"] = [{"url": BESIDE.removesuffix("/")}]
            path = f"/{path.removeprefix(BESIDE)}"
        paths[path] = item
    result["paths"] = dict(sorted(paths.items()))
    return result


def describe(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """The texts at the top: what the API is, and what its groups hold."""
    result["info"]["description"] = DESCRIPTION
    used = {tag for _, _, operation in operations(result) for tag in operation["tags"]}
    # A tag that nobody described keeps its name; a test misses the description.
    result["tags"] = [
        {"name": name, "description": text} for name, text in TAGS.items() if name in used
    ]
    return result


def add_bodies(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    for path, component in BODIES_OF_DELETE.items():
        if operation := result["paths"].get(path, {}).get("delete"):
            schema = {"$ref": f"#/components/schemas/{component}"}
            content = {"application/json": {"schema": schema}}
            operation["requestBody"] = {"required": True, "content": content}
    return result


def add_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """The refusals that follow from what an operation is and takes, each described once."""
    components = result["components"]
    components.setdefault("schemas", {})["Error"] = ERROR_COMPONENT
    components["headers"] = HEADERS
    components["responses"] = {
        name: _error_response(status) for status, (name, _) in ERRORS.items()
    }
    for path, method, operation in operations(result):
        responses = operation["responses"]
        named = {status for status in ERRORS if str(status) in responses}
        for status in sorted(named | _implied(path, method, operation)):
            # Anew, so that they follow the successes in order.
            responses.pop(str(status), None)
            responses[str(status)] = {"$ref": f"#/components/responses/{ERRORS[status][0]}"}
        for status, response in responses.items():
            if "$ref" not in response:
                response["description"] = response["description"] or SUCCESSES[status]
                response.setdefault("headers", {}).update(_headers(RATE_LIMIT))
    return result


def describe_ids(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """`{id}` in a path: whose it is, and that it starts at 1."""
    for path, _, operation in operations(result):
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                parameter["schema"] = {"type": "integer", "format": "int64", "minimum": 1}
                parameter["description"] = f"Id of the {_owner_of(path, parameter['name'])}."
    return result


def add_examples(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    for path, method, operation in operations(result):
        for place, example in examples_of(f"{method} {path}").items():
            described = (
                operation["requestBody"] if place == "request" else operation["responses"][place]
            )
            for media in described["content"].values():
                media["example"] = example
    return result


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(path, method, operation) of each."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


@cache
def examples() -> dict[str, dict[str, dict[str, Any]]]:
    """The file as it is: {"reference": {operation: {place: example}}, "additions": the same}."""
    return json.loads(EXAMPLES.read_text(encoding="utf-8"))


def examples_of(operation: str) -> dict[str, Any]:
    """By place: the reference's example with our additions, as an answer really looks."""
    added = examples()["additions"].get(operation, {})
    return {
        place: _completed(example, added.get(place))
        for place, example in examples()["reference"].get(operation, {}).items()
    }


def _completed(example: Any, added: Any) -> Any:
    """`added` laid over `example`: over each item of a list, if it is a list of one, and in the
    place of a list that is empty.
    """
    if added is None:
        return deepcopy(example)
    if isinstance(example, dict):
        names = [*example, *(name for name in added if name not in example)]
        return {
            name: _completed(example[name], added.get(name)) if name in example else added[name]
            for name in names
        }
    if isinstance(example, list) and example:
        return [_completed(item, added[0]) for item in example]
    return deepcopy(added)


def _implied(path: str, method: str, operation: dict[str, Any]) -> set[int]:
    statuses = set(EVERYWHERE)
    if "{" in path:
        statuses |= {403, 404}
    if "requestBody" in operation:
        statuses.update(WITH_A_BODY)
    if method != "get":
        statuses.update(WRITING)
    return statuses


def _error_response(status: int) -> dict[str, Any]:
    return {
        "description": ERRORS[status][1],
        "headers": _headers([*ERROR_HEADERS.get(status, ()), *RATE_LIMIT]),
        "content": {"application/json": {"schema": ERROR}},
    }


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _owner_of(path: str, name: str) -> str:
    """What an id in a path belongs to: "recording" for the first of /recordings/{id}/tags/{tag}."""
    plural = path.partition(f"/{{{name}}}")[0].rpartition("/")[2].replace("-", " ")
    return f"{plural[:-3]}y" if plural.endswith("ies") else plural.removesuffix("s")
