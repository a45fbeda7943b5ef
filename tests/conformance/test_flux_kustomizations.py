"""Our Kustomizations beside Flux's kustomize-controller: what is applied, and what the status says of it.

The digest in the history is that of the built text: where it is the same, so is every byte of the build.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gotk.git.objects import seed
from gotk.git.serving.server import GitServer
from tests.conformance import flux_controllers
from tests.deploy.kustomize.decryption import encrypting
from tests.e2e import stage
from tests.e2e.stage import Stage, condition

pytestmark = [flux_controllers.needed, pytest.mark.timeout(280)]

KUSTOMIZE = "kustomize.toolkit.fluxcd.io/v1"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\ndata: {v: '1'}\n"
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "example.com/web:1.0.0", ports: [{containerPort: 80}]}]}
"""
DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
#: Stands for what sops makes of a Secret.
ENCRYPTED = "encrypted"
NUMBERS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: "${name}-vars"}
data:
  default: "${none:=a default}"
  upper: ${name^^}
  part: ${name:1:2}
  escaped: $${name}
  replaced: ${name/e/3}
  length: "${#name}"
"""


def config(name: str) -> str:
    return CONFIG.replace("NAME", name)


#: By name: files below its folder, and what of the spec goes with them.
CASES: Mapping[str, tuple[dict[str, str], dict[str, Any]]] = {
    "plain": ({"b.yaml": config("b"), "a/a.yml": config("a") + "---\n" + config("c"), "notes.md": "x"}, {}),
    "list": (
        {"l.yaml": "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: l1}}\n"
                   "- {apiVersion: v1, kind: ConfigMap, metadata: {name: l2}, data: {a: 'yes', b: \"1\"}}\n"},
        {},
    ),
    "overlay": (
        {
            "kustomization.yaml": "resources: [base]\nnamePrefix: mine-\nlabels: [{pairs: {a: b}}]\n",
            "base/kustomization.yaml": "resources: [d.yaml]\nconfigMapGenerator: [{name: g, literals: [k=v]}]\n",
            "base/d.yaml": DEPLOYMENT,
            "part/kustomization.yaml":
                "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [p.yaml]\n",
            "part/p.yaml": config("part"),
        },
        {
            "namePrefix": "pre-", "nameSuffix": "-suf", "components": ["part", "none"], "ignoreMissingComponents": True,
            "images": [{"name": "example.com/web", "newName": "mirror.example.com/web", "newTag": "2.0.0"}],
            "patches": [{"patch": "- {op: add, path: /spec/replicas, value: 3}", "target": {"kind": "Deployment"}}],
            "commonMetadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}},
        },
    ),
    "origins": ({"a.yaml": config("origin")}, {"buildMetadata": ["originAnnotations"]}),
    "variables": (
        {"n.yaml": NUMBERS},
        {"postBuild": {"substitute": {"name": "fleet"}}},
    ),
    "a variable of another type": (
        {"n.yaml": 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: t, annotations: {n: "${number}"}}\n'},
        {"postBuild": {"substitute": {"number": "123"}}},
    ),
    "a variable without a value": (
        {"n.yaml": NUMBERS.replace("none:=a default", "none")}, {"postBuild": {"substitute": {"name": "fleet"}}},
    ),
    "encrypted": (
        {"s.yaml": ENCRYPTED},
        {"decryption": {"provider": "sops", "secretRef": {"name": "keys"}}},
    ),
    "stages": (
        {"w.yaml": "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: extra}\nspec: {size: 1}\n",
         "d.yaml": DEFINITION, "n.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: extra}\n"},
        {"targetNamespace": None},
    ),
    "waits": ({"a.yaml": config("waits")}, {"wait": True}),
    "empty": ({"README.md": "nothing"}, {}),
    "no such folder": ({"a.yaml": config("nope")}, {"path": "./none"}),
    "no such kind": ({"a.yaml": "apiVersion: example.org/v1\nkind: Gone\nmetadata: {name: x}\n"}, {}),
    "no namespace": ({"a.yaml": config("x")}, {"targetNamespace": None}),
    "refused": ({"a.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 0}]}\n"}, {}),
    "no such source": ({"a.yaml": config("x")}, {"sourceRef": {"kind": "GitRepository", "name": "none"}}),
    "no such dependency": ({"a.yaml": config("x")}, {"dependsOn": [{"name": "none"}]}),
    "an expression that is none": (
        {"a.yaml": config("x")},
        {"wait": True, "healthCheckExprs": [{"apiVersion": "v1", "kind": "ConfigMap", "current": "1 +"}]},
    ),
}  # fmt: skip
#: Whose message quotes a program or library that words it in its own way.
WORDED = {
    "no such folder",
    "refused",
    "an expression that is none",
    "no such source",
    "no such dependency",
    "no namespace",
}


def slug(name: str) -> str:
    return name.replace(" ", "-")


def kustomization(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "interval": "1h", "prune": True, "path": f"./{slug(name)}", "targetNamespace": "default",
        "sourceRef": {"kind": "GitRepository", "name": "fleet"}, **CASES[name][1],
    }  # fmt: skip
    metadata = {"name": slug(name), "namespace": "default"}
    return {
        "apiVersion": KUSTOMIZE, "kind": "Kustomization", "metadata": metadata,
        "spec": {key: value for key, value in spec.items() if value is not None},
    }  # fmt: skip


async def seen(up: Stage, url: str) -> dict[str, Any]:
    """Apply everything, and return what became of each Kustomization, and the objects that it applied."""
    source = {
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": {"name": "fleet", "namespace": "default"},
        "spec": {"interval": "1h", "url": url, "ref": {"branch": "main"}},
    }  # fmt: skip
    keys = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": "default"},
        "stringData": {"a.agekey": encrypting.AGE_KEY},
    }  # fmt: skip
    await up.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": [keys, source]}))
    await up.until(source["apiVersion"], "GitRepository", "default", "fleet", lambda obj: "artifact" in obj["status"])
    objects = [kustomization(name) for name in CASES]
    await up.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return {name: await became(up, name) for name in CASES}


async def became(up: Stage, name: str) -> dict[str, Any]:
    obj = await up.until(KUSTOMIZE, "Kustomization", "default", slug(name), has_ended)
    status, ready = obj["status"], condition(obj, "Ready")
    entries = (status.get("inventory") or {}).get("entries") or []
    past = (status.get("history") or [{}])[0]
    return {
        "ready": (ready["status"], ready["reason"]),
        "message": "" if name in WORDED else ready["message"].strip(),
        "stalled": condition(obj, "Stalled").get("reason"),
        "healthy": condition(obj, "Healthy").get("reason"),
        "applied": status.get("lastAppliedRevision"),
        "attempted": status.get("lastAttemptedRevision"),
        "inventory": sorted((each["id"], each["v"]) for each in entries),
        "history": (past.get("digest"), past.get("lastReconciledStatus"), past.get("metadata")),
        "live": [await live(up, each) for each in sorted(entries, key=lambda each: str(each["id"]))],
    }


def has_ended(obj: dict[str, Any]) -> bool:
    """Tell whether a run is over, and all of its status written: Flux's controller writes the conditions first."""
    ready, status = condition(obj, "Ready"), obj.get("status") or {}
    if ready.get("status") == "True":
        return "history" in status and "lastAppliedRevision" in status
    tried = ready.get("reason") == "ReconciliationFailed" and condition(obj, "Stalled").get("status") != "True"
    return ready.get("status") == "False" and ("history" in status or not tried)


def without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out what Flux's typed objects hold besides: structs without a field, which no manifest names."""
    structs = {"f:strategy", "f:resources", "f:spec"}
    return {key: without_empty(value) for key, value in fields.items() if value or key not in structs}


async def live(up: Stage, entry: Mapping[str, str]) -> dict[str, Any]:
    namespace, rest = entry["id"].split("_", 1)
    name, group, kind = rest.rsplit("_", 2)
    api_version = f"{group}/{entry['v']}" if group else entry["v"]
    obj = await up.client.get_object(api_version, kind, namespace, name)
    metadata = {key: obj["metadata"].get(key) for key in ("name", "namespace", "labels", "annotations")}
    managers = sorted((each["manager"], each["operation"]) for each in obj["metadata"]["managedFields"])
    owned = [
        without_empty(each["fieldsV1"]) for each in obj["metadata"]["managedFields"] if each["operation"] == "Apply"
    ]
    held = {key: value for key, value in obj.items() if key not in {"metadata", "status"}}
    spec = dict(held.get("spec") or {})
    for assigned in ("clusterIP", "clusterIPs"):
        spec.pop(assigned, None)
    return {**held, **({"spec": spec} if spec else {}), "metadata": metadata, "managers": managers, "owned": owned}


async def test_kustomizations_are_applied_alike(tmp_path: Path) -> None:
    secret = encrypting.manifest()
    files = {
        f"{slug(name)}/{path}": secret if text == ENCRYPTED else text
        for name, (files, _) in CASES.items()
        for path, text in files.items()
    }
    seed.seed(tmp_path / "srv" / "fleet.git", files)
    with GitServer(tmp_path / "srv") as server:
        url = server.url("fleet.git")
        async with stage.running(tmp_path / "theirs", controllers=frozenset({"gitrepository"})) as up:
            await up.kubectl("create", "namespace", "flux-system")
            async with flux_controllers.kustomize_controller(up.kubeconfig, tmp_path / "flux"):
                theirs = await seen(up, url)
        async with stage.running(tmp_path / "ours", controllers=frozenset({"gitrepository", "kustomization"})) as up:
            ours = await seen(up, url)
    different = [
        (name, field, ours[name][field], expected)
        for name, found in theirs.items()
        for field, expected in found.items()
        if ours[name][field] != expected
    ]
    assert not different, "\n".join(map(str, different))
