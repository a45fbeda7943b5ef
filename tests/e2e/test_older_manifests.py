"""Manifests as older articles have them apply as they are, and do what they did."""

from pathlib import Path

from gotk.git.objects import seed
from tests.e2e import stage

MANIFEST = """\
apiVersion: source.toolkit.fluxcd.io/v1beta1
kind: GitRepository
metadata:
  name: podinfo
  namespace: flux-system
spec:
  interval: 30s
  gitImplementation: go-git
  ref:
    branch: master
  url: file://REPOSITORY
---
apiVersion: kustomize.toolkit.fluxcd.io/v1beta1
kind: Kustomization
metadata:
  name: podinfo
  namespace: flux-system
spec:
  interval: 5m0s
  path: ./kustomize
  prune: true
  sourceRef:
    kind: GitRepository
    name: podinfo
  targetNamespace: default
  validation: client
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: podinfo}\ndata: {greeting: hello}\n"


async def test_a_repository_and_a_kustomization_of_the_first_beta(tmp_path: Path) -> None:
    repository = tmp_path / "podinfo.git"
    seed.seed(repository, {"kustomize/podinfo.yaml": CONFIG}, branch="master")
    async with stage.running(tmp_path / "data") as up:
        await up.kubectl("create", "namespace", "flux-system")
        printed = await up.kubectl("apply", "-f", "-", text=MANIFEST.replace("REPOSITORY", str(repository)))
        assert "kustomization.kustomize.toolkit.fluxcd.io/podinfo created" in printed

        await up.until("v1", "ConfigMap", "default", "podinfo", lambda obj: obj["data"] == {"greeting": "hello"})

        await up.kubectl("wait", "kustomization/podinfo", "-n", "flux-system", "--for=condition=Ready", "--timeout=20s")
        read = await up.kubectl(
            "get", "gitrepositories.v1beta2.source.toolkit.fluxcd.io", "-n", "flux-system", "-o", "yaml"
        )
        assert "apiVersion: source.toolkit.fluxcd.io/v1beta2" in read
