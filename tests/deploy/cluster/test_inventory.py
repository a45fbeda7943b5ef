"""Ids of applied objects, and the order in which objects come and go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.cluster import inventory, order
from deploy.cluster.inventory import Item, ObjectID
from gotk.api.meta import ResourceInventory, ResourceRef

IDS = {
    "_apps__Namespace": ObjectID("", "apps", "", "Namespace"),
    "apps_podinfo_apps_Deployment": ObjectID("apps", "podinfo", "apps", "Deployment"),
    "apps_sys__x_rbac.authorization.k8s.io_Role": ObjectID("apps", "sys:x", "rbac.authorization.k8s.io", "Role"),
}


@pytest.mark.parametrize(("text", "expected"), IDS.items(), ids=IDS.keys())
def test_an_id_is_written_and_read(text: str, expected: ObjectID) -> None:
    assert str(expected) == text
    assert ObjectID.parse(text) == expected


@pytest.mark.parametrize("text", ["", "a", "a_b_c", "___", "a__b_"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unable to parse stored object metadata"):
        ObjectID.parse(text)


def test_an_entry_that_is_no_id_is_left_out() -> None:
    entries = (ResourceRef(id="nonsense", v="v1"), ResourceRef(id="_apps__Namespace", v="v1"))
    assert inventory.read(ResourceInventory(entries=entries)) == [Item(ObjectID("", "apps", "", "Namespace"), "v1")]


NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.:]{0,20}[a-z0-9])?", fullmatch=True)
OBJECT_IDS = st.builds(
    ObjectID,
    st.one_of(st.just(""), st.from_regex(r"[a-z][-a-z0-9]{0,10}", fullmatch=True)),
    NAMES,
    st.sampled_from(["", "apps", "rbac.authorization.k8s.io"]),
    st.sampled_from(["Deployment", "Namespace", "Service", "StorageClass", "Thing"]),
)
ITEMS = st.builds(Item, OBJECT_IDS, st.sampled_from(["v1", "v1beta1"]))


@given(OBJECT_IDS)
def test_reading_undoes_writing(object_id: ObjectID) -> None:
    assert ObjectID.parse(str(object_id)) == object_id


@given(st.lists(ITEMS), st.lists(ITEMS))
def test_what_is_stale_is_in_the_old_inventory_only(old: list[Item], new: list[Item]) -> None:
    stale = inventory.stale(old, new)
    assert {item.id for item in stale} == {item.id for item in old} - {item.id for item in new}
    assert stale == inventory.deletion_order(stale)


def test_what_others_need_goes_last() -> None:
    kinds = [
        ("", "apps", "", "Namespace"), ("apps", "s", "", "ServiceAccount"), ("apps", "c", "", "ConfigMap"),
        ("apps", "w", "apps", "Deployment"),
        ("", "v", "admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ]  # fmt: skip
    old = [Item(ObjectID(*each), "v1") for each in kinds]
    deleted = [item.id.kind for item in inventory.stale(reversed(old), [])]
    assert deleted == ["ValidatingWebhookConfiguration", "Deployment", "ConfigMap", "ServiceAccount", "Namespace"]


def manifest(kind: str, name: str = "x", *, group: str = "", namespace: str = "") -> dict[str, object]:
    api_version = f"{group}/v1" if group else "v1"
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}


@given(st.lists(OBJECT_IDS, unique=True), st.randoms())
def test_the_order_is_total(ids: list[ObjectID], random: object) -> None:
    manifests = [manifest(i.kind, i.name, group=i.group, namespace=i.namespace) for i in ids]
    shuffled = list(manifests)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # Hypothesis hands out a random.Random
    assert order.stages(manifests) == order.stages(shuffled)


def test_stages() -> None:
    kinds = [
        "ValidatingWebhookConfiguration",
        "Deployment",
        "Anything",
        "IngressClass",
        "Secret",
        "Namespace",
        "ServiceAccount",
        "ClusterRole",
        "CustomResourceDefinition",
        "StorageClass",
        "Service",
    ]
    stages = [[obj["kind"] for obj in stage] for stage in order.stages(manifest(kind) for kind in kinds)]
    assert stages == [
        ["CustomResourceDefinition", "Namespace", "ClusterRole"],
        ["StorageClass", "IngressClass"],
        ["ServiceAccount", "Secret", "Service", "Deployment", "Anything", "ValidatingWebhookConfiguration"],
    ]
