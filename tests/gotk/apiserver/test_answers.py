"""Requests that a real API server once answered, sent to ours in the same order: status and body must be the same.

`DIFFERENT` lists where ours answers otherwise, and why; the documentation lists the same. Times, uids and revisions
differ by nature.
"""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gotk.apiserver import ControlPlane
from tests.gotk.apiserver.answers import STEPS
from tests.gotk.apiserver.caller import Answer, Caller

DOCUMENTED = Path(__file__).parents[3] / "docs" / "conformance.md"
#: How many bodies must at least be upstream's.
SAME_AT_LEAST = 115

#: Steps whose body or warnings (never the status, the reason or the causes) are ours and not upstream's.
DIFFERENT = {
    "crd create": "managers of a definition also own `spec` itself, which Go types cannot tell from an empty one",
    "crd get": "the same, and the controller that writes the status goes by another name",
    "generateName": "the name is random",
    "list bad continue": "the token is decoded by another library, which words its complaint in its own way",
    "accept pb": "upstream answers in the protobuf that it refuses to read; ours answers in JSON",
    "wrong apiVersion": "upstream also warns of every field, as it knows none of a version that is not there",
}
_VARYING = {"uid", "creationTimestamp", "time", "resourceVersion", "deletionTimestamp", "lastTransitionTime"}
_AGE = re.compile(r"^\d+s$")
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def normal(value: Any) -> Any:
    if isinstance(value, dict):
        found = {key: normal(each) for key, each in value.items() if key not in _VARYING}
        if isinstance(found.get("managedFields"), list):  # ordered by time, and a second may have passed in between
            found["managedFields"].sort(key=lambda entry: json.dumps(entry, sort_keys=True))
        return found
    if isinstance(value, list):
        return [normal(each) for each in value]
    if isinstance(value, str):
        return _AGE.sub("AGE", _UID.sub("UID", value))
    return value


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def replay(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Answer]]:
    async with ControlPlane(tmp_path_factory.mktemp("plane")) as plane, Caller(plane.kubeconfig) as api:
        yield {step["step"]: await _send(api, step["request"]) for step in STEPS}


async def _send(api: Caller, request: dict[str, Any]) -> Answer:
    body = request["rawBody"].encode() if "rawBody" in request else request.get("body")
    return await api.call(
        request["method"],
        request["path"],
        body,
        media=request.get("contentType") or "application/json",
        accept=request.get("accept") or "application/json",
    )


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("step", [pytest.param(each, id=each["step"]) for each in STEPS])
async def test_ours_answers_as_the_real_one_did(replay: dict[str, Answer], step: dict[str, Any]) -> None:
    ours, real = replay[step["step"]], step["response"]
    assert ours.status == real["status"]
    if isinstance(real["body"], dict) and isinstance(ours.body, dict):
        assert ours.body["kind"] == real["body"]["kind"]
        assert ours.body.get("reason") == real["body"].get("reason")
        assert causes(ours.body) == causes(real["body"])
    same = (normal(ours.body), ours.warnings) == (normal(real["body"]), real["warnings"])
    assert same == (step["step"] not in DIFFERENT), "another body" if not same else "no longer different: off the list"


def causes(body: dict[str, Any]) -> Any:
    details = body.get("details")
    return details.get("causes") if isinstance(details, dict) and body["kind"] == "Status" else None


def test_nearly_all_answers_are_the_same() -> None:
    assert len(STEPS) == 122
    assert len(STEPS) - len(DIFFERENT) >= SAME_AT_LEAST


def test_what_differs_is_what_the_documentation_says() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", DOCUMENTED.read_text(), flags=re.MULTILINE)
    assert dict(rows) == DIFFERENT
