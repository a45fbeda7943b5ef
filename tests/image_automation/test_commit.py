"""Messages of commits: Flux's default and its templates."""

import pytest

from gotk.api.image import CommitSpec, CommitUser
from gotk.runtime import errors
from gotk.runtime.reconciler import Key
from image_automation import commit
from image_automation.update.result import Change, FileResult, ObjectIdentifier

POD = ObjectIdentifier("v1", "Pod", "web", "apps")
DEPLOYMENT = ObjectIdentifier("apps/v1", "Deployment", "web", "")
FILES = [
    FileResult("clusters/b.yaml", b"", (Change("apps:web:tag", "1.0", "1.1", 3, POD),)),
    FileResult(
        "clusters/a.yaml",
        b"",
        (
            Change("apps:web", "a/web:1.0", "a/web:1.1", 7, DEPLOYMENT),
            Change("apps:web:tag", "1.0", "1.1", 9, DEPLOYMENT),
        ),
    ),
    FileResult("clusters/untouched.yaml"),
]

# The template of Flux's documentation, in short.
DOCUMENTED = """Automated image update

Automation name: {{ .AutomationObject }}

Files:
{{ range $filename, $_ := .Changed.FileChanges -}}
- {{ $filename }}
{{ end -}}

Objects:
{{ range $resource, $changes := .Changed.Objects -}}
- {{ $resource.Kind }} {{ $resource.Name }}
  Changes:
{{- range $_, $change := $changes }}
    - {{ $change.OldValue }} -> {{ $change.NewValue }}
{{- end }}
{{ end -}}
"""


def message(template: str, **values: str) -> str:
    spec = CommitSpec(author=CommitUser(email="a@b"), message_template=template, message_template_values=values)
    return commit.message(spec, Key("apps", "auto"), FILES, below="clusters")


def test_the_default_is_flux_s():
    assert message("") == "Update from image update automation"


def test_the_documented_template_renders_as_in_flux():
    assert message(DOCUMENTED) == (
        "Automated image update\n\nAutomation name: apps/auto\n\nFiles:\n- a.yaml\n- b.yaml\n"
        "Objects:\n- Deployment web\n  Changes:\n    - a/web:1.0 -> a/web:1.1\n    - 1.0 -> 1.1\n"
        "- Pod web\n  Changes:\n    - 1.0 -> 1.1\n"
    )


FILE_CHANGES = "{{ range $file, $objects := .Changed.FileChanges }}{{ range $id, $_ := $objects }}"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param("{{ range .Changed.Changes }}{{ .Setter }};{{ end }}", "apps:web;apps:web:tag;", id="unique"),
        pytest.param("{{ .Values.cluster }} {{ .Values.none }}", "prod <no value>", id="values"),
        pytest.param("{{ .AutomationObject.Namespace }} {{ .AutomationObject.Name }}", "apps auto", id="automation"),
        pytest.param(
            FILE_CHANGES + "{{ $id.APIVersion }} {{ $id.Namespace }};{{ end }}{{ end }}",
            "apps/v1 ;v1 apps;",
            id="files",
        ),
        pytest.param('{{ "a\\u0000b\\u001bc" }}\r\n', "abc\n", id="no control characters"),
    ],
)
def test_the_data_model(template: str, expected: str):
    assert message(template, cluster="prod") == expected


@pytest.mark.parametrize(
    ("template", "removed", "successor"),
    [
        ("{{ .Updated.Files }}", ".Updated", "'.Changed' instead"),
        (
            "{{ .Changed.ImageResult.Files }}",
            ".Changed.ImageResult",
            "'.Changed.FileChanges' or '.Changed.Objects' instead",
        ),
    ],
)
def test_removed_fields_stall_with_their_successor(template: str, removed: str, successor: str):
    with pytest.raises(errors.Stalled) as error:
        message(template)
    assert error.value.reason == "RemovedTemplateField"
    expected = f"template uses removed '{removed}' field. Please use {successor}. See: https://fluxcd.io/flux/"
    assert error.value.message.startswith(expected)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ range", "unable to create commit message template from spec: template: commit message"),
        ("{{ .Nothing }}", "failed to run template from spec: template: commit message:1:"),
        ('{{ fail "x" }}', "failed to run template from spec: template: commit message:1:"),
    ],
)
def test_templates_that_fail_are_retried_with_their_cause(template: str, text: str):
    with pytest.raises(errors.Retry) as error:
        message(template)
    assert error.value.reason == "GitOperationFailed"
    assert error.value.message.startswith(f"failed to update source: {text}")
