"""A pretended installation of Flux: what `flux install --export` prints as far as a move looks at it, and its sync."""

from typing import Any

import yaml

import deploy.crds
from image_automation.cli.verbs.bootstrap import files

CONTROLLERS = ("kustomize-controller", "notification-controller", "source-controller")
IMAGE_CONTROLLERS = ("image-automation-controller", "image-reflector-controller")
_LABELS = {"app.kubernetes.io/instance": "flux-system", "app.kubernetes.io/part-of": "flux"}
_GROUPS = ("source.toolkit.fluxcd.io", "kustomize.toolkit.fluxcd.io", "notification.toolkit.fluxcd.io")

WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry.example.com/web:1.0.0}]}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: default}
spec: {imageRepositoryRef: {name: web}, policy: {alphabetical: {}}}
"""
PATCHED = (
    files.FIRST_KUSTOMIZATION
    + """\
patches:
- target: {kind: Deployment, name: (kustomize-controller|image-automation)}
  patch: |
    - {op: add, path: /metadata/annotations, value: {team: platform}}
"""
)
MERGED = (
    files.FIRST_KUSTOMIZATION
    + """\
patches:
- patch: |
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: kustomize-controller, namespace: flux-system}
    spec: {replicas: 1}
"""
)


def kit(*arguments: str, images: bool = False) -> str:
    """Return the kit, of which every controller has these arguments; with those of images where that is said."""
    return "".join(f"---\n{yaml.safe_dump(each)}" for each in objects(*arguments, images=images))


def objects(*arguments: str, images: bool = False) -> list[dict[str, Any]]:
    """Return the objects of the kit."""
    found = [_obj("v1", "Namespace", "flux-system")]
    for crd in deploy.crds.load():
        if crd["spec"]["group"] in _GROUPS or (images and crd["spec"]["group"] == "image.toolkit.fluxcd.io"):
            metadata = {"name": crd["metadata"]["name"], "labels": {**_LABELS, "app.kubernetes.io/version": "v2.8.0"}}
            found.append(
                {"apiVersion": crd["apiVersion"], "kind": crd["kind"], "metadata": metadata, "spec": crd["spec"]}
            )
    subject = {"kind": "ServiceAccount", "name": "kustomize-controller", "namespace": "flux-system"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    binding = _obj("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "cluster-reconciler-flux-system")
    found.append(binding | {"roleRef": role, "subjects": [subject]})
    for name in (*CONTROLLERS, *(IMAGE_CONTROLLERS if images else ())):
        found += [_obj("v1", "ServiceAccount", name), _deployment(name, arguments)]
    for name in ("notification-controller", "source-controller", "webhook-receiver"):
        spec = {"selector": {"app": name}, "ports": [{"name": "http", "port": 80}]}
        found.append(_obj("v1", "Service", name) | {"spec": spec})
    return found


def _deployment(name: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    container = {"name": "manager", "image": f"ghcr.io/fluxcd/{name}:v1.7.0", "args": ["--log-level=info", *arguments]}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
    return _obj("apps/v1", "Deployment", name) | {"spec": spec}


def _obj(api_version: str, kind: str, name: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "labels": dict(_LABELS)}
    if kind not in {"Namespace", "ClusterRoleBinding"}:
        metadata["namespace"] = "flux-system"
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def repository(url: str, *, images: bool = False) -> dict[str, str]:
    """Return the files of a repository that Flux was bootstrapped with."""
    sync = files.Sync(
        url=url, branch="main", path="clusters/one", namespace="flux-system", secret="flux-system", interval="1m0s"
    )
    return {
        "clusters/one/flux-system/gotk-components.yaml": kit(images=images),
        "clusters/one/flux-system/gotk-sync.yaml": files.sync(sync),
        "clusters/one/flux-system/kustomization.yaml": PATCHED,
        "clusters/one/apps.yaml": WORKLOAD,
    }
