"""Templates as Flux's users write them, and what hostile ones can not do."""

import pytest

from gotk.gotemplate import render
from gotk.gotemplate.values import Struct, Value


def pod(name: str, api_version: str = "v1") -> Struct:
    return Struct("ObjectIdentifier", (("APIVersion", api_version), ("Name", name)))


DATA = Struct(
    "Data",
    (
        ("Object", Struct("NamespacedName", (("Namespace", "ns"), ("Name", "auto")), text="ns/auto")),
        ("Values", {"cluster": "prod"}),
        ("Pods", {pod("b"): ["2"], pod("z", "apps/v1"): ["3"], pod("a"): ["1"]}),
    ),
)


VERBS = 'ns/auto|ns/auto|"ns/auto"|NamespacedName'
RANGE = "{{ range $pod, $values := .Pods }}"


def written(source: str, data: Value = DATA) -> str:
    return render.render(source, data, name="commit message")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("{{ .Object }} {{ .Object.Name }}", "ns/auto auto", id="a struct with a text of its own"),
        pytest.param('{{ printf "%s|%v|%q|%T" .Object .Object .Object .Object }}', VERBS, id="verbs"),
        pytest.param(RANGE + "{{ $pod.Name }}{{ $values }} {{ end }}", "z[3] a[1] b[2] ", id="structs as sorted keys"),
        pytest.param(RANGE + "{{ $pod }}{{ end }}", "{apps/v1 z}{v1 a}{v1 b}", id="structs print as in Go"),
        pytest.param("{{ .Values.cluster | upper }} {{ .Values.none }}", "PROD <no value>", id="sprig, a missing key"),
        pytest.param('{{- if eq .Values.cluster "prod" -}} yes {{- else -}} no {{- end -}}', "yes", id="control flow"),
        pytest.param('{{ define "t" }}<{{ . }}>{{ end }}{{ template "t" .Object.Name }}', "<auto>", id="definitions"),
    ],
)
def test_templates_render_as_in_go(source: str, expected: str):
    assert written(source) == expected


def test_a_field_that_a_struct_lacks_is_named():
    with pytest.raises(render.UnknownField, match=r"can't evaluate field Updated in type Data") as error:
        written("{{ .Updated }}")
    assert error.value.field == "Updated"
    assert str(error.value).startswith("template: commit message:1:")


@pytest.mark.parametrize(
    "source", ["{{ range", "{{ nofunction }}", "{{ now }}", '{{ env "HOME" }}', "{{ end }}", "x" * 70_000]
)
def test_what_is_no_template_is_said_with_its_place(source: str):
    with pytest.raises(render.InvalidTemplate, match=r"^template: commit message"):
        written(source)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("{{ .__class__ }}", id="a Python attribute"),
        pytest.param("{{ .Object._fields }}", id="a private one"),
        pytest.param("{{ (list 1).append }}", id="a method of a list"),
        pytest.param('{{ repeat 2000000000 "x" }}', id="two gigabytes"),
        pytest.param("{{ until 1000000000 | len }}", id="a billion numbers"),
        pytest.param("{{ range until 1000 }}{{ range until 1000 }}x{{ end }}{{ end }}", id="a million rounds"),
        pytest.param('{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}', id="endless recursion"),
        pytest.param('{{ repeat 70000 "x" }}', id="too long a text"),
        pytest.param('{{ fail "no" }}', id="its own failure"),
    ],
)
def test_hostile_templates_fail_with_words_and_harm_nobody(source: str):
    with pytest.raises(render.TemplateError, match=r"template: commit message"):
        written(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{{ htpasswd "user" "secret" | trunc 7 }}', "user:$2"),
        ('{{ genPrivateKey "ed25519" | trunc 10 }}', "-----BEGIN"),
        ('{{ "x" | encryptAES "k" | decryptAES "k" }}', "x"),
    ],
)
def test_functions_that_load_what_they_need_when_called_still_do(source, expected):
    assert written(source) == expected
