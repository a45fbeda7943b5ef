"""Roles and bindings, as requests, reviews and impersonation meet them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gotk.apiserver import ControlPlane
from gotk.apiserver.access import escalation, rbac
from gotk.apiserver.access.authorization import Action
from tests.gotk.apiserver.caller import APPLY, Answer, Caller
from tests.gotk.apiserver.simulator.workloads import until
from tests.gotk.apiserver.widgets import config_map

RBAC = "/apis/rbac.authorization.k8s.io/v1"
MAPS = "/api/v1/namespaces/default/configmaps"
Json = dict[str, Any]


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with ControlPlane(tmp_path / "plane", authorization_mode="RBAC") as running:
        yield running


def rule(verbs: str, resources: str, groups: str = "", **more: Any) -> Json:
    return {"verbs": verbs.split(), "resources": resources.split(), "apiGroups": groups.split(","), **more}


def role(name: str, *rules: Json, kind: str = "Role") -> Json:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "rules": list(rules),
    }


def binding(name: str, to: str, *, kind: str = "RoleBinding", role_kind: str = "Role", user: str = "eve") -> Json:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": to},
        "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
    }


async def grant(api: Caller, *rules: Json, user: str = "eve") -> None:
    assert (await api.post(f"{RBAC}/namespaces/default/roles", role("some", *rules))).status == 201
    made = await api.post(f"{RBAC}/namespaces/default/rolebindings", binding("some", "some", user=user))
    assert made.status == 201


async def as_(api: Caller, user: str, method: str, path: str, body: Any = None, **more: str) -> Answer:
    """Do something as another."""
    headers = {"Impersonate-User": user, "Content-Type": more.pop("media", "application/json"), **more}
    async with api.session.request(method, path, json=body, headers=headers) as response:
        refused = response.status >= 400 or "watch" not in path
        return Answer(response.status, await response.json() if refused else "", {})


async def test_whoever_has_no_role_is_refused_in_upstreams_words(api: Caller) -> None:
    refused = await as_(api, "eve", "GET", MAPS)
    assert (refused.status, refused.reason) == (403, "Forbidden")
    assert refused.body["message"] == (
        'configmaps is forbidden: User "eve" cannot list resource "configmaps" in API group "" '
        'in the namespace "default"'
    )
    assert refused.body["details"] == {"kind": "configmaps"}
    one = await as_(api, "eve", "DELETE", "/apis/apps/v1/namespaces/default/deployments/web")
    assert one.body["message"] == (
        'deployments.apps "web" is forbidden: User "eve" cannot delete resource "deployments" in API group "apps" '
        'in the namespace "default"'
    )
    wide = await as_(api, "eve", "PATCH", "/api/v1/nodes/n/status", {}, media="application/merge-patch+json")
    assert wide.body["message"] == (
        'nodes "n" is forbidden: User "eve" cannot patch resource "nodes/status" in API group "" at the cluster scope'
    )
    path = await as_(api, "eve", "GET", "/metrics")
    assert path.body["message"] == 'forbidden: User "eve" cannot get path "/metrics"'


async def test_everybody_known_may_discover(api: Caller) -> None:
    for path in ("/api", "/apis/apps/v1", "/openapi/v3", "/version"):
        assert (await as_(api, "eve", "GET", path)).status == 200


async def test_the_admin_needs_no_role(api: Caller) -> None:
    await api.delete(f"{RBAC}/clusterrolebindings/cluster-admin")
    assert (await api.get("/api/v1/secrets")).status == 200


@pytest.mark.parametrize(
    ("verbs", "method", "path", "allowed"),
    [
        ("get", "GET", f"{MAPS}/a", True),
        ("get", "GET", MAPS, False),
        ("list", "GET", MAPS, True),
        ("list", "GET", f"{MAPS}?watch=true&timeoutSeconds=1", False),
        ("watch", "GET", f"{MAPS}?watch=true&timeoutSeconds=1", True),
        ("create", "POST", MAPS, True),
        ("delete", "DELETE", MAPS, False),
        ("deletecollection", "DELETE", MAPS, True),
        ("patch", "DELETE", f"{MAPS}/a", False),
        ("*", "GET", "/api/v1/configmaps", False),
    ],
)
async def test_verbs_are_what_upstream_calls_them(
    api: Caller, verbs: str, method: str, path: str, *, allowed: bool
) -> None:
    await api.post(MAPS, config_map("a"))
    await grant(api, rule(verbs, "configmaps"))
    answer = await as_(api, "eve", method, path, config_map("b") if method == "POST" else None)
    assert (answer.status != 403) is allowed


async def test_names_narrow_a_rule(api: Caller) -> None:
    for name in "ab":
        await api.post(MAPS, config_map(name))
    await grant(api, rule("get list", "configmaps", resourceNames=["a"]))
    answers = [
        (await as_(api, "eve", "GET", f"{MAPS}{rest}")).status
        for rest in ("/a", "/b", "", "?fieldSelector=metadata.name=a")
    ]
    assert answers == [200, 403, 403, 200]


async def test_applying_something_new_is_also_creating_it(api: Caller) -> None:
    await grant(api, rule("patch", "configmaps"))
    path = f"{MAPS}/a?fieldManager=eve"
    assert (await as_(api, "eve", "PATCH", path, config_map("a"), media=APPLY)).status == 403
    await api.post(MAPS, config_map("a"))
    assert (await as_(api, "eve", "PATCH", path, config_map("a"), media=APPLY)).status == 200


async def test_a_binding_to_nothing_is_told(api: Caller) -> None:
    await api.post(f"{RBAC}/namespaces/default/rolebindings", binding("some", "gone", role_kind="ClusterRole"))
    refused = await as_(api, "eve", "GET", MAPS)
    assert refused.body["message"].endswith(': RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found')


async def test_a_service_account_has_its_own_roles(api: Caller, plane: ControlPlane) -> None:
    await grant(api, rule("list", "configmaps"), user="system:serviceaccount:default:default")
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    await until(api, account, lambda body: body["kind"] == "ServiceAccount")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = (await api.post(f"{account}/token", request)).body["status"]["token"]
    async with Caller(plane.kubeconfig, token=token) as robot:
        assert [(await robot.get(path)).status for path in (MAPS, "/api/v1/secrets")] == [200, 403]


async def test_views_are_gathered_from_whoever_wants_to_be_seen(api: Caller) -> None:
    await api.post(
        f"{RBAC}/clusterrolebindings", binding("eve", "view", kind="ClusterRoleBinding", role_kind="ClusterRole")
    )
    await until(api, f"{RBAC}/clusterroles/view", lambda body: body.get("rules"))
    assert (await as_(api, "eve", "GET", "/apis/apps/v1/deployments")).status == 200
    assert (await as_(api, "eve", "GET", "/api/v1/secrets")).status == 403
    more = role("widgets", rule("list", "widgets", "example.org"), kind="ClusterRole")
    more["metadata"]["labels"] = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    await api.post(f"{RBAC}/clusterroles", more)
    await until(api, f"{RBAC}/clusterroles/admin", lambda body: more["rules"][0] in body["rules"])


async def test_nobody_gives_away_more_than_they_hold(api: Caller) -> None:
    await api.post(f"{RBAC}/namespaces/default/rolebindings", binding("eve", "admin", role_kind="ClusterRole"))
    await until(api, f"{RBAC}/clusterroles/admin", lambda body: "endpointslices" in str(body.get("rules")))
    roles, bindings = f"{RBAC}/namespaces/default/roles", f"{RBAC}/namespaces/default/rolebindings"
    assert (await as_(api, "eve", "POST", roles, role("mine", rule("get list", "secrets")))).status == 201
    refused = await as_(api, "eve", "POST", roles, role("more", rule("*", "*", "*")))
    assert refused.status == 403
    assert (
        'user "eve" (groups=["system:authenticated"]) is attempting to grant RBAC permissions'
        in refused.body["message"]
    )
    for wanted, expected in (("cluster-admin", 403), ("view", 201)):
        made = binding(wanted, wanted, role_kind="ClusterRole", user="mallory")
        assert (await as_(api, "eve", "POST", bindings, made)).status == expected
    grown = {"rules": [rule("*", "*", "*")]}
    patched = await as_(api, "eve", "PATCH", f"{roles}/mine", grown, media="application/merge-patch+json")
    assert patched.status == 403
    applied = {**role("new", rule("*", "*", "*"))}
    assert (await as_(api, "eve", "PATCH", f"{roles}/new?fieldManager=x", applied, media=APPLY)).status == 403


async def test_reviews_answer_as_requests_are_answered(api: Caller) -> None:
    await grant(api, rule("get", "configmaps"))
    for verb, allowed in (("get", True), ("list", False)):
        attributes = {"verb": verb, "resource": "configmaps", "namespace": "default"}
        question = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        assert (await as_(api, "eve", "POST", path, question)).body["status"]["allowed"] is allowed
        question = {**question, "kind": "SubjectAccessReview", "spec": {**question["spec"], "user": "eve"}}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        assert (await api.post(path, question)).body["status"]["allowed"] is allowed
    question = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": "default"},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    told = (await as_(api, "eve", "POST", path, question)).body["status"]
    assert {"verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"]} in told["resourceRules"]
    assert any("/api/*" in each["nonResourceURLs"] for each in told["nonResourceRules"])


async def test_acting_as_another_needs_the_permission_to(api: Caller, plane: ControlPlane) -> None:
    await grant(api, rule("impersonate", "serviceaccounts"), user="eve")
    headers = {"Impersonate-Group": "system:masters"}
    assert (await as_(api, "eve", "GET", "/api/v1/secrets", **headers)).status == 200  # the admin may make eve a master
    await api.post(
        "/api/v1/namespaces/default/serviceaccounts",
        {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {"name": "eve"}},
    )
    subject = binding("robot", "some", user="system:serviceaccount:default:eve")
    await api.post(f"{RBAC}/namespaces/default/rolebindings", subject)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    path = "/api/v1/namespaces/default/serviceaccounts/eve/token"
    token = (await api.post(path, request)).body["status"]["token"]
    async with Caller(plane.kubeconfig, token=token) as robot:
        refused = await as_(robot, "kubernetes-admin", "GET", "/api")
        assert refused.body["message"] == (
            'users "kubernetes-admin" is forbidden: User "system:serviceaccount:default:eve" cannot impersonate '
            'resource "users" in API group "" at the cluster scope'
        )
        allowed = await as_(robot, "system:serviceaccount:default:other", "GET", "/api")
        assert allowed.status == 200
        grouped = {"Impersonate-Group": "system:masters"}
        assert (await as_(robot, "system:serviceaccount:default:other", "GET", "/api", **grouped)).status == 403


async def test_groups_alone_are_nobody(api: Caller) -> None:
    async with api.session.get("/api", headers={"Impersonate-Group": "x"}) as answer:
        assert answer.status == 400


@pytest.mark.parametrize(
    ("made", "verb", "full", "allowed"),
    [
        (rule("get", "*"), "get", "pods/log", True),
        (rule("get", "pods"), "get", "pods/log", False),
        (rule("get", "pods/log"), "get", "pods/log", True),
        (rule("get", "*/scale", "apps"), "get", "deployments/scale", False),
        (rule("get", "*/log"), "get", "pods/log", True),
        (rule("get", "pods", "apps"), "get", "pods", False),
    ],
)
def test_rules_cover_resources_and_their_parts(made: Json, verb: str, full: str, *, allowed: bool) -> None:
    resource, _, part = full.partition("/")
    assert rbac.allows(made, Action(verb=verb, resource=resource, subresource=part)) is allowed


@pytest.mark.parametrize(
    ("held", "wanted", "covered"),
    [
        (rule("*", "*", "*"), rule("get", "pods", ""), True),
        (rule("get list", "pods"), rule("get", "pods"), True),
        (rule("get", "pods"), rule("get list", "pods"), False),
        (rule("get", "pods", resourceNames=["a"]), rule("get", "pods"), False),
        (rule("get", "pods"), rule("get", "pods", resourceNames=["a"]), True),
        (rule("get", "*/scale"), rule("get", "deployments/scale"), True),
    ],
)
def test_what_is_held_covers_what_is_given(held: Json, wanted: Json, *, covered: bool) -> None:
    parts = escalation._parts(wanted)
    assert all(escalation._covers(held, part) for part in parts) is covered
