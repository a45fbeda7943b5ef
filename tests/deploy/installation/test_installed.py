"""Which installation Deployments are of, and whether another may take its place."""

from typing import Any

import pytest

from deploy.installation import installed

_OURS = {"app.kubernetes.io/name": "image-automation"}
_SYNCED = {"kustomize.toolkit.fluxcd.io/name": "flux-system", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}


def deployment(name: str, *, image: str = "x:v1", replicas: int = 1, **metadata: Any) -> dict[str, Any]:
    pod = {"spec": {"containers": [{"image": image}]}}
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "flux-system"} | metadata,
        "spec": {"replicas": replicas, "template": pod},
    }


def test_installations_are_told_apart_by_whose_and_where() -> None:
    found = installed.find(
        [
            deployment("source-controller", image="ghcr.io/fluxcd/source-controller:v1.7.0@sha256:ab", labels=_SYNCED),
            deployment("image-automation", labels=_OURS),
            deployment("kustomize-controller", image="localhost:5000/kustomize-controller", replicas=0),
            deployment("source-controller", namespace="second"),
        ]
    )
    stopped, running = "kustomize-controller (no version, stopped)", "source-controller (v1.7.0)"
    assert [str(each) for each in found] == [
        f"Flux in namespace flux-system, synced by Kustomization flux-system/flux-system: {stopped}, {running}",
        "Flux in namespace second: source-controller (v1)",
        "image-automation in namespace flux-system: image-automation (v1)",
    ]
    assert [each.acts for each in found] == [True, True, True]


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        pytest.param({"labels": {"fluxcd.controlplane.io/name": "flux"}}, "the Flux Operator would", id="the operator"),
        pytest.param({"annotations": {"meta.helm.sh/release-name": "flux2"}}, "Helm release flux2 would", id="Helm"),
        pytest.param(
            {"labels": _OURS, "annotations": {"meta.helm.sh/release-name": "ia"}},
            "`helm uninstall ia --namespace flux-system`",
            id="our chart",
        ),
        pytest.param({"labels": _SYNCED}, "", id="a Kustomization, which is suspended meanwhile"),
    ],
)
def test_who_keeps_an_installation_stands_in_the_way_of_a_move(metadata: dict[str, Any], said: str) -> None:
    (found,) = installed.find([deployment("source-controller", **metadata)])
    assert said in installed.obstacle(found)
    assert bool(said) == bool(installed.obstacle(found))
