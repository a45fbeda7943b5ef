"""Charts rendered by the real helm, through its window to the embedded control plane."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.helm.release import Release
from deploy.helm.rendering.render import Renderer, RenderError, Request
from gotk.runtime.blocking import Limiter
from tests.conformance.helm import Helm
from tests.deploy.helm.rendering import world as worlds
from tests.deploy.helm.rendering.charts import METADATA, packaged, rendering
from tests.deploy.helm.rendering.world import World
from tests.deploy.helm.stored import release

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(Helm.path is None, reason="there is no helm here"),
]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with worlds.new(tmp_path) as made:
        yield made


def said(made: Release) -> Any:
    """Return the text that a chart of `rendering` has made."""
    return yaml.safe_load(made.manifest)["data"]["text"]


HOOK = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: prepare
  annotations: {helm.sh/hook: "pre-install,post-upgrade", helm.sh/hook-weight: "3"}
spec: {template: {spec: {containers: [{name: c, image: "x:1"}], restartPolicy: Never}}}
"""


async def test_an_install_is_rendered_as_helm_would_make_it(world: World) -> None:
    chart = rendering('"{{ .Values.motto }} {{ .Release.Name }} {{ .Release.IsInstall }} {{ .Release.Revision }}"',
                      **{"values.yaml": "motto: open\nother: 1\n", "templates/NOTES.txt": "Hello {{ .Values.motto }}",
                         "templates/job.yaml": HOOK})  # fmt: skip
    made = await world.render(chart, {"motto": "wide"})
    assert said(made) == "wide web true 1"
    assert (made.name, made.namespace, made.version, made.apply_method) == ("web", "apps", 1, "ssa")
    assert (made.info.status, made.info.description) == ("pending-install", "Initial install underway")
    assert made.info.notes == "Hello wide"
    assert (made.config, made.chart["values"]) == ({"motto": "wide"}, {"motto": "open", "other": 1})
    assert made.chart_name == "shop@1.2.3"
    (hook,) = made.hooks
    assert (hook.name, hook.kind, hook.events, hook.weight) == ("prepare", "Job", ("pre-install", "post-upgrade"), 3)
    assert made.info.first_deployed == made.info.last_deployed != ""
    assert await world.left() == []


async def test_a_chart_resolves_names_where_the_operator_lets_it(tmp_path: Path) -> None:
    async with worlds.new(tmp_path, dns=True) as world:
        assert said(await world.render(rendering('{{ getHostByName "localhost" | quote }}'))) == "127.0.0.1"


async def test_an_upgrade_follows_the_release_before_it(world: World) -> None:
    chart = rendering('"{{ .Release.IsUpgrade }} {{ .Release.Revision }} {{ .Values | toJson | b64enc }}"')
    previous = release(7, status="failed", config={"old": 1})
    made = await world.render(chart, {"new": 2}, previous=previous, apply_method="csa")
    assert said(made) == "true 8 eyJuZXciOjJ9"
    assert (made.version, made.info.status, made.apply_method) == (8, "pending-upgrade", "csa")
    assert made.info.description == "Preparing upgrade"
    assert made.info.first_deployed == previous.info.first_deployed
    assert made.config == {"new": 2}
    none = await world.render(chart, {}, previous=previous)
    assert none.config in (None, {})


async def test_an_upgrade_may_keep_the_values_of_the_release_before_it(world: World) -> None:
    chart = rendering('"{{ .Values.old }} {{ .Values.new }} {{ .Values.motto }}"')
    made = await world.render(chart, {"new": 2}, previous=release(1, config={"old": 1}), reuse_values=True)
    assert said(made) == "1 2 open"
    assert made.config == {"old": 1, "new": 2}


SIGNS = {
    "ordinary": "plain text",
    "what YAML takes for something else": "no",
    "breaks": "a\nb\r\n\tc\u0085d\u2028e\u2029f",
    "controls": "\x00\x01\x1b\x7f\x80\x9f",
    "of other planes": "🚀 Grüße 漢字 \U0010ffff \ufeff \ufffe",
    "quotes": "'\"\\ {{ no template }} # : - & * ! | > %",
}


@pytest.mark.parametrize("text", SIGNS.values(), ids=SIGNS)
async def test_values_of_any_sign_arrive_as_they_are(world: World, text: str) -> None:
    made = await world.render(rendering('"{{ .Values.text | b64enc }}"'), {"text": text, text: "key"})
    assert made.config == {"text": text, text: "key"}


async def test_numbers_are_printed_as_helm_prints_them(world: World) -> None:
    numbers = {"a": 1000000, "b": 1.5, "c": 80}
    made = await world.render(rendering('"{{ .Values.a }} {{ .Values.b }} {{ .Values.c }}"'), numbers)
    assert said(made) == "1e+06 1.5 80"
    assert made.config == numbers


async def test_a_chart_sees_what_the_cluster_serves_and_looks_objects_up(world: World) -> None:
    await world.create("ConfigMap", "seen", data={"a": "b"})
    template = (
        '"{{ (lookup "v1" "ConfigMap" "default" "seen").data.a }}'
        ' {{ (lookup "v1" "ConfigMap" "" "").items | len | lt 1 }}'
        ' {{ lookup "v1" "ConfigMap" "default" "missing" | len }}'
        ' {{ .Capabilities.APIVersions.Has "apps/v1/Deployment" }} {{ .Capabilities.KubeVersion.Major }}"'
    )
    assert said(await world.render(rendering(template))) == "b true 0 true 1"


async def test_values_and_credentials_are_no_arguments_and_nobody_else_may_read_them(world: World) -> None:
    seen: list[tuple[str, int]] = []
    folder = world.scratch

    class Looking:
        """A cluster that looks at what lies in the scratch folder while helm asks it."""

        def raw(self, *question: Any, **how: Any) -> Any:
            seen.extend((str(path.relative_to(folder)), path.stat().st_mode & 0o777) for path in folder.rglob("*"))
            return world.client.raw(*question, **how)

    await world.render(rendering('"x"'), {"password": "hunter22"}, cluster=Looking())
    assert {name.partition("/")[2]: mode for name, mode in seen if "/handed/" in name} == {
        f"handed/{name}": 0o600 for name in ("chart.tgz", "values.yaml", "history.yaml", "kubeconfig")
    }
    assert all(mode & 0o077 == 0 for name, mode in seen if name.count("/") < 1)
    assert "hunter22" not in repr(world.started)


REFUSED: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "a template that fails": (
        rendering('{{ fail "say why" }}'),
        {},
        "execution error at (shop/templates/said.yaml:5:11): say why",
    ),
    "a value that is required": (
        rendering('{{ required "motto is required" .Values.motto }}'),
        {},
        "execution error at (shop/templates/said.yaml:5:11): motto is required",
    ),
    "a template that cannot be read": (
        rendering("{{ if }}"),
        {},
        "parse error at (shop/templates/said.yaml:5): missing value for if",
    ),
    "no YAML": (rendering('"'), {}, "YAML parse error on shop/templates/said.yaml: "),
    "values that do not fit": (
        rendering('"x"', **{"values.schema.json": '{"properties":{"n":{"type":"integer"}}}'}),
        {"n": "many"},
        "values don't meet the specifications of the schema(s) in the following chart(s):\nshop:\n- at '/n': ",
    ),
    "a dependency that is missing": (
        packaged({"Chart.yaml": METADATA + "dependencies: [{name: db, version: 1.0.0, repository: ''}]\n"}),
        {},
        "an error occurred while checking for chart dependencies.",
    ),
    "a cluster that is too old": (
        packaged({"Chart.yaml": METADATA + "kubeVersion: '>=2.0'\n"}),
        {},
        "chart requires kubeVersion: >=2.0 which is incompatible with Kubernetes v1.",
    ),
    "no chart": (b"", {}, ""),
}


@pytest.mark.parametrize(("chart", "values", "complaint"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_rendered_is_said_in_helms_words(
    world: World, chart: bytes, values: dict[str, Any], complaint: str
) -> None:
    for previous in (None, release(1)):
        with pytest.raises(RenderError) as error:
            await world.render(chart, values, previous=previous)
        message = str(error.value)
        assert message.startswith(complaint), message
        assert str(world.scratch) not in message
        assert "FAILED" not in message
    assert await world.left() == []


async def test_a_schema_need_not_be_met_where_that_is_asked_for(world: World) -> None:
    chart = rendering('"x"', **{"values.schema.json": '{"properties":{"n":{"type":"integer"}}}'})
    assert said(await world.render(chart, {"n": "many"}, schema=False)) == "x"


async def test_what_a_secret_gave_stays_out_of_the_error(world: World) -> None:
    chart = rendering('{{ fail (printf "bad password %s" .Values.password) }}')
    with pytest.raises(RenderError, match=r"bad password \*\*\*") as error:
        await world.render(chart, {"password": "hunter22"}, hidden=("hunter22",))
    assert "hunter22" not in str(error.value)


async def test_a_rendering_that_is_cancelled_or_late_leaves_nothing_behind(world: World) -> None:
    asked = asyncio.Event()

    class Silent:
        def raw(self, *question: Any, **how: Any) -> Any:
            return self

        async def __aenter__(self) -> Any:
            asked.set()
            await asyncio.Event().wait()

        async def __aexit__(self, *error: object) -> None: ...

    with pytest.raises(RenderError, match=r"the chart was not rendered within 0\.5s"):
        await world.render(rendering('"x"'), cluster=Silent(), timeout=0.5)
    asked.clear()
    async with asyncio.TaskGroup() as group:
        rendered = group.create_task(world.render(rendering('"x"'), cluster=Silent()))
        await asked.wait()
        rendered.cancel()
    assert await world.left() == []


async def test_options_among_names_are_names(world: World) -> None:
    with pytest.raises(RenderError, match="invalid release name"):
        await world.render(rendering('"x"'), name="--kubeconfig=/etc/passwd")
    with pytest.raises(RenderError, match="zero byte"):
        await world.render(rendering('"x"'), name="a\0b")


async def test_a_missing_helm_is_said(world: World) -> None:
    with Limiter(width=1) as limiter:
        renderer = Renderer(
            command=None, limiter=limiter, scratch=world.scratch, confine=lambda _, words: words, dns=False
        )
        request = Request(name="a", namespace="b", chart=b"", values={}, timeout=1)
        with pytest.raises(RenderError, match="there is no program helm: install Helm 3 or 4"):
            await renderer.render(request, cluster=world.client)
        renderer = Renderer(
            command="/no/helm", limiter=limiter, scratch=world.scratch, confine=lambda _, words: words, dns=False
        )
        with pytest.raises(RenderError, match="helm could not be run: No such file or directory"):
            await renderer.render(request, cluster=world.client)


async def test_values_that_are_no_values_are_refused(world: World) -> None:
    with pytest.raises(RenderError, match="the values cannot be used: helm cannot be given this: "):
        await world.render(rendering('"x"'), {"n": float("nan")})
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(RenderError, match="it nests too deep"):
        await world.render(rendering('"x"'), deep)
