"""Names of releases as Flux's users know them."""

from typing import Any

import pytest

from deploy.helm import naming
from gotk.runtime.reconciler import Key
from tests.deploy.helm.objects import SOURCE, helm_release

LONG = "a-very-lengthy-target-namespace-with-a-nice-object-name"
NAMES = [
    ("the objects own", {}, "web", "web"),
    ("behind the target namespace", {"targetNamespace": "prod"}, "web", "prod-web"),
    ("as given", {"releaseName": "site", "targetNamespace": "prod"}, "web", "site"),
    ("of 53 letters", {}, "w" * 53, "w" * 53),
    (
        "shortened",
        {"targetNamespace": "a-very-lengthy-target-namespace"},
        "with-a-nice-object-name",
        "a-very-lengthy-target-namespace-with-a-n-97af5d7f41f3",
    ),
]


@pytest.mark.parametrize(("spec", "name", "expected"), [row[1:] for row in NAMES], ids=[row[0] for row in NAMES])
def test_a_release_is_named(spec: dict[str, Any], name: str, expected: str) -> None:
    assert naming.release_name(helm_release(spec, name=name)) == expected


def test_names_that_begin_alike_stay_apart() -> None:
    names = {naming.shortened(f"{LONG}{end}") for end in range(50)}
    assert len(names) == 50
    assert {len(name) for name in names} == {53}


def test_the_release_lives_in_the_target_namespace_and_its_record_does_not() -> None:
    obj = helm_release({"targetNamespace": "prod"})
    assert (naming.release_namespace(obj), naming.storage_namespace(obj)) == ("prod", "apps")
    obj = helm_release({"storageNamespace": "records"})
    assert (naming.release_namespace(obj), naming.storage_namespace(obj)) == ("apps", "records")


def test_the_chart_stands_beside_its_source() -> None:
    assert naming.chart_key(helm_release()) == Key("apps", "apps-web")
    there = {"spec": SOURCE["spec"] | {"sourceRef": {"kind": "GitRepository", "name": "fleet", "namespace": "flux"}}}
    assert naming.chart_key(helm_release({"chart": there})) == Key("flux", "apps-web")
