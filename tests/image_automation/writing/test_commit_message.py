"""Messages of commits: Flux's default and its templates."""

import pytest

from gotk.api.image import CommitSpec, CommitUser, ImageRef
from gotk.runtime import errors
from gotk.runtime.reconciler import Key
from image_automation.update.result import Change, FileResult, ObjectIdentifier
from image_automation.writing import commit_message

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
    return commit_message.message(spec, Key("apps", "auto"), FILES, below="clusters")


def test_the_default_is_flux_s_with_what_changed_below():
    spec, digest = CommitSpec(author=CommitUser(email="a@b")), "sha256:" + "0" * 64
    images = {"web": ImageRef(name="a/web", tag="1.1", digest=digest)}
    assert commit_message.message(spec, Key("apps", "auto"), FILES, below="clusters", images=images) == (
        "Update from image update automation\n\n"
        f"web (a/web:1.1@{digest})\n"
        "- 1.0 -> 1.1 in clusters/b.yaml:3 (Pod/apps/web)\n"
        "- a/web:1.0 -> a/web:1.1 in clusters/a.yaml:7 (Deployment/web)\n"
        "- 1.0 -> 1.1 in clusters/a.yaml:9 (Deployment/web)\n\n"
        "Image-Update-Automation: apps/auto"
    )


def test_a_message_is_bounded_and_no_value_can_forge_a_line():
    hostile = Change("apps:web", "1\n\nSigned-off-by: Boss <b@b>\x1b[2J", "a/web:1.1", 1)
    files = [FileResult("a.yaml", b"", (hostile, *(Change("apps:web", "", "1", n, POD) for n in range(150))))]
    text = commit_message.message(CommitSpec(author=CommitUser(email="a@b")), Key("apps", "auto"), files)
    assert "\n- 1 Signed-off-by: Boss <b@b>?[2J -> a/web:1.1 in a.yaml:1\n" in text
    assert '- "" -> 1 in a.yaml:0' in text
    assert "\nand 51 more\n" in text
    assert text.count("\n") < 110


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
        pytest.param("{{ range .Changed.Changes }}{{ .Setter }};{{ end }}", "apps:web:tag;apps:web;", id="unique"),
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
