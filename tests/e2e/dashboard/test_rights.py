"""RBAC of a real API server decides what a person sees and does, also where the service itself shows a certificate."""

import contextlib
import secrets
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gotk import decisions
from gotk.api.core import ServiceAccount
from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.kube import config
from gotk.kube.cache import Caches
from gotk.kube.client import Client
from gotk.runtime import health
from gotk.runtime.clock import SystemClock
from image_automation.app import embedded
from image_automation.dashboard import watched
from image_automation.dashboard.access import Access
from image_automation.dashboard.door import Door
from image_automation.dashboard.page import Knows
from image_automation.dashboard.people import People
from image_automation.dashboard.server import Dashboard
from image_automation.dashboard.sessions import Sessions
from image_automation.dashboard.telling.heard import Heard
from tests.image_automation.dashboard.rollouts.cluster import kustomization
from tests.image_automation.dashboard.showing import JSON, Told, watching
from tests.memory_cluster import image_policy, image_repository

pytestmark = pytest.mark.asyncio(loop_scope="module")
_RBAC = "rbac.authorization.k8s.io"
KINDS = (ImageRepository, ImagePolicy, ImageUpdateAutomation, Kustomization)
APPLIED = ("ConfigMap", "Secret")


class Tokens:
    """Tokens of service accounts, by what they may."""

    def __init__(self, url: str, tokens: dict[str, str], client: Client) -> None:
        self.url = url
        self.tokens = tokens
        self.client = client

    async def ask(self, who: str, path: str, form: dict[str, str] | None = None) -> tuple[int, Any]:
        headers = {**JSON, "Authorization": f"Bearer {self.tokens[who]}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            asked = session.get(self.url + path) if form is None else session.post(self.url + path, data=form)
            async with asked as answer:
                return answer.status, await answer.json()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def people(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tokens]:
    features = embedded.Features(authorization_mode="RBAC")
    async with contextlib.AsyncExitStack() as stack:
        plane = await stack.enter_async_context(embedded.control_plane(tmp_path_factory.mktemp("plane"), features))
        client = await stack.enter_async_context(Client(await config.from_kubeconfig([plane.kubeconfig])))
        tokens = {"wrong": secrets.token_urlsafe(32)} | await grant(client)
        clock, caches = SystemClock(), Caches(client, clock=SystemClock())
        for kind in KINDS:
            caches.of(kind)
        strangers = await stack.enter_async_context(client.unproven())
        door = Door(people=People(strangers, clock), sessions=Sessions(clock), access=Access(clock, own=client))
        pages = Dashboard(
            caches=caches, explains=None, knows=Knows(), clock=clock, door=door, tells=Told(), heard=Heard(), free=False
        )
        await stack.enter_async_context(watching(caches))
        port = await stack.enter_async_context(health.serve("127.0.0.1:0", pages.app()))
        yield Tokens(f"http://127.0.0.1:{port}", tokens, client)


async def grant(client: Client) -> dict[str, str]:
    """Make two teams' objects, and accounts: one reads all, one works on a team's images, one may nothing."""
    for team in ("red", "blue"):
        await client.create_object({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": team}})
        await client.create_object(image_repository("app", team))
        await client.create_object(image_policy("app", team))
    groups = {"apiGroups": ["image.toolkit.fluxcd.io"]}
    reading = {**groups, "resources": ["*"], "verbs": ["get", "list", "watch"]}
    working = {**groups, "resources": ["imagerepositories"], "verbs": ["get", "list", "watch", "patch"]}
    steering = {**groups, "resources": ["imagepolicies", "imageupdateautomations"], "verbs": ["get", "list", "patch"]}
    await roll_out(client)
    rolling = {"apiGroups": ["", "kustomize.toolkit.fluxcd.io"], "resources": ["configmaps", "kustomizations"]}
    rolling["verbs"] = ["get", "list"]
    for kind, name, rule, where in (
        ("ClusterRole", "reader", reading, {}),
        ("Role", "red", working, {"namespace": "red"}),
        ("Role", "blue", steering, {"namespace": "blue"}),
        ("Role", "roller", rolling, {"namespace": "red"}),
    ):
        meta = {"name": name, **where}
        await client.create_object({"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": meta, "rules": [rule]})
        await client.create_object(
            {
                "apiVersion": f"{_RBAC}/v1",
                "kind": f"{kind}Binding",
                "metadata": meta,
                "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
            }
        )
    return {name: await token(client, name) for name in ("reader", "red", "blue", "roller", "nobody")}


async def roll_out(client: Client) -> None:
    """Make what a Kustomization of the red team has applied: a ConfigMap, and a Secret."""
    made = [{"apiVersion": "v1", "kind": kind, "metadata": {"name": "app", "namespace": "red"}} for kind in APPLIED]
    for obj in made:
        await client.create_object(obj)
    applied = kustomization(namespace="red", objects=made)
    await client.create_object({name: value for name, value in applied.items() if name != "status"})
    await client.merge_patch(Kustomization, "red", "apps", {"status": applied["status"]}, subresource="status")


async def token(client: Client, name: str) -> str:
    meta = {"name": name, "namespace": "default"}
    await client.create_object({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    made = await client.create_subresource(ServiceAccount, "default", name, "token", wanted)
    return str(made["status"]["token"])


@pytest.mark.parametrize(
    ("who", "broken"),
    [("reader", {"red", "blue"}), ("red", {"red"}), ("nobody", set())],
)
async def test_the_front_page_shows_what_rbac_lets_one_list(people: Tokens, who: str, broken: set[str]) -> None:
    status, found = await people.ask(who, "/")
    assert (status, {each["namespace"] for each in found.get("working", [])}) == (200, broken)


async def test_a_token_that_is_not_good_is_nobodys_whatever_the_service_itself_shows(people: Tokens) -> None:
    assert (await people.ask("wrong", "/"))[0] == 401


@pytest.mark.parametrize(
    ("who", "kind", "namespace", "status"),
    [
        ("red", "ImageRepository", "red", 200),
        ("red", "ImageRepository", "blue", 403),
        ("red", "ImagePolicy", "red", 403),
        ("reader", "ImageRepository", "red", 403),
        ("nobody", "ImageRepository", "red", 403),
    ],
)
async def test_rbac_decides_what_one_does(people: Tokens, who: str, kind: str, namespace: str, status: int) -> None:
    form = {"act": "reconcile", "kind": kind, "namespace": namespace, "name": "app"}
    before = await people.client.get(watched.named(kind), namespace, "app")
    assert (await people.ask(who, "/act", form))[0] == status
    after = await people.client.get(watched.named(kind), namespace, "app")
    assert (before != after) == (status == 200)


@pytest.mark.parametrize(
    ("who", "namespace", "status"),
    [("blue", "blue", 200), ("blue", "red", 403), ("red", "red", 403), ("reader", "blue", 403)],
)
async def test_who_approves_is_whom_the_cluster_knows_and_lets(
    people: Tokens, who: str, namespace: str, status: int
) -> None:
    form = {"act": "approve", "kind": "ImagePolicy", "namespace": namespace, "name": "app", "tag": "1.0.0"}
    assert (await people.ask(who, "/act", form))[0] == status
    made = decisions.read((await people.client.get(ImagePolicy, namespace, "app")).metadata.annotations)
    assert [each.by for each in made] == (["system:serviceaccount:default:blue"] if namespace == "blue" else [])


async def test_a_page_offers_what_rbac_lets_one_do(people: Tokens) -> None:
    for who, offered in (("blue", True), ("reader", False)):
        _, found = await people.ask(who, "/objects/ImagePolicy/blue/app")
        assert ("pin" in found.get("acts", ())) == offered


async def test_what_one_may_do_is_told_as_rbac_grants_it(people: Tokens) -> None:
    _, found = await people.ask("blue", "/access")
    rights = {(each["verb"], each["kind"]): each.get("namespaces", []) for each in found["rights"]}
    assert (rights["patch", "ImagePolicy"], rights["patch", "ImageRepository"]) == (["blue"], [])
    assert found["namespaces"] == ["blue"]


async def test_events_are_those_of_namespaces_where_one_may_list_them(people: Tokens) -> None:
    _, found = await people.ask("blue", "/events")
    assert found["problem"] == "you may list the Events of no namespace that you see objects of"


async def test_an_account_is_told_by_its_own_name(people: Tokens) -> None:
    form = {"act": "reconcile", "kind": "ImageRepository", "namespace": "red", "name": "app"}
    assert (await people.ask("red", "/act", form))[1]["user"] == "system:serviceaccount:default:red"


async def test_what_was_rolled_out_is_read_with_ones_own_rights(people: Tokens) -> None:
    status, found = await people.ask("roller", "/rollouts/Kustomization/red/apps")
    assert (status, [(each["kind"], each["health"]) for each in found["objects"]]) == (
        200, [("ConfigMap", "Current"), ("Secret", "Unknown")],
    )  # fmt: skip
    assert 'User "system:serviceaccount:default:roller" cannot get resource "secrets"' in found["objects"][1]["message"]
    assert 'cannot list resource "events"' in found["eventsNote"]
    for who in ("blue", "nobody"):
        assert (await people.ask(who, "/rollouts/Kustomization/red/apps"))[0] == 404
