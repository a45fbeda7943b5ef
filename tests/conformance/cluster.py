"""The cluster that the suite is held against: the embedded control plane, or the one that CONFORMANCE_KUBECONFIG names.

On a given cluster each test has a namespace of its own, which its kubeconfig names; definitions are applied and waited
for. What a test makes beside its namespace carries the name of that namespace and is deleted with it.
"""

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gotk.apiserver import ControlPlane
from tests.conformance.kubectl import Kubectl

VARIABLE = "CONFORMANCE_KUBECONFIG"
#: What tests make outside of namespaces, by the beginning of its name.
_OUTSIDE = ("namespaces", "clusterroles", "clusterrolebindings", "priorityclasses")


@dataclass(frozen=True)
class Cluster:
    """A cluster to be tested, and the namespace that is the test's own there: `default` on the embedded one."""

    kubeconfig: Path
    namespace: str
    version: str
    embedded: bool

    def kubectl(self, home: Path) -> Kubectl:
        """Return kubectl for this cluster."""
        return Kubectl(self.kubeconfig, home, self)


@asynccontextmanager
async def opened(directory: Path, definitions: Sequence[dict[str, Any]] = ()) -> AsyncIterator[Cluster]:
    """Give a cluster that serves these definitions."""
    given = os.environ.get(VARIABLE)
    if given:
        async with _namespace(Path(given), directory, definitions) as cluster:
            yield cluster
        return
    async with ControlPlane(directory / "plane", crds=definitions) as plane:
        yield Cluster(plane.kubeconfig, "default", "v1.37.1", embedded=True)


async def _establish(kubectl: Kubectl, name: str) -> None:
    """Wait until a definition is served; `kubectl` fails over one that has no conditions yet."""
    established = '{.status.conditions[?(@.type=="Established")].status}'
    for _ in range(120):
        if (await kubectl.run("get", "crd", name, "-o", f"jsonpath={established}")).out == "True":
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"the definition {name} was not established")


@asynccontextmanager
async def _namespace(given: Path, directory: Path, definitions: Sequence[dict[str, Any]]) -> AsyncIterator[Cluster]:
    name = f"conformance-{secrets.token_hex(4)}"
    asked = Kubectl(given, directory / "asked")
    document = yaml.safe_load(await asked("config view --raw --minify --flatten"))
    document["contexts"][0]["context"]["namespace"] = name
    kubeconfig = directory / "kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(yaml.safe_dump(document))
    version = json.loads(await asked("version -o json"))["serverVersion"]["gitVersion"]
    try:
        await asked(f"create namespace {name}")
        for definition in definitions:
            await asked("apply --server-side --force-conflicts -f -", stdin=json.dumps(definition))
            await _establish(asked, definition["metadata"]["name"])
        await asked(f"wait --for=create --timeout=60s -n {name} serviceaccount/default")
        yield Cluster(kubeconfig, name, version, embedded=False)
    finally:
        for kind in _OUTSIDE:
            listed = (await asked(f"get {kind} -o name")).split()
            if own := [each for each in listed if each.partition("/")[2].startswith(name)]:
                await asked("delete --wait=false --ignore-not-found", *own)
