"""What is wished for is in the kit, and the chart renders the same of the same wishes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.installation.tailoring import Wishes, tailor
from tests.conformance.helm import Helm
from tests.deploy.test_chart import objects, render
from tests.deploy.test_manifests import build


def kit(wishes: Wishes, overlay: str = "all") -> list[dict[str, Any]]:
    return tailor(build(overlay), wishes)


@pytest.mark.real
@pytest.mark.skipif(Helm.path is None, reason="there is no helm here")
@pytest.mark.parametrize(
    ("overlay", "wishes", "values"),
    [
        pytest.param("all", Wishes(namespace="gitops"), {}, id="another namespace"),
        pytest.param(
            "multi-tenant", Wishes(namespace="gitops"),
            {"rights": {"impersonation": True, "clusterAdmin": False}, "extraArgs": ["--no-cross-namespace-refs"]},
            id="tenants",
        ),
        pytest.param(
            "image", Wishes(watch_all_namespaces=False), {"watchAllNamespaces": False, "mode": "image"},
            id="one namespace, with rights there alone",
        ),
        pytest.param(
            "all",
            Wishes(
                namespace="team", watch_all_namespaces=False, network_policy=False, log_level="debug",
                registry="registry.example.com/a/", image_pull_secret="pull", toleration_keys=("critical",),
            ),
            {
                "watchAllNamespaces": False, "networkPolicies": {"enabled": False}, "logLevel": "debug",
                "image": {"repository": "registry.example.com/a/image-automation"},
                "imagePullSecrets": [{"name": "pull"}], "tolerations": [{"key": "critical", "operator": "Exists"}],
            },
            id="everything else",
        ),
    ],
)  # fmt: skip
def test_the_chart_renders_what_install_applies(
    overlay: str, wishes: Wishes, values: dict[str, Any], tmp_path: Path
) -> None:
    rendered = yaml.load_all(render(tmp_path, values, namespace=wishes.namespace), yaml.CSafeLoader)
    assert objects(list(rendered)) == objects(kit(wishes, overlay))


def test_no_wish_leaves_the_kit_as_it_is() -> None:
    assert kit(Wishes()) == build("all")


def test_another_domain_is_in_every_address() -> None:
    text = json.dumps(kit(Wishes(cluster_domain="corp.example"), "sharded"))
    assert text.count(".svc.corp.example.") == 3
    assert "cluster.local" not in text


def test_two_installations_share_nothing_but_the_definitions() -> None:
    first, second = (
        {(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in kit(wishes)}
        for wishes in (Wishes(), Wishes(namespace="team"))
    )
    assert {kind for kind, _, _ in first & second} == {"CustomResourceDefinition"}
