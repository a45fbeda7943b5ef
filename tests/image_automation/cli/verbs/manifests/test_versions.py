"""Which API versions are found, and what replacing them leaves alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.api import scheme
from image_automation.cli.verbs.manifests import versions

NEWEST = versions.OF_FLUX["2.9"]

FOUND = {
    "as it is usually written": (
        b"apiVersion: image.toolkit.fluxcd.io/v1beta1\nkind: ImagePolicy\n",
        [(1, "ImagePolicy")],
    ),
    "the kind first, quotes, comments and other fields between": (
        b'kind: "GitRepository" # x\nmetadata:\n  name: a\n\napiVersion: "source.toolkit.fluxcd.io/v1beta2"  # z\r\n',
        [(5, "GitRepository")],
    ),
    "several documents": (
        b"apiVersion: v1\nkind: Secret\n---\napiVersion: helm.toolkit.fluxcd.io/v2beta2\nkind: HelmRelease\n",
        [(4, "HelmRelease")],
    ),
    "the kind in another document": (b"apiVersion: helm.toolkit.fluxcd.io/v2beta2\n---\nkind: HelmRelease\n", []),
    "items of a list": (
        (
            b"kind: List\nitems:\n- apiVersion: image.toolkit.fluxcd.io/v1beta2\n  kind: ImagePolicy\n"
            b"- kind: ImagePolicy\n  apiVersion: image.toolkit.fluxcd.io/v1beta1\n"
        ),
        [(3, "ImagePolicy"), (6, "ImagePolicy")],
    ),
    "a reference within an object": (
        b"kind: X\nspec:\n  ref:\n    apiVersion: source.toolkit.fluxcd.io/v1beta2\n    kind: Bucket\n",
        [(4, "Bucket")],
    ),
    "a kind of another mapping": (
        b"apiVersion: source.toolkit.fluxcd.io/v1beta2\nspec:\n  ref:\n    kind: GitRepository\n",
        [],
    ),
    "the next item's kind": (
        b"- apiVersion: source.toolkit.fluxcd.io/v1beta2\n- kind: GitRepository\n",
        [],
    ),
    "a template": (
        b"{{- if .x }}\napiVersion: source.toolkit.fluxcd.io/v1beta2\nkind: GitRepository\n{{- end }}\n",
        [(2, "GitRepository")],
    ),
    "the newest, and other groups": (
        b"apiVersion: source.toolkit.fluxcd.io/v1\nkind: Bucket\n---\napiVersion: apps/v1beta1\nkind: Scale\n",
        [],
    ),
}


@pytest.mark.parametrize("case", FOUND)
def test_old_versions_are_found_where_their_kinds_are(case: str) -> None:
    data, found = FOUND[case]
    upgrades = versions.find(data, NEWEST)
    assert [(each.line, each.kind) for each in upgrades] == found
    replaced = versions.replace(data, upgrades)
    assert versions.find(replaced, NEWEST) == []
    if found:
        assert len(replaced.split(b"\n")) == len(data.split(b"\n"))


def test_nothing_but_the_version_is_replaced() -> None:
    data = b"# v1beta1\napiVersion:  'image.toolkit.fluxcd.io/v1beta1'  # v1beta1\r\nkind: ImagePolicy\r\nx: v1beta1"
    assert versions.replace(data, versions.find(data, NEWEST)) == data.replace(b"io/v1beta1", b"io/v1")


def test_an_older_flux_has_older_versions() -> None:
    data = b"apiVersion: image.toolkit.fluxcd.io/v1beta1\nkind: ImagePolicy\n"
    assert [each.new for each in versions.find(data, versions.OF_FLUX["2.6"])] == ["v1beta2"]
    assert [each.new for each in versions.find(data, NEWEST)] == ["v1"]


def test_the_newest_versions_are_those_that_are_served() -> None:
    served = {(each.group, each.kind): each.version for each in scheme.RESOURCES if each.group.endswith("fluxcd.io")}
    assert served.items() <= NEWEST.items()


@given(st.binary(max_size=200))
def test_any_bytes_can_be_looked_at(data: bytes) -> None:
    assert versions.replace(data, versions.find(data, NEWEST)) == data or b"apiVersion" in data
