"""Fields that a built-in kind does not have: which are left out, and when nothing is."""

from typing import Any

import pytest

from deploy.cluster.comparing import undeclared

HEAD = "failed to create typed patch object (apps/my.web; apps/v1, Kind=Deployment): "


def deployment() -> dict[str, Any]:
    containers = [
        {"name": "a", "image": "i"},
        {"name": "b", "image": "i", "imagen": "x", "ports": [{"containerPort": 80, "protocol": "TCP", "wat": 1}]},
    ]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "my.web", "namespace": "apps"},
        "spec": {
            "replica": 2,
            "odd.name": 1,
            "list": [{"x": 1, "y": 2}],
            "template": {"spec": {"containers": containers}},
        },
    }


def unknown(*paths: str) -> str:
    told = [f"{path}: field not declared in schema" for path in paths]
    return HEAD + (told[0] if len(told) == 1 else "errors:\n  " + "\n  ".join(told))


def test_every_field_that_is_complained_of_goes_and_nothing_else() -> None:
    at = '.spec.template.spec.containers[name="b"]'
    paths = (".spec.replica", ".spec.odd.name", ".spec.list[0].y")
    obj = deployment()
    found = undeclared.without(obj, unknown(*paths, f"{at}.imagen", f'{at}.ports[containerPort=80,protocol="TCP"].wat'))
    assert found is not None
    kept, told = found
    assert kept["spec"] == {
        "list": [{"x": 1}],
        "template": {
            "spec": {
                "containers": [
                    {"name": "a", "image": "i"},
                    {"name": "b", "image": "i", "ports": [{"containerPort": 80, "protocol": "TCP"}]},
                ]
            }
        },
    }
    assert told[:3] == paths
    assert obj["spec"]["replica"] == 2, "the manifest itself is as it was"


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "another refusal": (deployment(), HEAD + ".spec.replicas: expected numeric (int or float), got x"),
    "a field that is not there": (deployment(), unknown(".spec.nothing")),
    "an item that is not there": (deployment(), unknown('.spec.template.spec.containers[name="z"].x')),
    "a custom kind": (deployment() | {"apiVersion": "example.com/v1"}, unknown(".spec.replica")),
    "a role": (
        deployment() | {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role"},
        unknown(".spec.replica"),
    ),
}


@pytest.mark.parametrize(("obj", "message"), OTHERS.values(), ids=OTHERS.keys())
def test_nothing_is_left_out_of_others(obj: dict[str, Any], message: str) -> None:
    assert undeclared.without(obj, message) is None
