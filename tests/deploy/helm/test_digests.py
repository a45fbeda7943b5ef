"""Digests of releases; the expected ones were made by go-yaml and by Go's JSON encoder."""

from typing import Any

import msgspec
import pytest

from deploy.helm import digests
from tests.deploy.helm.objects import helm_release
from tests.deploy.helm.releases import hook, release

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
VALUES: list[tuple[dict[str, Any] | None, str]] = [
    (None, EMPTY),
    ({}, EMPTY),
    ({"a": 1}, "37b128c59f1f5097f73f82691cb519f1f568667faab5ced1b4ab979d36837eae"),
    (
        {"b": {"z": [1, {"y": None, "x": True}], "a10": 1, "a2": 2}, "a": "yes"},
        "d4c26321d45f346b4275cce08ca72dfe1c313a569f86c68eed47a0ef8fbf2201",
    ),
    (
        {"image": {"tag": "1.10", "pull": "a: b"}, "n": 1.0, "f": 1234567.5, "big": 1e21, "text": "one\ntwo\n"},
        "88bace07521109be534edd3fa81110830deaf02fdf9446854ab5b79ac51db7e3",
    ),
]
PATCH = {
    "patch": "- op: add\n  path: /a&<b>\u2028\n\tü\x7f",
    "target": {"labelSelector": "a=b", "name": "web", "kind": "Deployment"},
}
POST_RENDERERS: list[tuple[list[Any], str]] = [
    ([], ""),
    ([{"kustomize": {}}, {}], "sha256:b08e90359599e39903d529747f25c89a04faa868b5680be79acff888e9450d7d"),
    (
        [{"kustomize": {"images": [{"newTag": "v2", "name": "web"}], "patches": [PATCH]}}],
        "sha256:01764d2643755ada0c5859acfdbe168d673aaabd586100924e325db8b370ecab",
    ),
]
COMMON_METADATA: list[tuple[dict[str, Any] | None, str]] = [
    (None, ""),
    ({}, "sha256:ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"),
    (
        {"labels": {"b": "2", "a": "1"}, "annotations": {"x.example.com/y": "<z>"}},
        "sha256:b504685fee5a133c11fc42c3ad95dd47da961a2cf8d37c881c1db796e8cb6898",
    ),
]


@pytest.mark.parametrize(("values", "digest"), VALUES)
def test_values_have_fluxs_digest(values: dict[str, Any] | None, digest: str) -> None:
    assert digests.config(values) == f"sha256:{digest}"


def test_the_order_of_keys_makes_no_difference() -> None:
    assert digests.config({"b": {"d": 1, "c": 2}, "a": 1}) == digests.config({"a": 1, "b": {"c": 2, "d": 1}})


def test_numbers_beyond_go_have_a_digest() -> None:
    assert digests.config({"a": 10**30, "b": -(10**30)}) == digests.config({"a": 1e30, "b": -1e30})


@pytest.mark.parametrize(("given", "digest"), POST_RENDERERS)
def test_post_renderers_have_fluxs_digest(given: list[Any], digest: str) -> None:
    assert digests.post_renderers(helm_release({"postRenderers": given})) == digest


@pytest.mark.parametrize(("given", "digest"), COMMON_METADATA)
def test_common_metadata_has_fluxs_digest(given: dict[str, Any] | None, digest: str) -> None:
    assert digests.common_metadata(helm_release({"commonMetadata": given})) == digest


def test_a_release_has_the_same_digest_after_it_was_stored() -> None:
    made = release(hooks=(hook(event="pre-install", phase="Succeeded"),), config={"n": 1.0, "list": [1, None, "ü"]})
    stored = msgspec.json.decode(msgspec.json.encode(made), type=type(made))
    assert digests.release(stored) == digests.release(made)


def test_a_test_does_not_change_a_releases_digest() -> None:
    before, after = release(hooks=(hook(),)), release(hooks=(hook(phase="Failed"),))
    assert digests.release(before) == digests.release(after)


CHANGES: list[dict[str, Any]] = [
    {"version": 2},
    {"status": "failed"},
    {"manifest": ""},
    {"config": {"replicas": 3}},
    {"namespace": "other"},
    {"hooks": (hook(event="pre-install"),)},
    {"chart": {"metadata": {"name": "web", "version": "1.0.1"}}},
]


@pytest.mark.parametrize("change", CHANGES, ids=[next(iter(change)) for change in CHANGES])
def test_any_other_change_changes_a_releases_digest(change: dict[str, Any]) -> None:
    assert digests.release(release(**change)) != digests.release(release())


def test_the_artifact_of_the_chart_counts() -> None:
    assert digests.release(release(), "sha256:a") != digests.release(release(), "sha256:b")
