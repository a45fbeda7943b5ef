"""Damaged objects, patches, options and queries: refused, never a crash, and all that is stored can still be read.

Damage is done to upstream's examples with every field filled in, so that it reaches deep into every kind.
"""

import base64
import json
import random
from typing import Any

import pytest

from gotk.apiserver import ControlPlane
from gotk.apiserver.builtin import served
from gotk.apiserver.resources.resource import Resource
from tests.gotk.apiserver.caller import APPLY, JSON_PATCH, MERGE, STRATEGIC, Answer, Caller
from tests.gotk.apiserver.widgets import widget
from tests.gotk.apiserver.wire.test_protobuf import GOLDEN

REQUESTS = 500
JUNK = [None, "", "x", 0, -1, 1.5, True, [], [1], {}, {"a": 1}, [[]], [{}], 10**30, 2**63, "a/b/c", [None], ["a", "a"]]
QUERY = ["limit", "continue", "resourceVersionMatch", "labelSelector", "fieldSelector", "dryRun", "fieldManager"]
QUERY += ["fieldValidation", "propagationPolicy", "gracePeriodSeconds", "includeObject", "sendInitialEvents", "watch"]
VALUES = ["", "1", "-1", "zz", "a=b", "a in (b", "metadata.name=a", "!a,b!=c", "%00", "=", "99999999999999999999"]
ACCEPTED = ["application/json", "application/yaml", "application/json;as=Table;v=v1;g=meta.k8s.io"]
PROTOBUF = "application/vnd.kubernetes.protobuf"


def things(plane: ControlPlane) -> list[tuple[Resource, dict[str, Any], bytes]]:
    """Kinds, each with an object as JSON and in protobuf."""
    known = {(each.api_version, each.kind): each for each in served.RESOURCES}
    found = []
    for pair in GOLDEN.values():
        resource = known.get((pair["json"]["apiVersion"], pair["json"]["kind"]))
        if resource is not None:
            found.append((resource, pair["json"], base64.b64decode(pair["pb"])))
    widgets = plane.registry.lookup("example.org", "v1", "widgets")
    assert widgets is not None
    full = {**widget("a", color="red", replicas=1, args=["x"]), "status": {"conditions": [], "replicas": 1}}
    return [*found, *[(widgets, full, b"k8s\x00nothing")] * 5]


class Fuzzer:
    def __init__(self, api: Caller, seed: int) -> None:
        self.api = api
        self.random = random.Random(seed)

    def junk(self) -> Any:
        return json.loads(json.dumps(self.random.choice(JUNK)))

    def damaged(self, value: Any) -> Any:
        """Replace something, anywhere inside, by something else."""
        value = json.loads(json.dumps(value))
        at = value
        while at:
            key = self.random.choice(list(at) if isinstance(at, dict) else range(len(at)))
            if not isinstance(at[key], (dict, list)) or not at[key] or self.random.random() < 0.25:
                at[key] = self.junk()
                break
            at = at[key]
        return value

    def flipped(self, data: bytes) -> bytes:
        found = bytearray(data[: self.random.choice([len(data), self.random.randrange(len(data))])])
        for _ in range(self.random.randrange(6) if found else 0):
            found[self.random.randrange(len(found))] = self.random.randrange(256)
        return bytes(found)

    async def send(self, resource: Resource, example: dict[str, Any], protobuf: bytes) -> Answer:
        head = {"name": "a", **({"namespace": "default"} if resource.namespaced else {})}
        system = ("resourceVersion", "uid", "deletionTimestamp", "deletionGracePeriodSeconds", "generateName")
        metadata = {key: value for key, value in example["metadata"].items() if key not in system}
        obj = {**example, "metadata": {**metadata, **head}}
        group = f"/apis/{resource.api_version}" if resource.group else "/api/v1"
        path = f"{group}{'/namespaces/default' if resource.namespaced else ''}/{resource.plural}"
        item, broken = f"{path}/a", self.damaged(obj)
        match self.random.randrange(8):
            case 0:
                return await self.api.post(path, self.random.choice([obj, broken]))
            case 1:
                return await self.api.put(item, broken)
            case 2:
                return await self.api.patch(item, broken, self.random.choice([MERGE, STRATEGIC]))
            case 3:
                return await self.api.patch(f"{item}?fieldManager=me&force=true", broken, APPLY)
            case 4:
                return await self.api.call("POST", path, self.flipped(protobuf), media=PROTOBUF)
            case 5:
                paths = ["/spec", "/metadata/labels/a", "/metadata", "", "/kind", "/spec/args/9", "x"]
                operation = {"op": self.random.choice(["add", "remove", "replace", "copy", "zz"]), "value": self.junk()}
                return await self.api.patch(item, [{**operation, "path": self.random.choice(paths)}], JSON_PATCH)
            case 6:
                part = self.random.choice(["status", "scale"])
                body = self.random.choice([broken, {"spec": {"replicas": self.junk()}}, self.junk()])
                media = self.random.choice([MERGE, "application/json"])
                method = "PATCH" if media == MERGE else "PUT"
                return await self.api.call(method, f"{item}/{part}", json.dumps(body).encode(), media=media)
            case _:
                chosen = self.random.sample(QUERY, 3)
                query = "&".join(f"{key}={self.random.choice(VALUES)}" for key in chosen)
                if "watch" in chosen or self.random.random() < 0.5:
                    options = self.damaged(
                        {"preconditions": {"uid": "x"}, "dryRun": ["All"], "propagationPolicy": "Orphan"}
                    )
                    return await self.api.delete(f"{item}?{query}", options)
                return await self.api.get(f"{path}?{query}", accept=self.random.choice(ACCEPTED))


@pytest.mark.parametrize("seed", [1, 2])
async def test_damage_is_refused_and_never_a_crash(
    plane: ControlPlane, api: Caller, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    fuzzer, kinds = Fuzzer(api, seed), things(plane)
    for _ in range(REQUESTS):
        answer = await fuzzer.send(*fuzzer.random.choice(kinds))
        crashed = [record.getMessage() for record in caplog.records if record.exc_info]
        assert not crashed, answer
        if answer.status >= 500:  # what upstream answers so itself
            assert answer.body["message"].startswith(("failed to create typed patch", "resourceVersion should not"))
    for resource in plane.registry.all():
        if "list" in resource.verbs:
            group = f"/apis/{resource.api_version}" if resource.group else "/api/v1"
            for accept in ACCEPTED:
                assert (await api.get(f"{group}/{resource.plural}", accept=accept)).status == 200
