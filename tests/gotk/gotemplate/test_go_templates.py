"""Templates beside what Go's own text/template and Sprig wrote for them, recorded by `scripts/go_templates`."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gotk.gotemplate import render, values, worker
from gotk.gotemplate.values import Struct, Value

ANSWERS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "go_templates.json").read_text("utf-8"))


def identifier(api_version: str = "", kind: str = "", name: str = "", namespace: str = "") -> Struct:
    fields = (("APIVersion", api_version), ("Kind", kind), ("Name", name), ("Namespace", namespace))
    text = f"{{{{{{{api_version} {kind}}} {{{name} {namespace}}}}}}}"
    return Struct("update.ObjectIdentifier", fields, text=text)


def change(old: str, new: str, setter: str) -> Struct:
    return Struct("update.Change", (("OldValue", old), ("NewValue", new), ("Setter", setter)))


def data() -> Struct:
    """What `scripts/go_templates/main.go` gives to its templates."""
    web, api = (identifier("apps/v1", "Deployment", name, "shop") for name in ("web", "api"))
    job, plain = identifier("batch/v1", "CronJob", "job", "shop"), identifier()
    tag = change("1.4.2", "1.4.4", "shop:web:tag")
    image = change("r.io/web:1.4.2", "r.io/web:1.4.4", "shop:web")
    other = change("r.io/api:v9", "r.io/api:v10", "shop:api")
    files: Value = {
        "web.yaml": {web: [image], job: [image, other], api: [other]},
        "kustomization.yaml": {plain: [tag]},
        "a/values.yaml": {plain: [tag, other]},
    }
    objects: Value = {plain: [tag, other, tag], web: [image], job: [image, other], api: [other]}
    changed = Struct(
        "update.ResultV2",
        (("FileChanges", files),),
        methods=(("Objects", objects), ("Changes", [other, image, tag])),
    )
    chosen: Value = {"cluster": "prod", "empty": "", "html": "<a href=\"x\">'&'</a>", "team": "blue whale"}
    name = Struct("types.NamespacedName", (("Namespace", "apps"), ("Name", "auto")), text="apps/auto")
    return Struct("source.TemplateData", (("AutomationObject", name), ("Changed", changed), ("Values", chosen)))


DATA = data()
RAW = msgspec.Raw(msgspec.json.encode(values.encode(DATA)))

#: Where we know to answer otherwise than Go, and what we answer; the guide tells of them.
OTHERWISE = {
    "{{ range nil }}x{{ else }}e{{ end }}": "e",
    '{{ printf "%T" .Changed.Changes }} {{ printf "%T" .Changed.FileChanges }}': (
        "[]interface {} map[string]interface {}"
    ),
    "{{ print .Values.none }}": "<no value>",
    '{{ printf "% x" "abc" }}': "616263",
    '{{ (semver "1.4.0").IncMinor }}': None,
    "{{ typeOf (add 1 2) }}": "int",
    '{{ get .Values "cluster" }}': "prod",
    '{{ hasKey .Values "cluster" }}': "true",
    "{{ keys .Values }}": "[cluster empty html team]",
    '{{ range $o, $c := .Changed.Objects }}{{ printf "%-12s|%+v" $o.Kind $o }} {{ end }}': (
        "            |{{{ } { }}} Deployment  |{{{apps/v1 Deployment} {api shop}}} "
        "Deployment  |{{{apps/v1 Deployment} {web shop}}} CronJob     |{{{batch/v1 CronJob} {job shop}}} "
    ),
}


def answered(source: str) -> render.Answer:
    """Render in this process, which saves the start of one for each of some hundred templates."""
    request = render.Request(name="commit message", source=source, data=RAW, output_limit=65_536, seconds=10)
    return worker.answer(request)


def line(error: str) -> str:
    found = re.match(r"template: commit message:(\d+)", error)
    assert found is not None, error
    return found[1]


def rows(*, failing: bool) -> list[Any]:
    known = (row for row in ANSWERS if row["source"] not in OTHERWISE and bool(row["error"]) == failing)
    return [pytest.param(row["source"], row["error" if failing else "text"], id=repr(row["source"])) for row in known]


@pytest.mark.parametrize(("source", "text"), rows(failing=False))
def test_a_template_writes_what_go_writes(source: str, text: str):
    assert answered(source) == render.Answer(text=text)


@pytest.mark.parametrize(("source", "error"), rows(failing=True))
def test_a_template_that_go_refuses_is_refused_at_the_same_line(source: str, error: str):
    answer = answered(source)
    assert answer.error
    assert answer.text == ""
    assert line(answer.error) == line(error)


@pytest.mark.parametrize(("source", "text"), [pytest.param(*each, id=each[0]) for each in OTHERWISE.items()])
def test_what_differs_from_go_is_known(source: str, text: str | None):
    (go,) = (row for row in ANSWERS if row["source"] == source)
    answer = answered(source)
    assert (answer.text or None) == text
    assert bool(answer.error) == (text is None)
    assert (answer.text, bool(answer.error)) != (go["text"], bool(go["error"]))


def test_a_field_that_the_data_lacks_is_named_as_in_go():
    for row in ANSWERS:
        if found := re.search(r"can't evaluate field (\w+) in type (?:source|update|types)\..*", row["error"]):
            answer = answered(row["source"])
            assert answer.field == found[1]
            assert answer.error.endswith(found[0])


def test_the_recorded_answers_cover_every_part_of_the_language():
    counts = Counter(row["group"] for row in ANSWERS)
    assert set(counts) == {"actions", "builtins", "control", "errors", "flux", "strings", "values"}
    assert sum(counts.values()) == len({row["source"] for row in ANSWERS}) >= 250


@pytest.mark.parametrize("group", ["actions", "control", "flux"])
def test_the_process_of_its_own_answers_the_same(group: str):
    texts = [row for row in ANSWERS if row["group"] == group and not row["error"] and row["source"] not in OTHERWISE]
    source = "\0".join(row["source"] for row in texts if "define" not in row["source"] and "block" not in row["source"])
    assert render.render(source, DATA, name="commit message") == answered(source).text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param("{{ range until 400 }}{{ range until 400 }}{{ end }}{{ end }}", "iteration", id="steps"),
        pytest.param('{{ range until 100 }}{{ repeat 1000 "x" }}{{ end }}', "output", id="text"),
        pytest.param('{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}', "depth", id="depth"),
    ],
)
def test_steps_text_and_depth_are_bounded(source: str, said: str):
    answer = answered(source)
    assert answer.text == ""
    assert said in answer.error
