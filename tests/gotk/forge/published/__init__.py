"""What forges publish about their APIs, reduced to the operations that we use; each file names its source and licence.

A stand-in that is given one refuses a request that the description does not have, and may answer nothing that it does
not have either. So a stand-in cannot be kinder to us than the forge is.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_HERE = Path(__file__).parent
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    # GitLab's description does not tell an object from a list of such.
    "objects": (dict, list),
}


class Unpublished(AssertionError):
    """A request or an answer is not as the forge's description has it."""


@dataclass(frozen=True)
class Asked:
    """A request as its description reads it."""

    operation: str
    path: dict[str, str]
    query: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Description:
    """One forge's description; `prefix` is where its API is."""

    operations: dict[str, Any]
    graphql: dict[str, Any]

    def read(self, method: str, url: str, body: bytes, *, prefix: str) -> Asked:
        """Find the operation that a request is, and hold the request against it. Raises Unpublished."""
        parts = urlsplit(url)
        if not url.startswith(prefix):
            raise Unpublished(f"{url} is not below {prefix}")
        asked = parts.path.removeprefix(urlsplit(prefix).path)
        for name, operation in self.operations.items():
            verb, _, template = name.partition(" ")
            if verb == method and (found := _pattern(template).fullmatch(asked)):
                listed = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
                sent = json.loads(body) if body else None
                _check_query(name, operation.get("query", {}), listed)
                query = {key: ",".join(text for each, text in listed if each == key) for key, _ in listed}
                _check_body(name, operation.get("body"), sent)
                return Asked(name, {key: unquote(text) for key, text in found.groupdict().items()}, query, sent)
        raise Unpublished(f"{method} {asked} is not in the description")

    def check(self, operation: str, status: int, body: Any) -> None:
        """Hold an answer against its description. Raises Unpublished."""
        answers = self.operations[operation]["answers"]
        refusals = {int(each) for each in answers if each.isdigit() and each >= "400"}
        # Some descriptions know of success alone.
        if status >= 400 and refusals and status not in {401, 403, 404, 429, *refusals}:
            raise Unpublished(f"{operation} is not known to answer {status}")
        if status < 300:
            schema = answers.get(str(status), answers.get("default"))
            if schema is None:
                raise Unpublished(f"{operation} is not known to answer {status}")
            if schema:
                conform(body, schema, f"the answer to {operation}")


@cache
def load(name: str) -> Description:
    """Read a forge's description."""
    found = json.loads((_HERE / f"{name}.json").read_text())
    assert found["source"]
    assert found["licence"]
    return Description(found["operations"], found.get("graphql", {}))


@cache
def _pattern(template: str) -> re.Pattern[str]:
    # A star is for what may be several parts of the path, as forges take it that route so.
    parts = re.split(r"\{(\w+\*?)\}", template)
    named = (f"(?P<{part.rstrip('*')}>{'.+' if part.endswith('*') else '[^/]+'})" for part in parts[1::2])
    fixed = map(re.escape, parts[::2])
    return re.compile("".join(part for pair in zip_longest(fixed, named, fillvalue="") for part in pair))


def _check_query(name: str, known: dict[str, Any], sent: list[tuple[str, str]]) -> None:
    for key, value in sent:
        if key not in known:
            raise Unpublished(f"{name} has no parameter {key}")
        schema = known[key]
        if "enum" in schema and value not in schema["enum"]:
            raise Unpublished(f"{name}: {key}={value} is none of {schema['enum']}")
        if schema.get("type") == "integer" and not value.isdigit():
            raise Unpublished(f"{name}: {key}={value} is no number")
    for key, schema in known.items():
        if schema.get("required") and key not in dict(sent):
            raise Unpublished(f"{name} needs the parameter {key}")


def _check_body(name: str, schema: dict[str, Any] | None, sent: Any) -> None:
    if schema is None:
        if sent is not None:
            raise Unpublished(f"{name} takes no body")
    elif sent is not None:
        conform(sent, schema, f"the body of {name}")
    elif schema.get("required"):
        raise Unpublished(f"{name} needs a body")


def conform(value: Any, schema: dict[str, Any], where: str) -> None:
    """Hold a value against a schema: types, required and known properties, enumerations. Raises Unpublished."""
    if value is None and schema.get("nullable"):
        return
    if "oneOf" in schema:
        if not any(_fits(value, each, where) for each in schema["oneOf"]):
            raise Unpublished(f"{where}: {value!r} is none of what it may be")
        return
    kind = schema.get("type")
    if kind is not None and (not isinstance(value, _TYPES[kind]) or (kind != "boolean" and isinstance(value, bool))):
        raise Unpublished(f"{where}: {value!r} is no {kind}")
    if "enum" in schema and value not in schema["enum"]:
        raise Unpublished(f"{where}: {value!r} is none of {schema['enum']}")
    if isinstance(value, list):
        items = schema if kind == "objects" else schema.get("items", {})
        for at, each in enumerate(value):
            conform(each, items, f"{where}[{at}]")
    elif "properties" in schema:
        _conform_object(value, schema, where)


def _conform_object(value: dict[str, Any], schema: dict[str, Any], where: str) -> None:
    for name in schema.get("required", ()):
        if name not in value:
            raise Unpublished(f"{where} lacks {name}")
    for name, each in value.items():
        if name not in schema["properties"]:
            raise Unpublished(f"{where} has no {name}")
        conform(each, schema["properties"][name], f"{where}.{name}")


def _fits(value: Any, schema: dict[str, Any], where: str) -> bool:
    try:
        conform(value, schema, where)
    except Unpublished:
        return False
    return True


def sample(schema: dict[str, Any]) -> Any:
    """Make the least value that a schema takes: what an answer has besides what a test is about."""
    if schema.get("nullable"):
        return None
    if "oneOf" in schema:
        return sample(schema["oneOf"][0])
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        known = schema.get("properties", {})
        return {name: sample(known[name]) for name in schema.get("required", ())}
    return {"string": "x", "integer": 1, "number": 1, "boolean": False, "array": []}.get(str(kind))


def filled(value: Any, schema: dict[str, Any]) -> Any:
    """Add to a value what its schema requires besides, all the way down."""
    if isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        more = {name: sample(known[name]) for name in schema.get("required", ()) if name not in value}
        return {name: filled(each, known.get(name, {})) for name, each in value.items()} | more
    if isinstance(value, list):
        return [filled(each, schema.get("items", {})) for each in value]
    return value


#: Where each description's API is, by the class of ours that asks it.
_PREFIXES = {
    "GitHub": ("github", "/api/v3"),
    "GitLab": ("gitlab", ""),
    "Gitea": ("gitea", "/api/v1"),
    "Bitbucket": ("bitbucket", "https://api.bitbucket.org/2.0"),
    "BitbucketServer": ("bitbucket_server", "/rest"),
    "AzureDevOps": ("azuredevops", "https://dev.azure.com"),
}


def hold_against(forge: object, method: str, url: str, body: bytes) -> None:
    """Hold one request of a forge's class against the forge's description. Raises Unpublished."""
    name, prefix = _PREFIXES[type(forge).__name__]
    here = prefix if "://" in prefix else "{0.scheme}://{0.netloc}".format(urlsplit(url)) + prefix
    load(name).read(method, url, body, prefix=here)
