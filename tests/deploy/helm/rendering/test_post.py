"""What is done to rendered releases before they are applied, by the real kustomize where it is asked for."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.helm.release import Hook, Release
from deploy.helm.rendering.post import PostRenderer
from deploy.helm.rendering.render import RenderError
from deploy.kustomize.building import build
from deploy.kustomize.building.bases.fetching import NoRemoteBases
from gotk.runtime.blocking import Limiter
from gotk.sandbox.confinement import Confinement
from tests.deploy.helm.objects import helm_release
from tests.deploy.helm.stored import release
from tests.deploy.kustomize.test_kustomization import pytestmark as needs_kustomize

MANIFEST = """\
---
# Source: shop/templates/account.yaml
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, labels: {app: shop}}
---
# Source: shop/templates/all.yaml
# a comment
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data: {port: "080", text: "a\\n"}
---
# Source: shop/templates/all.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, image: "shop:1"}]}}}
"""
JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: prepare
  annotations:
    helm.sh/hook: pre-install, Post-Upgrade
    helm.sh/hook-weight: "-5"
    helm.sh/hook-delete-policy: hook-succeeded,before-hook-creation
    helm.sh/hook-output-log-policy: hook-failed
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: "shop:1"}]}}}
"""
PREPARE = Hook(
    name="prepare", kind="Job", path="shop/templates/job.yaml", manifest=JOB, weight=-5,
    events=("pre-install", "post-upgrade"), delete_policies=("hook-succeeded", "before-hook-creation"),
    output_log_policies=("hook-failed",),
)  # fmt: skip
ORIGIN = {"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "apps"}
COMMON = {"labels": {"app": "common", "helm.toolkit.fluxcd.io/name": "not me"}, "annotations": {"by": "us"}}


def left(scratch: Path) -> list[Path]:
    return list(scratch.iterdir())


def images(tag: str) -> dict[str, Any]:
    return {"kustomize": {"images": [{"name": "shop", "newTag": tag}]}}


def patch(text: str, **target: str) -> dict[str, Any]:
    return {"kustomize": {"patches": [{"patch": text, **({"target": target} if target else {})}]}}


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[PostRenderer]:
    with Limiter(width=2) as limiter:
        builder = build.Builder(
            command=build.find_command(),
            limiter=limiter,
            scratch=tmp_path,
            confine=Confinement.command,
            fetches=NoRemoteBases(),
        )
        yield PostRenderer(builder=builder, limiter=limiter, scratch=tmp_path)
    assert left(tmp_path) == []


async def rendered(
    post: PostRenderer, given: Release | None = None, hidden: tuple[str, ...] = (), **spec: Any
) -> Release:
    given = given or release(manifest=MANIFEST, hooks=(PREPARE,))
    return await post.post_render(given, helm_release(spec), timeout=60, hidden=hidden)


def objects(made: Release) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(made.manifest))


def sources(made: Release) -> list[str]:
    return [line.removeprefix("# Source: ") for line in made.manifest.splitlines() if line.startswith("# Source")]


def image_of(obj: dict[str, Any]) -> str:
    found: str = obj["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


async def test_every_object_is_labelled_with_where_it_comes_from(post: PostRenderer) -> None:
    made = await rendered(post)
    assert [each["metadata"]["labels"] for each in objects(made)] == [{"app": "shop", **ORIGIN}, ORIGIN, ORIGIN]
    assert sources(made) == ["shop/templates/account.yaml", "shop/templates/all.yaml", "shop/templates/all.yaml"]
    assert objects(made)[1]["data"] == {"port": "080", "text": "a\n"}
    (hook,) = made.hooks
    assert yaml.safe_load(hook.manifest)["metadata"]["labels"] == ORIGIN
    assert (hook.events, hook.weight, hook.delete_policies, hook.output_log_policies, hook.path) == (
        PREPARE.events, PREPARE.weight, PREPARE.delete_policies, PREPARE.output_log_policies, PREPARE.path,
    )  # fmt: skip
    assert (made.chart, made.config, made.info) == (release().chart, release().config, release().info)


async def test_common_metadata_replaces_what_the_chart_says_and_not_the_origin(post: PostRenderer) -> None:
    made = await rendered(post, commonMetadata=COMMON)
    for each in [*objects(made), yaml.safe_load(made.hooks[0].manifest)]:
        assert each["metadata"]["labels"] == {"app": "common", **ORIGIN}
        assert each["metadata"]["annotations"]["by"] == "us"


@needs_kustomize[0]
@needs_kustomize[1]
async def test_images_and_patches_are_kustomizes_one_after_the_other(post: PostRenderer) -> None:
    relabel = patch("- {op: add, path: /metadata/annotations/a, value: b}", kind="Deployment")
    made = await rendered(post, postRenderers=[images("2"), {}, relabel, images("3")], commonMetadata=COMMON)
    deployment = objects(made)[2]
    assert image_of(deployment) == "shop:3"
    assert deployment["metadata"]["annotations"] == {"a": "b", "by": "us"}
    assert image_of(yaml.safe_load(made.hooks[0].manifest)) == "shop:3"
    assert sources(made) == ["shop/templates/account.yaml", "shop/templates/all.yaml", "shop/templates/all.yaml"]
    assert "postrenderer.helm.sh" not in made.manifest + made.hooks[0].manifest


@needs_kustomize[0]
@needs_kustomize[1]
async def test_a_patch_deletes_an_object_and_makes_a_hook_of_another(post: PostRenderer) -> None:
    gone = patch("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web}\n$patch: delete\n")
    hook = patch("- {op: add, path: /metadata/annotations, value: {helm.sh/hook: test-success}}", kind="ConfigMap")
    plain = patch("- {op: remove, path: /metadata/annotations/helm.sh~1hook}", kind="Job")
    made = await rendered(post, postRenderers=[gone, hook, plain])
    assert [each["kind"] for each in objects(made)] == ["Deployment", "Job"]
    (found,) = made.hooks
    assert (found.name, found.kind, found.events) == ("settings", "ConfigMap", ("test",))


@needs_kustomize[0]
@needs_kustomize[1]
async def test_the_patches_of_older_versions_are_applied_before_the_images(post: PostRenderer) -> None:
    merge = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 3}}
    operations = [
        {"op": "test", "path": "/data/port", "value": "080"},
        {"op": "copy", "from": "/data/port", "path": "/data/again"},
        {"op": "replace", "path": "/data/port", "value": "81"},
    ]
    gone = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web"}, "$patch": "delete"}
    target = {"version": "v1", "kind": "ConfigMap", "name": "settings"}
    old = {
        "patchesStrategicMerge": [merge, gone],
        "patchesJson6902": [{"target": target, "patch": operations}],
        **patch("- {op: add, path: /data, value: {}}", kind="Job")["kustomize"],
        **images("7")["kustomize"],
    }
    made = await rendered(post, postRenderers=[{"kustomize": old}])
    settings, deployment = objects(made)
    assert settings["data"] == {"port": "81", "again": "080", "text": "a\n"}
    assert (deployment["spec"]["replicas"], image_of(deployment)) == (3, "shop:7")
    assert yaml.safe_load(made.hooks[0].manifest)["data"] == {}


@needs_kustomize[0]
@needs_kustomize[1]
async def test_the_strategy_says_what_is_rendered_together(post: PostRenderer) -> None:
    twin = release(manifest=MANIFEST, hooks=(PREPARE, Hook(
        name="web", kind="ServiceAccount", path="shop/templates/sa.yaml", events=("pre-install",),
        manifest="apiVersion: v1\nkind: ServiceAccount\n"
        "metadata: {name: web, annotations: {helm.sh/hook: pre-install}}\n",
    )))  # fmt: skip
    with pytest.raises(RenderError, match=r"post render on files: may not add resource with an already registered id: "
                                          r"ServiceAccount\.v1\.\[noGrp\]/web\.\[noNs\]"):  # fmt: skip
        await rendered(post, twin)
    with pytest.raises(RenderError, match=r"post render on files: .*already registered id"):
        await rendered(post, twin, postRenderers=[images("2")])
    separate = await rendered(post, twin, postRenderers=[images("2")], postRenderStrategy="separate")
    assert [each.name for each in separate.hooks] == ["prepare", "web"]
    assert image_of(yaml.safe_load(separate.hooks[0].manifest)) == image_of(objects(separate)[2]) == "shop:2"
    without = await rendered(post, twin, postRenderers=[images("2")], postRenderStrategy="nohooks")
    assert without.hooks == twin.hooks
    assert image_of(objects(without)[2]) == "shop:2"


async def test_lists_are_unfolded_and_empty_documents_left_out(post: PostRenderer) -> None:
    manifest = (
        "---\n# Source: shop/templates/a.yaml\n# nothing\n"
        "---\n# Source: shop/templates/l.yaml\napiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
        "- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n"
    )
    made = await rendered(post, release(manifest=manifest, hooks=()))
    assert [(each["kind"], each["metadata"]["labels"]) for each in objects(made)] == [
        ("ConfigMap", ORIGIN), ("Secret", ORIGIN),
    ]  # fmt: skip
    assert sources(made) == ["shop/templates/l.yaml"] * 2


async def test_a_release_of_nothing_stays_one(post: PostRenderer) -> None:
    made = await rendered(post, release(manifest="", hooks=()), postRenderers=[images("2")])
    assert (made.manifest, made.hooks) == ("", ())


async def test_hooks_of_events_that_nobody_knows_are_left_out(post: PostRenderer) -> None:
    odd = PREPARE.manifest.replace("pre-install, Post-Upgrade", "crd-install").replace('"-5"', "[1]")
    hook = Hook(name="prepare", kind="Job", path="p", manifest=odd, events=("pre-install",))
    assert (await rendered(post, release(manifest="", hooks=(hook,)))).hooks == ()


LEVELS = ["a0: &a0 [x,x,x,x,x,x,x,x,x]", *(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))]


def manifest(content: str) -> str:
    return f"---\n# Source: shop/templates/a.yaml\n{content}\n"


REFUSED = {
    "no YAML": ("{a: b", "parsing shop/templates/a.yaml: line 2: did not find expected ',' or '}'"),
    "a key that comes twice": ("a: 1\na: 2", 'parsing shop/templates/a.yaml: line 2: key "a" already set'),
    "no object": ("- a", "shop/templates/a.yaml: an object has no apiVersion or no kind"),
    "no kind": ("apiVersion: v1", "shop/templates/a.yaml: an object has no apiVersion or no kind"),
    "no name": ("{apiVersion: v1, kind: Pod}", "shop/templates/a.yaml: Pod has no metadata.name"),
    "labels that are none": (
        "{apiVersion: v1, kind: Pod, metadata: {name: a, labels: [b]}}",
        "metadata.labels of Pod.v1.[noGrp]/a.[noNs] is not a mapping",
    ),
    "a bomb of aliases": (
        "\n".join(LEVELS),
        "parsing shop/templates/a.yaml: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "complaint"), REFUSED.values(), ids=REFUSED)
async def test_what_is_no_object_is_named(post: PostRenderer, content: str, complaint: str) -> None:
    with pytest.raises(RenderError) as error:
        await rendered(post, release(manifest=manifest(content), hooks=()))
    assert str(error.value).startswith(f"error while running post render on files: {complaint}"), str(error.value)


@needs_kustomize[0]
@needs_kustomize[1]
async def test_a_patch_that_fits_nothing_is_said_without_what_a_secret_gave(post: PostRenderer) -> None:
    wrong = patch("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hunter22}\n")
    with pytest.raises(
        RenderError, match=r"error while running post render on files: .*no (?:resource )?matches"
    ) as error:
        await rendered(post, postRenderers=[wrong], hidden=("hunter22",))
    assert "hunter22" not in str(error.value)
