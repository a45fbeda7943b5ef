"""Whether a chosen version runs, where, and how long its way took: objects in, words out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from deploy.cluster import workloads
from gotk.api.image import ImageRef
from image_automation.app.telling import journey, reached
from image_automation.app.telling.journey import Journey
from image_automation.report import Changed, Push
from tests.image_automation.automating import policy

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
REF = ImageRef(name="ghcr.io/o/web", tag="1.1")
WAY = Journey(version="ghcr.io/o/web:1.1", previous="1.0", chosen="2026-01-01T12:00:00Z", commit="c" * 40)


def after(seconds: float) -> str:
    return f"{NOON + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def deployment(image: str = "ghcr.io/o/web:1.1", *, name: str = "web", ready: bool = True) -> dict[str, Any]:
    reason = "NewReplicaSetAvailable" if ready else "ReplicaSetUpdated"
    owner = {"manager": "kustomize-controller", "operation": "Apply", "fieldsV1": {"f:spec": {"f:template": {}}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "namespace": "apps",
            "name": name,
            "managedFields": [
                {**owner, "time": after(20)},
                {"manager": "hpa", "time": after(90), "fieldsV1": {"f:spec": {"f:replicas": {}}}},
                {**owner, "time": after(95), "subresource": "status"},
            ],
        },
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"image": "side/car:2"}, {"image": image}]}}},
        "status": {
            "replicas": 1, "updatedReplicas": 1, "readyReplicas": int(ready), "availableReplicas": int(ready),
            "conditions": [
                {"type": "Available", "status": "True"},
                {"type": "Progressing", "status": "True", "reason": reason, "lastUpdateTime": after(50)},
            ],
        },
    }  # fmt: skip


def read(*objects: dict[str, Any]) -> list[workloads.Workload]:
    return [workloads.read(each, NOON) for each in objects]


def test_a_version_that_runs_is_told_with_the_time_of_each_step():
    way = msgspec.structs.replace(WAY, committed=after(4))
    found = reached.of(REF, way, "Kustomization/apps/web", read(deployment()), NOON)
    assert found is not None
    assert found.message == (
        "image tag '1.1' of 'ghcr.io/o/web' (previously '1.0') runs in Deployment/apps/web by Kustomization/apps/web: "
        "committed after 4s, applied after 16s, ready after 30s"
    )
    assert found.metadata == {
        "old": "1.0",
        "new": "1.1",
        "commit": "c" * 40,
        "applier": "Kustomization/apps/web",
        "chosenAt": after(0),
        "committedAt": after(4),
        "committedAfterSeconds": "4",
        "appliedAt": after(20),
        "appliedAfterSeconds": "16",
        "readyAt": after(50),
        "readyAfterSeconds": "30",
    }


def test_steps_that_nobody_noted_are_left_out():
    plain = {**deployment(), "metadata": {"namespace": "apps", "name": "web"}}
    found = reached.of(REF, Journey(version="x"), "HelmRelease/apps/web", read(plain), NOON)
    assert found is not None
    assert found.message == "image tag '1.1' of 'ghcr.io/o/web' runs in Deployment/apps/web by HelmRelease/apps/web"
    assert found.metadata == {"new": "1.1", "applier": "HelmRelease/apps/web"}


def test_a_rollout_under_way_has_not_reached():
    both = read(deployment(), deployment(name="api", ready=False))
    assert reached.of(REF, WAY, "Kustomization/apps/web", both, NOON) is None


def test_what_runs_something_else_is_not_waited_for():
    found = reached.of(
        REF, WAY, "K/a/w", read(deployment(), deployment("ghcr.io/o/web:1.0", name="old", ready=False)), NOON
    )
    assert found is not None
    assert found.workloads == ("Deployment/apps/web",)
    assert reached.of(REF, WAY, "K/a/w", read(deployment("ghcr.io/o/web:1.0")), NOON) is None


def test_many_workloads_are_counted():
    found = reached.of(REF, WAY, "K/a/w", read(*(deployment(name=f"w{n}") for n in range(7))), NOON)
    assert found is not None
    assert "runs in Deployment/apps/w0, Deployment/apps/w1, " in found.message
    assert "Deployment/apps/w4 and 2 more by K/a/w" in found.message


@pytest.mark.parametrize(
    ("image", "same"),
    [
        ("ghcr.io/o/web:1.1", True),
        ("ghcr.io/o/web:1.1@sha256:" + "a" * 64, True),
        ("ghcr.io/o/web:1.1@sha256:" + "b" * 64, False),
        ("ghcr.io/o/web:1.10", False),
        ("ghcr.io/o/other:1.1", False),
        ("ghcr.io/o/web", False),
        ("localhost:5000/web", False),
        ("${IMAGE}", False),
        ("", False),
    ],
)
def test_an_image_is_the_one_that_was_chosen(image: str, same: bool):
    ref = ImageRef(name="ghcr.io/o/web", tag="1.1", digest="sha256:" + "a" * 64)
    assert reached.is_same(image, ref) is same


def test_spellings_of_the_hub_are_one_image():
    assert reached.is_same("docker.io/library/nginx:1", ImageRef(name="nginx", tag="1"))


ODD = [{}, {"spec": {"template": []}}, {"spec": {"template": {"spec": {"containers": [1, {}]}}}}]


@pytest.mark.parametrize("obj", ODD)
def test_an_object_of_another_shape_runs_nothing(obj: dict[str, Any]):
    assert workloads.read({"kind": "CronJob", **obj}, NOON).images == ()


def test_a_cron_job_has_its_template_one_level_below():
    template = deployment()["spec"]["template"]
    cron = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"namespace": "a", "name": "b"}}
    found = workloads.read({**cron, "spec": {"jobTemplate": {"spec": {"template": template}}}}, NOON)
    assert found.images == ("side/car:2", "ghcr.io/o/web:1.1")
    assert found.is_ready


def pushed(setter: str, new: str) -> Push:
    return Push(commit="d" * 40, branch="main", changes=(Changed(path="x", line=1, setter=setter, old="0", new=new),))


@pytest.mark.parametrize(
    ("setter", "new", "mine"),
    [
        ("apps:web", "ghcr.io/o/web:1.1", True),
        ("apps:web:tag", "1.1", True),
        ("apps:web:tag", "1.0", False),
        ("apps:web2:tag", "1.1", False),
        ("other:web:tag", "1.1", False),
        ("apps:web:name", "ghcr.io/o/web", True),
    ],
)
def test_the_commit_that_wrote_the_choice_is_the_one_of_the_way(setter: str, new: str, mine: bool):
    chosen = policy("web", "ghcr.io/o/web", "1.1")
    known = journey.of(annotated(chosen, Journey(version="ghcr.io/o/web:1.1")), "", [(pushed(setter, new), after(4))])
    assert known is not None
    assert (known.commit, known.committed) == (("d" * 40, after(4)) if mine else ("", ""))


def test_what_was_chosen_before_anybody_asked_is_old():
    found = journey.of(policy("web", "a/web", "1.1"), "", [])
    assert found == Journey(version="a/web:1.1", old=True)


def test_a_new_choice_begins_anew():
    before = Journey(version="a/web:1.0", old=True, reached=("K/a/w",))
    found = journey.of(annotated(policy("web", "a/web", "1.1"), before), after(0), [])
    assert found == Journey(version="a/web:1.1", chosen=after(0))


def test_a_record_that_somebody_else_wrote_is_none():
    assert journey.read({"image-automation.dev/journey": "{"}) is None
    assert journey.read({"image-automation.dev/journey": '{"version": 1}'}) is None
    assert journey.read({"image-automation.dev/journey": "x" * 20_000}) is None


def annotated(chosen: Any, way: Journey) -> Any:
    chosen.metadata.annotations["image-automation.dev/journey"] = journey.write(way)
    return chosen
