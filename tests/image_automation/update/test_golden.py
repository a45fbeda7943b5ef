"""Golden folders: `original/` becomes `expected/`, byte for byte, and what must not change is among them."""

from pathlib import Path

import pytest

from gotk.api.image import ImageRef
from image_automation import unresolved
from image_automation.update import rewrite, screening, values
from image_automation.update.result import FileResult

HERE = Path(__file__).parent
ORIGINAL = HERE / "original"
SETTERS = values.setters(
    {
        ("apps", "podinfo"): ImageRef(name="ghcr.io/stefanprodan/podinfo", tag="6.7.1", digest="sha256:" + "a1" * 32),
        ("apps", "numeric"): ImageRef(name="busybox", tag="1.20"),
    }
)
PATHS = sorted(str(path.relative_to(ORIGINAL)) for path in ORIGINAL.rglob("*") if path.is_file())


def rewritten(path: str) -> FileResult:
    data = (ORIGINAL / path).read_bytes()
    return rewrite.rewrite(path, data, SETTERS) if screening.is_candidate(path) else FileResult(path)


@pytest.mark.parametrize("path", PATHS)
def test_original_becomes_expected_byte_for_byte(path: str):
    result = rewritten(path)
    before, expected = (ORIGINAL / path).read_bytes(), (HERE / "expected" / path).read_bytes()
    assert (result.content if result.content is not None else before) == expected
    assert (result.content is not None) == bool(result.changes) == (before != expected)


@pytest.mark.parametrize("path", PATHS)
def test_rewriting_twice_is_rewriting_once(path: str):
    expected = (HERE / "expected" / path).read_bytes()
    if screening.is_candidate(path):
        assert rewrite.rewrite(path, expected, SETTERS).content is None


def problems(path: str) -> list[tuple[int | None, str, str]]:
    return [(problem.line, problem.level, problem.cause) for problem in rewritten(path).problems]


def test_what_is_left_alone_is_said_with_line_and_cause():
    assert problems("untouched.yaml") == [
        (1, "notice", "a marker on a line of its own"),
        (3, "notice", "a marker on an empty value"),
        (4, "notice", "a marker on an empty value"),
        (6, "notice", "a comment that is not exactly one JSON object of strings with a `$imagepolicy`"),
        (7, "notice", "a comment that is not exactly one JSON object of strings with a `$imagepolicy`"),
        (8, "notice", "a comment that is not exactly one JSON object of strings with a `$imagepolicy`"),
        (11, "notice", "a comment that is not exactly one JSON object of strings with a `$imagepolicy`"),
        (12, "notice", "a comment that is not exactly one JSON object of strings with a `$imagepolicy`"),
        (14, "notice", "a marker inside a text, not in a comment"),
        (15, "notice", "a marked value that is a template expression"),
    ]
    assert problems("anchors.yaml") == [
        (2, "notice", "a marker after an alias"),
        (7, "notice", "a marked value that is declared tag:yaml.org,2002:int, not text"),
    ]
    assert problems("flow.yaml") == [
        (1, "notice", "a marker after the end of a flow collection"),
        (2, "notice", "a marker after the end of a flow collection"),
    ]


def test_markers_without_a_value_are_said_with_line_and_reason():
    found = [
        (each.setter, each.line, unresolved.why_not_given(each.setter))
        for each in rewritten("untouched.yaml").unresolved
    ]
    assert found == [
        ("elsewhere:podinfo", 9, "no policy podinfo of namespace elsewhere gives an image"),
        ("apps:podinfo:version", 10, "it is not NAMESPACE:POLICY, alone or with :tag, :name or :digest"),
    ]


def test_whole_files_left_alone_are_said_with_their_cause():
    assert problems("secret.sops.yaml") == [
        (None, "notice", "the file is encrypted with SOPS, whose checksum an edit would break")
    ]
    assert problems("helm/templates/deployment.yaml") == [(1, "notice", "the file is a Helm template, not YAML")]
    ((line, level, cause),) = problems("broken.yaml")
    assert (line, level) == (3, "error")
    assert cause.startswith("the YAML cannot be read: ")


def test_changes_name_their_object_and_a_list_names_its_items():
    assert {(change.object.kind, change.object.name) for change in rewritten("list.yaml").changes} == {
        ("Pod", "one"),
        ("Pod", "two"),
    }
    deployment = rewritten("deployment.yaml").changes[0]
    assert (deployment.object.api_version, deployment.object.kind) == ("apps/v1", "Deployment")
    assert (deployment.object.name, deployment.object.namespace) == ("podinfo", "apps")
    assert (deployment.setter, deployment.old, deployment.line) == (
        "apps:podinfo",
        "ghcr.io/stefanprodan/podinfo:6.0.0",
        17,
    )
