"""The reconciler of HelmReleases, whole: the real helm renders, and a control plane simulates what runs."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from deploy import crds
from deploy.helm import naming
from gotk.apiserver import ControlPlane
from gotk.kube.client import Client
from gotk.kube.config import from_kubeconfig
from gotk.runtime.reconciler import Woken
from tests.conformance.helm import Helm
from tests.deploy.helm import world
from tests.deploy.helm.rendering.charts import packaged
from tests.deploy.helm.world import World, again, found, release
from tests.deploy.kustomize.test_kustomization import pytestmark as needs_kustomize

pytestmark = [*needs_kustomize, pytest.mark.real, pytest.mark.skipif(Helm.path is None, reason="there is no helm here")]

SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {tag: {{ .Values.tag | quote }}}\n"
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:{{ .Values.tag }}"}]}
"""
SMOKE = """\
apiVersion: v1
kind: Pod
metadata: {name: smoke, annotations: {helm.sh/hook: test}}
spec: {restartPolicy: Never, containers: [{name: smoke, image: "smoke:1"}]}
"""
META = "apiVersion: v2\nname: web\nversion: VERSION\nappVersion: '9'\n"


def chart(version: str = "1.0.0", **templates: str) -> bytes:
    """Package a chart of a ConfigMap, and of what else is given."""
    files = {f"templates/{name}.yaml": text for name, text in {"settings": SETTINGS, **templates}.items()}
    return packaged({"Chart.yaml": META.replace("VERSION", version), "values.yaml": "tag: one\n", **files}, name="web")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world.new(tmp_path) as made:
        yield made


async def test_a_fresh_install_with_tests_says_what_it_does_one_after_the_other(here: World) -> None:
    here.publish(chart(deployment=DEPLOYMENT, smoke=SMOKE))
    ended = await here.reconcile(release(test={"enable": True, "timeout": "20s"}))
    assert ended.run.progressed == [
        "Running 'install' action with timeout of 10s", "Running 'test' action with timeout of 20s",
    ]  # fmt: skip
    seen = [
        {each.type: (each.status, each.reason) for each in status.conditions if each.type != "Reconciling"}
        for status in ended.run.saves
    ]
    assert seen[0] == {"Ready": ("Unknown", "Progressing")}
    waiting = {"Released": ("True", "InstallSucceeded"), "TestSuccess": ("Unknown", "AwaitingTests")}
    assert any(waiting.items() <= each.items() for each in seen)
    tested = "Helm test succeeded for release default/web.v1 with chart web@1.0.0: 1 test hook completed successfully"
    assert ended.ready == ("True", "TestSucceeded", tested)
    assert ended.conditions["Released"][:2] == ("True", "InstallSucceeded")
    assert ended.conditions["TestSuccess"] == ended.ready
    assert not {"Reconciling", "Stalled"} & ended.conditions.keys()
    (snapshot,) = ended.obj.status.history
    assert {name: hook.phase for name, hook in (snapshot.test_hooks or {}).items()} == {"smoke": "Succeeded"}
    assert [(event.severity, event.reason) for event in ended.run.events] == [
        ("Normal", "InstallSucceeded"), ("Normal", "TestSucceeded"),
    ]  # fmt: skip
    assert ended.outcome is not None
    assert ended.outcome.requeue_after == 600.0


async def test_a_run_that_is_asked_for_meanwhile_ends_the_health_check_where_the_gate_is_open(here: World) -> None:
    here.publish(chart(deployment=DEPLOYMENT))
    good = await here.reconcile(release())
    assert good.ready[0] == "True", good.ready
    here.reconciler = here.reconciler_for(cancel_health_checks=True)
    woken = Woken()
    broken = again(good, values={"tag": "2-neverready"}, timeout="60s")
    woken.wake("HelmChart/default/web")
    ended = await here.reconcile(broken, woken=woken)
    assert ended.ready == ("False", "HealthCheckCanceled", "New reconciliation triggered by HelmChart/default/web")
    assert getattr(ended.error, "after", None) == 0.0, "it is taken up again at once"
    assert await here.stored() == {1: "deployed", 2: "failed"}
    assert ended.obj.status.upgrade_failures == 0, "it is no failure of the release"
    assert ("Normal", "HealthCheckCanceled") in [(event.severity, event.reason) for event in ended.run.events]
    fixed = await here.reconcile(again(ended, values={"tag": "3"}))
    assert fixed.ready[:2] == ("True", "UpgradeSucceeded"), fixed.ready


async def test_a_kubeconfig_leads_the_release_and_its_records_to_another_cluster(here: World, tmp_path: Path) -> None:
    here.publish(chart(deployment=DEPLOYMENT))
    async with (
        ControlPlane(tmp_path / "away", crds=crds.load(), simulate=0.02) as away,
        Client(await from_kubeconfig([away.kubeconfig])) as there,
    ):
        to = {"kubeConfig": {"secretRef": {"name": "away"}}, "values": {"tag": "two"}}
        refused = await here.reconcile(release(**to))
        assert refused.ready[:2] == ("False", "RESTClientError")
        assert "unable to read KubeConfig secret 'default/away' error: " in refused.ready[2]

        data = {"value": base64.b64encode(away.kubeconfig.read_bytes()).decode()}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "away", "namespace": "default"}}
        await here.client.create_object({**secret, "data": data})
        ended = await here.reconcile(release(**to))
        assert ended.ready[:2] == ("True", "InstallSucceeded"), ended.ready
        assert await here.get("ConfigMap", "settings") is None
        assert await here.stored() == {}
        settings = await found(there, "ConfigMap", "settings")
        assert settings is not None
        assert settings["data"] == {"tag": "two"}
        (listed,) = json.loads(await Helm(away.kubeconfig, tmp_path / "home")("list -n default -o json"))
        assert (listed["name"], listed["status"], listed["chart"]) == ("web", "deployed", "web-1.0.0")

        ended = await here.reconcile(again(ended, values={"tag": "three"}))
        assert ended.ready[:2] == ("True", "UpgradeSucceeded"), ended.ready
        await here.client.delete_object("v1", "Secret", "default", "away")
        with structlog.testing.capture_logs() as logs:
            await here.finalize(ended.obj)
        assert await found(there, "ConfigMap", "settings"), "nobody can go there any more, and the object goes"
        assert [each["event"] for each in logs] == ["a release stays where it is, for nothing leads to its cluster"]
        await here.client.create_object({**secret, "data": data})
        await here.finalize(ended.obj)
        assert await found(there, "ConfigMap", "settings") is None


#: In its namespace a tenant may hold ConfigMaps, and Helm's records.
TENANT = """\
apiVersion: v1
kind: Namespace
metadata: {name: tenant}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: deployer, namespace: tenant}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer, namespace: tenant}
rules: [{apiGroups: [""], resources: [configmaps, secrets], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer, namespace: tenant}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
subjects: [{kind: ServiceAccount, name: deployer, namespace: tenant}]
"""


async def test_an_account_releases_what_it_may_and_nothing_else(tmp_path: Path) -> None:
    async with world.new(tmp_path, authorization_mode="RBAC") as here:
        await here.create(TENANT)
        here.publish(chart())
        obj = release(namespace="tenant", serviceAccountName="deployer")
        ended = await here.reconcile(obj)
        assert ended.ready[:2] == ("True", "InstallSucceeded"), ended.ready
        assert await here.get("ConfigMap", "settings", namespace="tenant")
        assert await here.stored(namespace="tenant") == {1: "deployed"}

        here.publish(chart("1.1.0", deployment=DEPLOYMENT), "1.1.0")
        refused = await here.reconcile(again(ended))
        assert refused.ready[:2] == ("False", "UpgradeFailed")
        assert 'User "system:serviceaccount:tenant:deployer" cannot' in refused.ready[2]
        elsewhere = await here.reconcile(
            release("far", namespace="tenant", serviceAccountName="deployer", targetNamespace="default")
        )
        assert elsewhere.ready[:2] == ("False", "InstallFailed")
        assert 'User "system:serviceaccount:tenant:deployer" cannot' in elsewhere.ready[2]
        assert await here.get("ConfigMap", "settings") is None

        await here.client.delete_object("v1", "ServiceAccount", "tenant", "deployer")
        await here.finalize(refused.obj)
        assert await here.get("ConfigMap", "settings", namespace="tenant"), "who is gone uninstalls nothing"


async def test_a_release_whose_template_became_a_reference_goes_on_and_loses_its_chart(here: World) -> None:
    here.publish(chart(), name="default-web")
    template = {"spec": {"chart": "web", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}
    first = await here.reconcile(release(chart=template, chartRef=None))
    assert first.ready[:2] == ("True", "InstallSucceeded"), first.ready
    assert first.obj.status.helm_chart == "default/default-web"
    source = "source.toolkit.fluxcd.io/v1"
    assert await here.get("HelmChart", "default-web", api_version=source)
    here.publish(chart("1.1.0"), "1.1.0")
    reference = {"kind": "HelmChart", "name": "web", "namespace": "default"}
    ended = await here.reconcile(again(first, chart=None, chartRef=reference))
    assert ended.ready[:2] == ("True", "UpgradeSucceeded"), ended.ready
    assert ended.conditions["Released"][:2] == ("True", "UpgradeSucceeded")
    assert ended.obj.status.helm_chart == ""
    assert await here.get("HelmChart", "default-web", api_version=source) is None
    assert ("Trace", "HelmChartDeleted") in [(event.severity, event.reason) for event in ended.run.events]


async def test_an_artifact_of_the_same_version_and_the_same_values_render_nothing(here: World) -> None:
    here.publish(chart())
    first = await here.reconcile(release(values={"tag": "two"}))
    started = len(here.started)
    here.publish(chart(more="# a template of nothing\n"), "1.0.0")
    ended = await here.reconcile(again(first))
    assert ended.ready == first.ready
    await here.reconcile(again(ended, values={"tag": "two"}, interval="1h"))
    assert len(here.started) == started
    assert await here.stored() == {1: "deployed"}


async def test_names_that_helm_would_not_take_are_shortened_and_those_that_no_label_holds_are_told(here: World) -> None:
    here.publish(chart())
    long = "n" * 60
    ended = await here.reconcile(release(long))
    assert ended.ready[:2] == ("True", "InstallSucceeded"), ended.ready
    assert ended.obj.status.history[0].name.startswith(f"{long[:40]}-")
    longest = await here.reconcile(release("n" * 63))
    assert longest.ready[:2] == ("True", "InstallSucceeded"), longest.ready
    longer = await here.reconcile(release("n" * 64))
    assert longer.ready[:2] == ("False", "InvalidName")
    assert longer.ready[2].startswith("metadata.name has 64 characters, and the label helm.toolkit.fluxcd.io/name")
    assert longer.ready[2].endswith(f"with spec.releaseName '{naming.shortened('n' * 64)}'")
    assert longer.conditions["Stalled"][0] == "True"


async def test_an_install_that_a_kill_cut_off_is_done_by_the_next_run(here: World) -> None:
    here.publish(chart(deployment=DEPLOYMENT))
    obj = release(values={"tag": "1-neverready"}, timeout="60s")
    async with asyncio.TaskGroup() as group:
        killed = group.create_task(here.reconcile(obj))
        while await here.stored() != {1: "pending-install"}:  # noqa: ASYNC110 - the server is asked, as helm would
            await asyncio.sleep(0.01)
        killed.cancel()
    assert await here.stored() == {1: "pending-install"}
    ended = await here.reconcile(release(values={"tag": "2"}))
    assert ended.ready[:2] == ("True", "UpgradeSucceeded"), ended.ready
    assert await here.stored() == {1: "failed", 2: "deployed"}
    assert [(each.version, each.action) for each in ended.obj.status.history] == [(2, "upgrade")]
    assert ended.run.progressed[0] == "Running 'unlock' action with timeout of 10s"


async def test_what_an_action_says_of_rendering_is_what_helm_is_told(here: World) -> None:
    schema = json.dumps({"properties": {"tag": {"type": "string"}}})
    files = {"Chart.yaml": META.replace("VERSION", "1.0.0"), "values.yaml": "tag: one\n", "values.schema.json": schema}
    here.publish(packaged({**files, "templates/settings.yaml": SETTINGS}, name="web"))
    refused = await here.reconcile(release(values={"tag": 1}))
    assert refused.ready[:2] == ("False", "InstallFailed")
    assert "values don't meet the specifications of the schema(s)" in refused.ready[2], refused.ready
    install = {"disableSchemaValidation": True}
    ended = await here.reconcile(again(refused, install=install))
    assert ended.ready[:2] == ("True", "InstallSucceeded"), ended.ready

    kept = await here.reconcile(again(ended, values={"other": 2}, upgrade={**install, "preserveValues": True}))
    assert kept.ready[:2] == ("True", "UpgradeSucceeded"), kept.ready
    assert (await here.get("ConfigMap", "settings"))["data"] == {"tag": "1"}
    reset = await here.reconcile(again(kept, values={"other": 3}, upgrade={}))
    assert reset.ready[:2] == ("True", "UpgradeSucceeded"), reset.ready
    assert (await here.get("ConfigMap", "settings"))["data"] == {"tag": "one"}


async def test_the_event_of_a_failure_tells_what_was_done_before_it(here: World) -> None:
    hook = SMOKE.replace("helm.sh/hook: test", "helm.sh/hook: pre-upgrade")
    here.publish(chart())
    good = await here.reconcile(release())
    here.publish(chart("1.1.0", hook=hook, deployment=DEPLOYMENT), "1.1.0")
    remediation = {"remediation": {"remediateLastFailure": True}}
    failed = await here.reconcile(again(good, values={"tag": "2-crashloop"}, timeout="1s", upgrade=remediation))
    assert failed.ready[:2] == ("False", "RollbackSucceeded"), failed.ready
    (event,) = (event for event in failed.run.events if event.reason == "UpgradeFailed")
    message, _, log = event.message.partition("\n\nLast Helm logs:\n\n")
    assert message == failed.conditions["Released"][2], "the condition tells no log"
    assert [line.partition("Z: ")[2] for line in log.splitlines()] == [
        "pre-upgrade hook web/templates/hook.yaml: Succeeded",
        "applied 2 object(s): 1 configured, 1 created",
        "waiting for 2 object(s), for 1s at most",
    ]


async def test_another_algorithm_is_for_what_is_released_next_and_no_reason_to_upgrade(here: World) -> None:
    here.publish(chart())
    first = await here.reconcile(release(values={"tag": "two"}))
    here.reconciler = here.reconciler_for(digest_algorithm="blake3")
    ended = await here.reconcile(again(first))
    assert ended.ready == first.ready
    assert await here.stored() == {1: "deployed"}
    assert ended.obj.status.last_attempted_config_digest.startswith("blake3:")
    ended = await here.reconcile(again(ended, values={"tag": "three"}))
    newest, before = ended.obj.status.history
    assert (newest.digest.partition(":")[0], newest.config_digest.partition(":")[0]) == ("blake3", "blake3")
    assert (before.digest.partition(":")[0], before.config_digest.partition(":")[0]) == ("sha256", "sha256")
    here.reconciler = here.reconciler_for()
    ended = await here.reconcile(again(ended))
    assert await here.stored() == {1: "superseded", 2: "deployed"}
    assert ended.ready[:2] == ("True", "UpgradeSucceeded")


async def test_what_helm_3_did_is_done_where_the_operator_wants_that(here: World) -> None:
    hook = SMOKE.replace("helm.sh/hook: test", "helm.sh/hook: post-install").replace("smoke:1", "web:1")
    odd = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}], typo: 1}\n"
    here.publish(chart(hook=hook, service=odd))
    here.reconciler = here.reconciler_for(helm_3_defaults=True)
    renderers = [{"kustomize": {"images": [{"name": "web", "newTag": "9"}]}}]
    ended = await here.reconcile(release(postRenderers=renderers))
    assert ended.ready[:2] == ("True", "InstallSucceeded"), f"the client's side knows no fields: {ended.ready}"
    (pod,) = await here.client.list_objects("v1", "Pod", "default", fields="metadata.name=smoke")
    assert pod["spec"]["containers"][0]["image"] == "web:1", "hooks are not rendered on"


async def test_a_field_without_effect_is_warned_of(here: World) -> None:
    here.publish(chart())
    with structlog.testing.capture_logs() as logs:
        await here.reconcile(release(rollback={"recreate": True}))
    warned = [each["event"] for each in logs if each["log_level"] == "warning"]
    assert warned == ["spec.rollback.recreate has no effect: Helm restarts no pods for a rollback any more"]
