"""Charts that their authors mean ill with: each is bounded and named, and others are rendered meanwhile."""

import asyncio
import io
import random
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from deploy.helm.rendering import chart
from deploy.helm.rendering.render import RenderError
from deploy.helm.storage import Storage, TooLarge, nothing_unfolded
from deploy.source.charts.archive import ChartError
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import SystemClock
from tests.conformance.helm import Helm
from tests.deploy.helm.rendering import world as worlds
from tests.deploy.helm.rendering.charts import packaged, rendering
from tests.deploy.helm.rendering.world import World
from tests.gotk.oci.serving import serving
from tests.gotk.sandbox import children

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(Helm.path is None, reason="there is no helm here"),
    children.needs_walls,
]
MEMORY = "the chart cannot be rendered: it needs more than 512 MiB of memory"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with worlds.new(tmp_path, authorization_mode="RBAC") as made:
        yield made


async def refusal(world: World, data: bytes, **fields: object) -> str:
    with pytest.raises(RenderError) as error:
        await world.render(data, **fields)  # type: ignore[arg-type] # fields of a request
    assert await world.left() == []
    return str(error.value)


BOMBS = {
    "a list that is too long": ("{{ until 1000000000 | len }}", MEMORY),
    "a text that is too long": ('{{ repeat 2000000000 "x" | len }}', MEMORY),
    "a text that doubles": ('{{ $x := "x" }}{{ range until 40 }}{{ $x = print $x $x }}{{ end }}{{ len $x }}', MEMORY),
    "a manifest that is too large": ('{{ repeat 100000000 "x" }}', MEMORY),
    "a template within itself": (
        '{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}',
        "rendering template has a nested reference name: a: unable to execute template",
    ),
    "a text that renders itself": (
        '{{ define "a" }}{{ tpl "{{ include \\"a\\" . }}" . }}{{ end }}{{ include "a" . }}',
        MEMORY,
    ),
}


@pytest.mark.parametrize(("template", "complaint"), BOMBS.values(), ids=BOMBS)
async def test_a_template_that_grows_ends_alone(world: World, template: str, complaint: str) -> None:
    async with asyncio.TaskGroup() as group:
        good = group.create_task(world.render(rendering('"good"')))
        bad = group.create_task(_caught(world, rendering(f"'{template}'")))
    assert complaint in bad.result()
    assert yaml.safe_load(good.result().manifest)["data"]["text"] == "good"


async def _caught(world: World, data: bytes) -> str:
    try:
        await world.render(data)
    except RenderError as error:
        return str(error)
    return "nothing"


async def test_a_template_without_an_end_is_ended(world: World) -> None:
    loops = "{{ range until 30000 }}" * 3 + "{{ end }}" * 3
    assert await refusal(world, rendering(f"'{loops}'"), timeout=2.0) == "the chart was not rendered within 2s"


READS = {
    "a file of the machine": '{{ .Files.Get "/etc/passwd" | quote }}',
    "a file beside the chart": '{{ .Files.Get "../values.yaml" | quote }}',
    "files by a pattern": '{{ range $name, $_ := .Files.Glob "/**" }}{{ $name }}{{ end }}""',
    "a name of the network": '{{ getHostByName "localhost" | quote }}',
}


@pytest.mark.parametrize("template", READS.values(), ids=READS)
async def test_a_template_reads_nothing_but_its_chart(world: World, template: str) -> None:
    made = await world.render(rendering(template), {"password": "hunter22"})
    assert not yaml.safe_load(made.manifest)["data"]["text"]


async def test_a_template_has_no_environment(world: World) -> None:
    assert 'function "env" not defined' in await refusal(world, rendering('{{ env "HOME" }}'))


async def test_lookup_sees_what_the_account_may_see_and_nothing_more(world: World) -> None:
    await world.create("Secret", "token", data={"token": "aHVudGVyMjI="})
    data = rendering('{{ (lookup "v1" "Secret" "default" "token").data.token | b64dec }}')
    assert yaml.safe_load((await world.render(data)).manifest)["data"]["text"] == "hunter22"
    tenant = world.client.acting_as("system:serviceaccount:apps:tenant")
    said = await refusal(world, data, cluster=tenant)
    assert 'secrets "token" is forbidden: User "system:serviceaccount:apps:tenant"' in said
    assert "hunter22" not in said


LOOKUPS = {
    "a node's own API": 'lookup "v1" "Node" "" "a/proxy/run"',
    "a path that climbs": 'lookup "v1" "ConfigMap" "../../../metrics" ""',
    "a command in a pod": 'lookup "v1" "Pod" "default" "a/exec?command=id"',
    "a version that is a path": 'lookup "v1/../../../metrics" "ConfigMap" "" ""',
}


@pytest.mark.parametrize("call", LOOKUPS.values(), ids=LOOKUPS)
async def test_lookup_reaches_objects_and_nothing_beneath_them(world: World, call: str) -> None:
    asked: list[str] = []

    class Watched:
        def raw(self, path: str, *rest: object, **how: object) -> object:
            asked.append(path)
            return world.client.raw(path, *rest, **how)  # type: ignore[arg-type] # passed on

    said = await _caught_or_empty(world, rendering(f"{{{{ {call} | toJson | quote }}}}"), Watched())
    assert said in {"{}", ""} or "could not" in said or "invalid" in said or "error calling lookup" in said, said
    assert not [path for path in asked if "proxy" in path or "metrics" in path or "exec" in path]


async def _caught_or_empty(world: World, data: bytes, cluster: object) -> str:
    try:
        made = await world.render(data, cluster=cluster)
    except RenderError as error:
        return str(error)
    return str(yaml.safe_load(made.manifest)["data"]["text"])


async def test_a_schema_that_lies_elsewhere_is_not_fetched(world: World) -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({})

    async with serving(handler) as address:
        for place in (f"http://{address}/schema.json", "file:///etc/passwd"):
            said = await refusal(world, rendering('"x"', **{"values.schema.json": f'{{"$ref": "{place}"}}'}))
            assert "schema" in said
            assert "root:" not in said
    assert asked == []


LEVELS = ["a0: &a0 [x,x,x,x,x,x,x,x,x]", *(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))]
VALUES = {
    "a list": ("- a\n", "values.yaml"),
    "a text": ("just text\n", "values.yaml"),
    "a key that is a list": ("a: 1\n? [b]\n: c\n", "values.yaml"),
    "a bomb of aliases": (
        "\n".join(LEVELS),
        "excessive aliasing",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("values", "complaint"), VALUES.values(), ids=VALUES)
async def test_values_that_are_no_map_are_named(world: World, values: str, complaint: str) -> None:
    assert complaint in await refusal(world, rendering('"x"', **{"values.yaml": values}))


async def test_of_a_value_that_comes_twice_the_last_one_counts_as_for_helm(world: World) -> None:
    made = await world.render(rendering('"{{ .Values.a }}"', **{"values.yaml": "a: 1\na: 2\n"}))
    assert yaml.safe_load(made.manifest)["data"]["text"] == "2"


def archive(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for entry, content in entries:
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def entry(name: str, **fields: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(made, field, value)
    return made


OWN = (entry("shop/Chart.yaml"), b"apiVersion: v2\nname: shop\nversion: 1.0.0\n")


@pytest.mark.parametrize("name", ["shop/../../evil", "../evil", "shop/templates/../../../../tmp/evil"])
async def test_a_chart_whose_names_climb_is_refused(world: World, name: str) -> None:
    data = archive(OWN, (entry(name), b"x"))
    with pytest.raises(ChartError, match="chart illegally"):
        chart.load(data)
    assert await _caught(world, data) in {"unable to load chart archive", "nothing"}  # helm drops the first folder


async def test_a_link_in_a_chart_leads_nowhere(world: World) -> None:
    link = entry("shop/secret", type=tarfile.SYMTYPE, linkname="/etc/passwd")
    template = (entry("shop/templates/a.yaml"), b'a: {{ .Files.Get "secret" | quote }}')
    made = await world.render(archive(OWN, (link, b""), template))
    assert yaml.safe_load(made.manifest) == {"a": ""}


async def test_a_chart_that_names_itself_by_a_path_is_refused(world: World) -> None:
    data = packaged({"Chart.yaml": "apiVersion: v2\nname: ../../evil\nversion: 1.0.0\n"})
    with pytest.raises(ChartError, match="is invalid"):
        chart.load(data)
    assert "invalid" in await refusal(world, data)


async def test_a_release_over_the_limit_of_the_cluster_is_refused_before_anything_is_applied(world: World) -> None:
    noise = random.Random(1).randbytes(3 << 20)
    made = await world.render(packaged({f"files/{n}": noise for n in range(4)}))
    with Limiter(width=1) as limiter:
        storage = Storage(world.client, "apps", limiter=limiter, clock=SystemClock(), unfolded=nothing_unfolded())
        with pytest.raises(TooLarge, match=r"does not fit into Secret 'apps/sh\.helm\.release\.v1\.web\.v1'"):
            await storage.create(made)
    with pytest.raises(ChartError, match="size of 'files/a' exceeds '5242880' bytes limit"):
        chart.load(packaged({"files/a": bytes(6 << 20)}))
