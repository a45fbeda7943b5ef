"""Requests that a real API server once answered, sent to ours in the same order: status and body must be the same.

`DIFFERENT` lists where ours answers otherwise, and why. Times, uids and revisions differ by nature.
"""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gotk.apiserver.server import ControlPlane
from tests.gotk.apiserver.caller import Answer, Caller

RECORDED = Path(__file__).parent / "answers" / "custom-resources.json"
STEPS: list[dict[str, Any]] = json.loads(RECORDED.read_text())["steps"]

#: Steps whose body (never the status or the reason) is ours and not upstream's.
DIFFERENT = {
    "crd create": "managers of a definition also own `spec` itself, which Go types cannot tell from an empty one",
    "crd get": "the same, and the controller that writes the status goes by another name",
    "generateName": "the name is random",
    "list bad continue": "the token is decoded by another library, which words its complaint in its own way",
    "accept pb": "upstream answers in the protobuf that it refuses to read; ours answers in JSON",
}
#: Steps that are not sent, as ours deliberately says yes where upstream says no and later steps build on the no.
NOT_SENT = {
    "ssa m1 drop": "upstream leaves a null where the last key of a map goes, and then refuses it; ours lets it go"
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
    answers = {}
    async with ControlPlane(tmp_path_factory.mktemp("plane")) as plane, Caller(plane.kubeconfig) as api:
        for step in STEPS:
            if step["step"] not in NOT_SENT:
                answers[step["step"]] = await _send(api, step["request"])
        yield answers


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
@pytest.mark.parametrize(
    "step", [pytest.param(each, id=each["step"]) for each in STEPS if each["step"] not in NOT_SENT]
)
async def test_ours_answers_as_the_real_one_did(replay: dict[str, Answer], step: dict[str, Any]) -> None:
    ours, real = replay[step["step"]], step["response"]
    assert ours.status == real["status"]
    if step["step"] != "wrong apiVersion":  # upstream warns of every field, as it knows none of that version
        assert ours.warnings == real["warnings"]
    if step["step"] not in DIFFERENT:
        assert normal(ours.body) == normal(real["body"])
        return
    assert normal(ours.body) != normal(real["body"]), "no longer different: take it off the list"
    if isinstance(real["body"], dict):
        assert ours.body["kind"] == real["body"]["kind"]
        assert ours.body.get("reason") == real["body"].get("reason")
