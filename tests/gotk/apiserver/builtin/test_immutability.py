from typing import Any

import pytest

from gotk.apiserver.builtin import immutability


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


@pytest.mark.parametrize(
    ("group", "kind", "old", "new", "said"),
    [
        pytest.param(
            "apps", "Deployment", spec(selector={"a": 1}), spec(selector={"a": 2}),
            'spec.selector: Invalid value: {"a":2}: field is immutable', id="a deployment keeps its selector",
        ),
        pytest.param(
            "apps", "Deployment", spec(selector={}, replicas=1), spec(selector={}, replicas=2), "",
            id="a deployment may scale",
        ),
        pytest.param(
            "batch", "Job", spec(template={"x": 1}), spec(template={"x": 2}),
            'spec.template: Invalid value: {"x":2}: field is immutable', id="a job keeps its template",
        ),
        pytest.param(
            "", "ConfigMap", {"immutable": True, "data": {"a": "1"}}, {"immutable": True, "data": {"a": "2"}},
            "data: Forbidden: field is immutable when `immutable` is set", id="a sealed config map keeps its data",
        ),
        pytest.param(
            "", "ConfigMap", {"data": {"a": "1"}}, {"immutable": True, "data": {"a": "2"}}, "",
            id="a config map may be sealed",
        ),
        pytest.param(
            "rbac.authorization.k8s.io", "RoleBinding", {"roleRef": "a"}, {"roleRef": "b"},
            'roleRef: Invalid value: "b": cannot change roleRef', id="a binding keeps its role",
        ),
        pytest.param(
            "", "Service", spec(clusterIP="10.0.0.1"), spec(), "", id="a service may leave its address to the server",
        ),
        pytest.param(
            "example.org", "Deployment", spec(selector=1), spec(selector=2), "", id="a namesake is another kind",
        ),
    ],
)  # fmt: skip
def test_fixed_fields_stay(group: str, kind: str, old: dict[str, Any], new: dict[str, Any], said: str) -> None:
    assert "".join(str(found) for found in immutability.changes(group, kind, old, new)) == said


def test_a_stateful_set_may_change_in_few_places() -> None:
    old, new = spec(serviceName="a", replicas=1), spec(serviceName="b", replicas=1)
    (found,) = immutability.changes("apps", "StatefulSet", old, new)
    assert str(found).startswith("spec: Forbidden: updates to statefulset spec for fields other than 'replicas', ")
    assert not list(immutability.changes("apps", "StatefulSet", old, spec(serviceName="a", replicas=2)))
