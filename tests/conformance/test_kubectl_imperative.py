"""What kubectl does without a manifest: it builds the request itself, in protobuf or as a strategic patch."""

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

CONTAINER = "-o", "jsonpath={.spec.template.spec.containers[0]}"


async def test_every_kind_can_be_made_by_its_own_command(kubectl: Kubectl) -> None:
    space = kubectl.namespace
    lines = [
        f"create ns {space}-team",
        "create configmap settings --from-literal=a=1",
        "create secret generic password --from-literal=p=x",
        "create secret docker-registry login --docker-server=r.example.org --docker-username=u --docker-password=p",
        "create deployment web --image=web:1 --port=80",
        "create service clusterip web --tcp=80:80",
        "create service nodeport open --tcp=80:80",
        "create serviceaccount robot",
        "create role reader --verb=get --resource=pods",
        f"create rolebinding readers --role=reader --serviceaccount={space}:robot",
        f"create clusterrole {space}-viewer --verb=get,list --resource=nodes",
        f"create clusterrolebinding {space}-viewers --clusterrole={space}-viewer --group=people",
        "create job once --image=once:1 -- true",
        "create cronjob often --image=often:1 --schedule=@hourly -- true",
        "create job now --from=cronjob/often",
        "create quota limits --hard=pods=30",
        "create poddisruptionbudget calm --selector=app=web --min-available=1",
        "create ingress front --rule=example.org/*=web:80",
        f"create priorityclass {space}-urgent --value=100",
        "run pod --image=pod:1",
        "expose deployment web --name=again",
        "autoscale deployment web --min=1 --max=3",
    ]
    for line in lines:
        said = await kubectl(line)
        assert said.rstrip().endswith(("created", "exposed", "autoscaled")), line
    found = set((await kubectl("get all -o name")).split())
    assert {"deployment.apps/web", "service/web", "job.batch/now", "pod/pod"} <= found
    assert "horizontalpodautoscaler.autoscaling/web" in found
    assert "web:80" in await kubectl("describe ingress front")
    login = json.loads(await kubectl("get secret login -o json"))
    assert login["type"] == "kubernetes.io/dockerconfigjson"


async def test_kinds_are_listed_together_and_by_category(kubectl: Kubectl) -> None:
    await kubectl("create configmap c --from-literal=a=1")
    await kubectl("create secret generic s --from-literal=p=x")
    await kubectl("create -f -", stdin=yaml.safe_dump(widget("a", color="red")))
    both = await kubectl("get cm,secret -A -o wide")
    assert "configmap/c" in both
    assert "secret/s" in both
    named = await kubectl(f"get ns {kubectl.namespace} --no-headers")
    assert named.split()[:2] == [kubectl.namespace, "Active"]
    assert "widget.example.org/a" in await kubectl("get toys -o name")
    assert "customresourcedefinition.apiextensions.k8s.io/widgets.example.org" in await kubectl("get crd -o name")
    assert (await kubectl("get cm c -o", "jsonpath={.data.a}")) == "1"
    for _ in range(3):
        await kubectl("create secret generic --from-literal=p=x", f"s{_}")
    pages = await kubectl("get secret --chunk-size=2 -o name")
    assert pages.split() == ["secret/s", "secret/s0", "secret/s1", "secret/s2"]
    assert (await kubectl("get secret --field-selector metadata.name!=s,type=Opaque -o name")).split() == pages.split()[
        1:
    ]
    refused = await kubectl.fails("get secret --field-selector spec.colour=red")
    assert "field label not supported: spec.colour" in refused
    assert "field label not supported: spec.size" in await kubectl.fails("get widget --field-selector spec.size=big")


async def test_a_workload_is_changed_by_words(kubectl: Kubectl) -> None:
    await kubectl("create deployment web --image=web:1")
    await kubectl("set image deployment/web web=web:2")
    await kubectl("set env deployment/web A=1 B=2")
    await kubectl("set resources deployment web --limits=cpu=200m,memory=512Mi")
    container = json.loads(await kubectl("get deployment web", *CONTAINER))
    assert container["image"] == "web:2"
    assert container["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert container["resources"] == {"limits": {"cpu": "200m", "memory": "512Mi"}}
    await kubectl("set env deployment/web A-")
    assert json.loads(await kubectl("get deployment web", *CONTAINER))["env"] == [{"name": "B", "value": "2"}]
    await kubectl("set serviceaccount deployment web robot")
    await kubectl("rollout restart deployment web")
    stamped = await kubectl("get deployment web", "-o", "jsonpath={.spec.template.metadata.annotations}")
    assert "kubectl.kubernetes.io/restartedAt" in stamped
    await kubectl("rollout pause deployment web")
    assert await kubectl("get deployment web", "-o", "jsonpath={.spec.paused}") == "true"
    await kubectl("rollout resume deployment web")
    assert "timed out" in await kubectl.fails("rollout status deployment web --timeout=1s")


async def test_a_dry_run_at_the_client_asks_nothing_to_be_done(kubectl: Kubectl) -> None:
    made = await kubectl("create deployment web --image=web:1 --dry-run=client -o yaml")
    assert yaml.safe_load(made)["kind"] == "Deployment"
    assert "(dry run)" in await kubectl("apply --dry-run=client -f -", stdin=made)
    assert await kubectl("get deployments -o name") == ""


async def test_a_wait_for_what_is_not_there_yet_ends_when_it_comes(kubectl: Kubectl) -> None:
    waiting = await kubectl.start("wait", "--for=create", "configmap/late", "--timeout=20s")
    async with asyncio.timeout(60):
        await kubectl("create configmap late")
        await waiting.communicate()
    assert waiting.returncode == 0


async def test_many_are_deleted_without_waiting(kubectl: Kubectl) -> None:
    items = [widget(f"w{number}") for number in range(5)]
    await kubectl("create -f -", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    said = await kubectl("delete widgets --all --wait=false")
    assert len(said.splitlines()) == 5
    assert await kubectl("get widgets -o name") == ""
    await kubectl("create configmap kept --from-literal=a=1")
    await kubectl("patch configmap kept --type merge -p", '{"metadata":{"finalizers":["example.org/keep"]}}')
    await kubectl("delete configmap kept --wait=false")
    assert await kubectl("get configmap kept", "-o", "jsonpath={.metadata.deletionTimestamp}")
    await kubectl("patch configmap kept --type json -p", '[{"op":"remove","path":"/metadata/finalizers"}]')
    await kubectl("wait --for=delete configmap/kept --timeout=10s")
