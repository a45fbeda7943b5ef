"""Workloads to try the simulator on, and waiting for what becomes of them."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.gotk.apiserver.caller import Caller

Json = dict[str, Any]
APPS, CORE, BATCH = (f"/{path}/namespaces/default" for path in ("apis/apps/v1", "api/v1", "apis/batch/v1"))
TOLD = "image-automation.dev/simulate"


def template(image: str = "web:1", **labels: str) -> Json:
    return {
        "metadata": {"labels": labels or {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": image, "ports": [{"name": "http", "containerPort": 80}]}]},
    }


def workload(kind: str, name: str = "web", *, told: str = "", image: str = "web:1", **spec: Any) -> Json:
    metadata: Json = {"name": name, **({"annotations": {TOLD: told}} if told else {})}
    rest = {"selector": {"matchLabels": {"app": "web"}}, "template": template(image), **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": rest}


def job(name: str = "once", *, told: str = "", **spec: Any) -> Json:
    made = template(app="once")
    made["spec"]["restartPolicy"] = "Never"
    metadata: Json = {"name": name, **({"annotations": {TOLD: told}} if told else {})}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": made, **spec}}


async def until(api: Caller, path: str, holds: Callable[[Any], Any], limit: float = 10) -> Any:
    """Ask until something holds of the answer's body, and return it; fails with the last one."""
    body: Any = None
    try:
        async with asyncio.timeout(limit):
            while True:
                body = (await api.get(path)).body
                if body.get("kind") != "Status":
                    body.setdefault("status", {})
                if holds(body):
                    return body
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"{path}: {body.get('status', body)}") from None


def condition(obj: Json, kind: str) -> Json:
    found = (each for each in (obj.get("status") or {}).get("conditions") or () if each["type"] == kind)
    return next(found, {})


def reason(obj: Json, kind: str) -> str:
    return str(condition(obj, kind).get("reason", ""))


def rolled_out(obj: Json) -> bool:
    """Whether `kubectl rollout status` would call a Deployment done."""
    status, wanted = obj.get("status") or {}, obj["spec"]["replicas"]
    counts = (status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"))
    observed = status.get("observedGeneration", 0) >= obj["metadata"]["generation"]
    return observed and all(count == wanted for count in counts) and reason(obj, "Progressing").startswith("NewReplica")
