"""What people do with kubectl, done to the embedded control plane, or a given cluster, with the kubectl people have."""

import asyncio
import json

import pytest
import yaml

from tests.conformance.kubectl import Kubectl
from tests.gotk.apiserver.widgets import widget

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(Kubectl.path is None, reason="there is no kubectl here"),
]


def manifest(name: str = "a", /, **spec: object) -> str:
    return yaml.safe_dump(widget(name, **spec))


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "web:1", ports: [{containerPort: 80}]}
"""


async def test_the_version_and_the_kinds_are_told(kubectl: Kubectl) -> None:
    assert f"Server Version: {kubectl.cluster.version}" in await kubectl("version")
    resources = await kubectl("api-resources")
    assert "deployments" in resources
    assert "widgets" in resources
    assert "example.org/v1beta1" in await kubectl("api-versions")
    assert "is running at" in await kubectl("cluster-info")


async def test_objects_are_listed_in_every_shape(kubectl: Kubectl) -> None:
    await kubectl("apply -f -", stdin=manifest("a", color="red"))
    await kubectl("apply -f -", stdin=manifest("b", color="blue"))
    assert [line.split() for line in (await kubectl("get widgets")).splitlines()] == [
        ["NAME", "COLOR", "READY"],
        ["a", "red"],
        ["b", "blue"],
    ]
    assert "SIZE" in await kubectl("get wd -o wide")
    assert (await kubectl("get toys -o name")).split() == ["widget.example.org/a", "widget.example.org/b"]
    assert json.loads(await kubectl("get widget a -o json"))["spec"] == {"color": "red", "size": "small"}
    assert yaml.safe_load(await kubectl("get widget a -o yaml"))["kind"] == "Widget"
    assert await kubectl("get widget", "-o", "jsonpath={.items[*].spec.color}") == "red blue"
    everywhere = await kubectl("get widget -A --no-headers -o custom-columns=S:.metadata.namespace,N:.metadata.name")
    own = [line.split()[1] for line in everywhere.splitlines() if line.split()[0] == kubectl.namespace]
    assert own == ["a", "b"]
    assert [line.split()[0] for line in (await kubectl("get widget -A")).splitlines()].count(kubectl.namespace) == 2
    assert "blue" not in await kubectl("get widget --field-selector spec.color=red")
    assert (await kubectl("get widget --sort-by=.spec.color -o name")).split()[0] == "widget.example.org/b"
    assert (await kubectl("get widget --chunk-size=1 -o name")).split() == [
        "widget.example.org/a",
        "widget.example.org/b",
    ]


async def test_what_is_not_there_is_said_so(kubectl: Kubectl) -> None:
    assert 'widgets.example.org "nope" not found' in await kubectl.fails("get widget nope")
    assert "the server doesn't have a resource type" in await kubectl.fails("get gadgets")
    assert (await kubectl.run("get", "widgets")).err.startswith(f"No resources found in {kubectl.namespace} namespace")


async def test_apply_knows_created_unchanged_and_configured(kubectl: Kubectl) -> None:
    first, second = manifest("a", color="red"), manifest("a", color="blue")
    assert await kubectl("apply -f -", stdin=first) == "widget.example.org/a created\n"
    assert await kubectl("apply -f -", stdin=first) == "widget.example.org/a unchanged\n"
    assert await kubectl("apply -f -", stdin=second) == "widget.example.org/a configured\n"
    assert await kubectl("apply -f -", stdin=DEPLOYMENT) == "deployment.apps/web created\n"
    assert await kubectl("apply -f -", stdin=DEPLOYMENT) == "deployment.apps/web unchanged\n"
    changed = DEPLOYMENT.replace("web:1", "web:2")
    assert await kubectl("apply -f -", stdin=changed) == "deployment.apps/web configured\n"


async def test_apply_on_the_servers_side_finds_conflicts(kubectl: Kubectl) -> None:
    server = "apply --server-side -f - --field-manager"
    assert (
        await kubectl(f"{server}=one", stdin=manifest("a", color="red")) == "widget.example.org/a serverside-applied\n"
    )
    before = await kubectl("get widget a", "-o", "jsonpath={.metadata.resourceVersion}")
    await kubectl(f"{server}=one", stdin=manifest("a", color="red"))
    assert await kubectl("get widget a", "-o", "jsonpath={.metadata.resourceVersion}") == before
    refused = await kubectl.fails(f"{server}=two", stdin=manifest("a", color="blue"))
    assert 'conflict with "one": .spec.color' in refused
    await kubectl(f"{server}=two --force-conflicts", stdin=manifest("a", color="blue"))
    assert await kubectl("get widget a", "-o", "jsonpath={.spec.color}") == "blue"


async def test_an_object_moves_from_client_side_to_server_side_apply(kubectl: Kubectl) -> None:
    await kubectl("apply -f -", stdin=DEPLOYMENT)
    await kubectl("apply --server-side -f -", stdin=DEPLOYMENT)
    deployed = json.loads(await kubectl("get deploy web -o json --show-managed-fields"))
    managers = {(entry["manager"], entry["operation"]) for entry in deployed["metadata"]["managedFields"]}
    assert ("kubectl", "Apply") in managers
    assert ("kubectl-client-side-apply", "Update") not in managers
    await kubectl("apply --server-side -f -", stdin=DEPLOYMENT)
    again = json.loads(await kubectl("get deploy web -o json"))
    assert again["metadata"]["resourceVersion"] == deployed["metadata"]["resourceVersion"]


async def test_typed_creates_arrive(kubectl: Kubectl) -> None:
    """These send protobuf, and nothing else."""
    team = f"{kubectl.namespace}-team"
    assert await kubectl(f"create ns {team}") == f"namespace/{team} created\n"
    await kubectl(f"create configmap c -n {team} --from-literal=a=1")
    assert await kubectl(f"get cm c -n {team}", "-o", "jsonpath={.data.a}") == "1"
    await kubectl("create secret generic s --from-literal=password=hunter2")
    assert await kubectl("get secret s", "-o", "jsonpath={.data.password}") == "aHVudGVyMg=="
    await kubectl("create deployment d --image=nginx --replicas=2")
    assert await kubectl("get deploy d", "-o", "jsonpath={.spec.replicas}") == "2"
    for line in (
        "create serviceaccount robot",
        "create role reader --verb=get --resource=pods",
        f"create rolebinding readers --role=reader --serviceaccount={kubectl.namespace}:robot",
        "create job once --image=busybox -- true",
        "create cronjob often --image=busybox --schedule=*/5 -- true",
        "create quota q --hard=pods=3",
        "create poddisruptionbudget p --selector=app=web --min-available=1",
        "create service clusterip svc --tcp=80:80",
    ):
        words = line.replace("*/5", "*/5_*_*_*_*").split()
        said = await kubectl.run(*(word.replace("_", " ") for word in words))
        assert said.code == 0, said.err
    assert "AlreadyExists" in await kubectl.fails(f"create ns {team}")


async def test_lists_of_objects_are_created_at_once(kubectl: Kubectl) -> None:
    items = {"apiVersion": "v1", "kind": "List", "items": [widget("a"), widget("b")]}
    made = await kubectl("create -f -", stdin=json.dumps(items))
    assert made.split() == ["widget.example.org/a", "created", "widget.example.org/b", "created"]


async def test_mistakes_are_found_before_and_on_the_server(kubectl: Kubectl) -> None:
    typo = await kubectl.fails("apply -f -", stdin=manifest("a", colour="red"))
    assert 'unknown field "spec.colour"' in typo
    warned = await kubectl.run("apply", "--validate=warn", "-f", "-", stdin=manifest("a", colour="red"))
    assert 'Warning: unknown field "spec.colour"' in warned.err
    wrong = await kubectl.fails("create -f -", stdin=manifest("b", color="green"))
    assert 'spec.color: Unsupported value: "green": supported values: "red", "blue"' in wrong


async def test_patches_of_every_kind_arrive(kubectl: Kubectl) -> None:
    await kubectl("create -f -", stdin=manifest("a"))
    await kubectl("patch widget a --type merge -p", '{"spec":{"color":"red"}}')
    await kubectl("patch widget a --type json -p", '[{"op":"replace","path":"/spec/color","value":"blue"}]')
    await kubectl("patch widget a --subresource status --type merge -p", '{"status":{"replicas":3}}')
    assert await kubectl("get widget a", "-o", "jsonpath={.spec.color} {.status.replicas}") == "blue 3"
    await kubectl("apply -f -", stdin=DEPLOYMENT)
    container = '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"side:1"}]}}}}'
    await kubectl("patch deployment web -p", container)
    await kubectl("set image deployment/web web=web:9")
    names = "-o", "jsonpath={.spec.template.spec.containers[*].image}"
    assert sorted((await kubectl("get deploy web", *names)).split()) == ["side:1", "web:9"]
    await kubectl("scale deployment web --replicas=4")
    assert await kubectl("get deploy web", "-o", "jsonpath={.spec.replicas}") == "4"
    await kubectl("scale widget a --replicas=2")
    assert await kubectl("get widget a", "-o", "jsonpath={.spec.replicas}") == "2"
    assert "restarted" in await kubectl("rollout restart deployment web")


async def test_labels_and_annotations_come_and_go(kubectl: Kubectl) -> None:
    await kubectl("create -f -", stdin=manifest("a"))
    assert "labeled" in await kubectl("label widget a team=x")
    assert "--overwrite is false" in await kubectl.fails("label widget a team=y")
    assert await kubectl("get widget -l team=x -o name") == "widget.example.org/a\n"
    assert "unlabeled" in await kubectl("label widget a team-")
    await kubectl("annotate widget a note=hello")
    assert await kubectl("get widget a", "-o", "jsonpath={.metadata.annotations.note}") == "hello"


async def test_an_edit_is_saved(kubectl: Kubectl) -> None:
    await kubectl("create -f -", stdin=manifest("a", color="red"))
    assert "edited" in await kubectl("edit widget a", editor="sed -i s/red/blue/")
    assert await kubectl("get widget a", "-o", "jsonpath={.spec.color}") == "blue"
    await kubectl("apply -f -", stdin=DEPLOYMENT)
    assert "edited" in await kubectl("edit deploy web", editor="sed -i s/web:1/web:2/")


async def test_replace_wants_the_newest_state(kubectl: Kubectl) -> None:
    await kubectl("create -f -", stdin=manifest("a", color="red"))
    held = await kubectl("get widget a -o json")
    await kubectl("replace -f -", stdin=held.replace('"red"', '"blue"'))
    assert "the object has been modified" in await kubectl.fails("replace -f -", stdin=held)
    await kubectl("replace --force -f -", stdin=manifest("a", color="red"))


async def test_differences_are_shown(kubectl: Kubectl) -> None:
    await kubectl("apply -f -", stdin=manifest("a", color="red"))
    assert await kubectl("diff -f -", stdin=manifest("a", color="red")) == ""
    for way in ("diff -f -", "diff --server-side --force-conflicts -f -"):
        said = await kubectl.run(*way.split(), stdin=manifest("a", color="blue"))
        assert said.code == 1, said.err
        assert "-  color: red" in said.out
        assert "+  color: blue" in said.out


async def test_fields_are_explained(kubectl: Kubectl) -> None:
    assert "replicas\t<integer>" in await kubectl("explain deployment.spec")
    assert "rollingUpdate" in await kubectl("explain deployment.spec.strategy --recursive")
    assert "color\t<string>" in await kubectl("explain widget.spec")
    assert "ENUM:\n    red\n    blue\n" in await kubectl("explain widget.spec.color")


async def test_objects_are_described_with_their_events(kubectl: Kubectl) -> None:
    await kubectl("create -f -", stdin=manifest("a", color="red"))
    uid = await kubectl("get widget a", "-o", "jsonpath={.metadata.uid}")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "a.1"},
        "involvedObject": {
            "apiVersion": "example.org/v1",
            "kind": "Widget",
            "name": "a",
            "namespace": kubectl.namespace,
            "uid": uid,
        },
        "type": "Normal",
        "reason": "Painted",
        "message": "it is red now",
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2099-01-01T00:00:00Z",
        "count": 1,
    }
    await kubectl("create -f -", stdin=json.dumps(event))
    described = await kubectl("describe widget a")
    assert "it is red now" in described
    assert "Painted" in await kubectl("events --for widget/a")
    assert "Painted" in await kubectl("get events")
    await kubectl("apply -f -", stdin=DEPLOYMENT)
    assert "web:1" in await kubectl("describe deployment web")
    assert "Active" in await kubectl(f"describe namespace {kubectl.namespace}")


async def test_waits_end_when_the_world_is_so(kubectl: Kubectl) -> None:
    await kubectl("create -f -", stdin=manifest("a", color="red"))
    await kubectl("wait widget/a --for=jsonpath={.spec.color}=red --timeout=10s")
    await kubectl("wait crd/widgets.example.org --for=condition=Established --timeout=10s")
    assert "timed out" in await kubectl.fails("wait widget/a --for=condition=Ready --timeout=1s")
    waiting = await kubectl.start("wait", "widget/a", "--for=condition=Ready", "--timeout=20s")
    status = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
    await kubectl("patch widget a --subresource status --type merge -p", status)
    await waiting.communicate()
    assert waiting.returncode == 0
    leaving = await kubectl.start("wait", "widget/a", "--for=delete", "--timeout=20s")
    await kubectl("delete widget a")
    await leaving.communicate()
    assert leaving.returncode == 0


async def test_a_watch_shows_what_happens(kubectl: Kubectl) -> None:
    await kubectl("create -f -", stdin=manifest("a"))
    watching = await kubectl.start("get", "widgets", "-w", "--no-headers", "--output-watch-events")
    assert watching.stdout is not None
    async with asyncio.timeout(60):
        assert (await watching.stdout.readline()).split()[:2] == [b"ADDED", b"a"]
        await kubectl("patch widget a --type merge -p", '{"spec":{"color":"blue"}}')
        assert (await watching.stdout.readline()).split()[:3] == [b"MODIFIED", b"a", b"blue"]
        await kubectl("delete widget a --wait=false")
        assert (await watching.stdout.readline()).split()[:2] == [b"DELETED", b"a"]
    watching.kill()
    await watching.communicate()


async def test_deletes_wait_until_it_is_gone(kubectl: Kubectl) -> None:
    for name in ("a", "b", "c"):
        await kubectl("create -f -", stdin=manifest(name))
    assert "deleted" in await kubectl("delete widget a")
    assert "not found" in await kubectl.fails("delete widget a")
    await kubectl("delete -f - --ignore-not-found", stdin=manifest("a"))
    await kubectl("delete widgets --all")
    assert (await kubectl("get widgets -o name")) == ""
    team = f"{kubectl.namespace}-team"
    await kubectl(f"create ns {team}")
    await kubectl(f"create configmap c -n {team}")
    assert "deleted" in await kubectl(f"delete ns {team}")
    assert "deleted" in await kubectl("delete crd widgets.example.org")
    assert "the server could not find the requested resource" in await kubectl.fails("get widgets")


async def test_a_cascade_can_be_chosen(kubectl: Kubectl) -> None:
    await kubectl("apply -f -", stdin=DEPLOYMENT)
    uid = await kubectl("get deploy web", "-o", "jsonpath={.metadata.uid}")
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": uid}
    child = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "child", "ownerReferences": [owner]}}
    await kubectl("create -f -", stdin=json.dumps(child))
    await kubectl("delete deploy web --cascade=orphan")
    assert await kubectl("get cm child", "-o", "jsonpath={.metadata.ownerReferences}") == ""


async def test_a_dry_run_leaves_no_trace(kubectl: Kubectl) -> None:
    assert "(server dry run)" in await kubectl("create --dry-run=server -f -", stdin=manifest("a"))
    assert "(server dry run)" in await kubectl("apply --server-side --dry-run=server -f -", stdin=manifest("a"))
    assert (await kubectl("get widgets -o name")) == ""


async def test_prune_removes_what_is_no_longer_in_the_set(kubectl: Kubectl) -> None:
    both = "\n---\n".join(
        yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"set": "x"}}})
        for name in ("keep", "drop")
    )
    await kubectl("apply --prune -l set=x --prune-allowlist=core/v1/ConfigMap -f -", stdin=both)
    keep = both.split("\n---\n", maxsplit=1)[0]
    said = await kubectl("apply --prune -l set=x --prune-allowlist=core/v1/ConfigMap -f -", stdin=keep)
    assert "configmap/drop pruned" in said


async def test_questions_of_access_are_answered(kubectl: Kubectl) -> None:
    assert await kubectl("auth can-i delete pods") == "yes\n"
    assert ("kubernetes-admin" if kubectl.cluster.embedded else "Username") in await kubectl("auth whoami")
    assert "*.*" in await kubectl("auth can-i --list")


async def test_what_needs_a_kubelet_says_so(kubectl: Kubectl) -> None:
    if not kubectl.cluster.embedded:
        pytest.skip("a given cluster may have kubelets")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    await kubectl("create -f -", stdin=json.dumps(pod))
    assert "there is no kubelet" in await kubectl.fails("logs p")
    assert "there is no kubelet" in await kubectl.fails("exec p -- true")
    assert (await kubectl("create token default")).count(".") == 2
