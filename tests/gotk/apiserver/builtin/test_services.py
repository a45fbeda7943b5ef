"""A Service may become one of another type without saying farewell to what only the former type had."""

from typing import Any

import pytest

from tests.gotk.apiserver.caller import APPLY, Caller

PATH = "/api/v1/namespaces/default/services"
KINDS: dict[str, dict[str, Any]] = {
    "ClusterIP": {},
    "NodePort": {},
    "LoadBalancer": {},
    "ExternalName": {"externalName": "a.example.com"},
}


def service(kind: str) -> dict[str, Any]:
    spec = {"type": kind, "ports": [{"port": 80}], **KINDS[kind]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec}


@pytest.mark.parametrize("new", KINDS)
@pytest.mark.parametrize("old", KINDS)
async def test_any_type_becomes_any_other(api: Caller, old: str, new: str) -> None:
    how = "?fieldManager=a"
    fresh = (await api.patch(f"{PATH}/f{how}", {**service(new), "metadata": {"name": "f"}}, media=APPLY)).body["spec"]
    await api.patch(f"{PATH}/s{how}", service(old), media=APPLY)
    changed = await api.patch(f"{PATH}/s{how}", service(new), media=APPLY)
    assert changed.status == 200, changed.body
    assert changed.body["spec"] == fresh


async def test_what_is_changed_as_well_is_not_dropped_but_refused(api: Caller) -> None:
    await api.post(PATH, service("LoadBalancer"))
    wrong = {"type": "ClusterIP", "allocateLoadBalancerNodePorts": False}
    answer = await api.patch(f"{PATH}/s", {"spec": wrong})
    assert answer.status == 422
    assert "may only be used when `type` is 'LoadBalancer'" in answer.body["message"]
