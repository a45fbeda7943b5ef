"""What holds a chart, made for tests."""

from typing import Any

from deploy.helm.prerequisites import CHART_HOLDERS, ChartHolder
from gotk.api import scheme

_SPECS: dict[str, dict[str, Any]] = {
    "HelmChart": {"chart": "web", "interval": "1m", "sourceRef": {"kind": "HelmRepository", "name": "charts"}},
    "OCIRepository": {"url": "oci://registry.example.com/web", "interval": "1m"},
    "ExternalArtifact": {},
}


def chart_holder(
    kind: str = "HelmChart",
    *,
    name: str = "web",
    namespace: str = "apps",
    revision: str = "1.0.0",
    digest: str = "sha256:00",
    observed: int = 1,
    **conditions: str,
) -> ChartHolder:
    """Make what holds a chart; without a revision it holds none. Conditions are `Ready="False: why"`."""
    artifact = {"digest": digest, "path": "p", "url": "http://source/p", "revision": revision, "lastUpdateTime": ""}
    told = [
        {"type": type_, "status": said.partition(":")[0], "reason": "r", "message": said.partition(": ")[2],
         "lastTransitionTime": ""}
        for type_, said in conditions.items()
    ]  # fmt: skip
    plain = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "generation": 1},
        "spec": _SPECS[kind],
        "status": {
            **({"artifact": artifact} if revision else {}),
            "conditions": told,
            **({"observedGeneration": observed} if kind != "ExternalArtifact" else {}),
        },
    }
    return scheme.convert(plain, CHART_HOLDERS[kind])
