"""Bodies, headers and addresses that nobody sends by accident; and what is written down of requests."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.apiserver import ControlPlane
from gotk.apiserver.storage import watch
from gotk.apiserver.wire import body
from tests.gotk.apiserver.caller import APPLY, MERGE, Caller
from tests.gotk.apiserver.widgets import config_map

MAPS = "/api/v1/namespaces/default/configmaps"
SECRETS = "/api/v1/namespaces/default/secrets"


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("application/json", nested(100_000)),
        ("application/json", nested(220)),
        ("application/yaml", "a: " + "[" * 100_000),
        ("application/yaml", "a: " + "[" * 200_000 + "]" * 200_000),
        ("application/yaml", "- " * 100_000 + "a"),
        ("application/yaml", "? " * 100_000 + "a"),
        (
            "application/yaml",
            "a: &a [x]\n"
            + "".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else '*a'] * 20)}]\n" for n in range(9)),
        ),
        ("application/yaml", "a: &a [*a]"),
        ("application/yaml", "a: !!python/object:os.system x"),
        ("application/yaml", "? {a: b}\n: c"),
        ("application/yaml", "\x01"),
    ],
    ids=["json", "220 levels", "flow", "closed", "block", "keys", "laughs", "itself", "python", "odd keys", "control"],
)
async def test_hostile_bodies_are_bad_requests(api: Caller, media: str, body: str) -> None:
    answers = [
        await api.post(MAPS, body.encode(), media=media),
        await api.patch(f"{MAPS}/a?fieldManager=x", body.encode(), media=APPLY),
    ]
    assert [answer.status for answer in answers] == [400, 400]


async def test_patches_cannot_dig_deeper_step_by_step(api: Caller) -> None:
    await api.post(MAPS, config_map("a"))
    deep: Any = {"metadata": {"annotations": json.loads(nested(199))}}
    assert (await api.patch(f"{MAPS}/a", deep, media=MERGE)).status == 400


async def test_dates_in_yaml_stay_what_they_are(api: Caller) -> None:
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: dates}\n"
    manifest = f"{head}data:\n  day: 2026-01-01\n  time: 2026-01-01T00:00:00Z\n"
    answer = await api.post(MAPS, manifest.encode(), media="application/yaml")
    assert answer.body["data"] == {"day": "2026-01-01", "time": "2026-01-01T00:00:00Z"}


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.text(st.characters(codec="ascii", categories=["L", "N", "P"])),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=4),
        max_leaves=20,
    )
)
def test_json_is_yaml(value: Any) -> None:
    assert body.parse(b"- " + json.dumps(value).encode()) == [value]


async def test_absurd_addresses_and_headers_are_refused(api: Caller) -> None:
    async with api.session.get(f"{MAPS}?labelSelector={'a' * 20_000}") as long:
        assert long.status in {200, 400}
    async with api.session.get(f"{MAPS}?labelSelector={'a' * 60_000}") as absurd:
        assert absurd.status == 400
    async with api.session.get(MAPS, headers={"X-Odd": "a" * 60_000}) as odd:
        assert odd.status == 400
    assert (await api.get(MAPS)).status == 200


async def test_there_are_only_so_many_watches(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "WATCHERS", 2)
    async with api.watch(f"{MAPS}?watch=true"), api.watch(f"{MAPS}?watch=true"):
        refused = await api.get(f"{MAPS}?watch=true")
        assert (refused.status, refused.reason) == (429, "TooManyRequests")
        assert (await api.get(MAPS)).status == 200


async def test_a_trace_tells_of_every_request_and_of_no_secret(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    async with ControlPlane(tmp_path / "plane", trace=trace) as plane, Caller(plane.kubeconfig) as api:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "hush-hush"}}
        await api.post(f"{SECRETS}?token=hush-hush", secret)
        await api.get(f"{SECRETS}/none")
        token = api._token
        async with Caller(plane.kubeconfig, token="stranger") as stranger:
            await stranger.get("/api")
    text = trace.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["method"], line["status"], line["user"]) for line in lines] == [
        ("POST", 201, "kubernetes-admin"),
        ("GET", 404, "kubernetes-admin"),
        ("GET", 401, ""),
    ]
    assert all(line["bytes"] > 100 for line in lines)
    assert {"path", "accept", "contentType", "bytes", "ms", "agent"} <= lines[0].keys()
    assert not any(hidden in text for hidden in ("hush-hush", token, "stranger"))
