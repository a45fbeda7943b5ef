"""The record of a choice, and the server and the verbs that show it."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from gotk.api import scheme
from gotk.api.image import ImagePolicy, ImageRepository
from gotk.runtime import health
from image_automation.app import explain as server
from image_automation.cli import root
from image_automation.explanation import Explainer
from policies.age import Ageing
from reflector.first_seen import FirstSeen
from reflector.store import TagStore
from tests import typed
from tests.image_automation.dashboard.showing import Held, door
from tests.memory_cluster import MemoryCluster, image_policy, image_repository
from tests.reflector import storing
from tests.running import NOON

NAME = "example.com/app"
THEN = int(NOON.timestamp())


class World:
    """The cache and the clock."""

    def __init__(self, *objects: Any) -> None:
        self._objects = objects

    def get(self, kind: Any, namespace: str, name: str) -> Any:
        found = (o for o in self.list(kind, namespace) if o.metadata.name == name)
        return next(found, None)

    def list(self, kind: Any, namespace: str | None = None) -> list[Any]:
        return [o for o in self._objects if isinstance(o, kind) and namespace in {None, o.metadata.namespace}]

    def now(self):
        return NOON + timedelta(hours=20)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        return


@pytest.fixture
def store():
    names = ["app.sig", "2.0.0", "1.2.0", "1.1.0", "1.0.0"]
    first = [THEN if name != "1.2.0" else THEN + 60 for name in names]
    first_seen = FirstSeen(names=names, first=first, missing=bytes(len(names)), began=THEN)
    with TagStore(None) as store:
        storing.write(store, NAME, names[1:], "1", first_seen=first_seen)
        yield store


@pytest.fixture
def world() -> World:
    repository = image_repository() | {"status": {"canonicalImageName": NAME}}
    aged = image_policy(policy={"semver": {"range": "1.x"}})
    aged["metadata"]["annotations"] = {"image-automation.dev/minimum-age": "72h"}
    pinned = image_policy("pinned", policy={"semver": {"range": "1.x"}})
    pinned["metadata"]["annotations"] = {"image-automation.dev/pin": '{"tag": "1.0.0", "by": "jane", "reason": "slow"}'}
    lost = image_policy("lost", imageRepositoryRef={"name": "none"})
    broken = image_policy("broken", policy={"semver": {"range": "1x"}})
    return World(
        scheme.convert(repository, ImageRepository),
        *(scheme.convert(obj, ImagePolicy) for obj in (aged, pinned, lost, broken)),
    )


@pytest.fixture
def explainer(store: TagStore, world: World) -> Explainer:
    return Explainer(objects=world, tags=store, clock=world)


def test_every_tag_of_a_policy_has_a_verdict_the_chosen_one_first(explainer: Explainer):
    found = explainer.explain("default", "app")
    assert (found.chosen, found.policy, found.image, found.held) == ("1.1.0", "default/app", NAME, False)
    assert [(tag.tag, tag.verdict, tag.reason) for tag in found.tags] == [
        ("1.1.0", "chosen", "Chosen"),
        ("1.0.0", "eligible", "Outranked"),
        ("1.2.0", "refused", "TooYoung"),
        ("2.0.0", "refused", "OutOfRange"),
        ("app.sig", "refused", "Excluded"),
    ]
    assert found.tags[2].message == "too young: eligible in 2d 5h, at 2026-01-04T12:01:00Z"
    assert found.tags[4].message == r"the exclusion list's '^.*\.sig$' is found in it"


def test_what_a_policy_would_choose_were_it_old_enough_is_told_with_its_time(explainer: Explainer, world: World):
    found = {each.metadata.name: explainer.ageing(each) for each in world.list(ImagePolicy)}
    ageing = Ageing("1.2.0", datetime(2026, 1, 4, 12, 1, tzinfo=UTC))
    assert found == {"app": ageing, "pinned": None, "lost": None, "broken": None}


def test_a_pin_is_explained(explainer: Explainer):
    found = explainer.explain("default", "pinned")
    assert (found.chosen, found.pinned) == ("1.0.0", "pinned by jane: slow")
    refused = {tag.tag: tag.message for tag in found.tags if tag.reason == "Pinned"}
    assert refused == dict.fromkeys(("1.1.0", "1.2.0"), "the policy is pinned to 1.0.0 by jane: slow")


async def cli(*arguments: str) -> tuple[int, str, str]:
    done = await typed.run(*arguments, environment=os.environ)
    return done.code, done.out, done.err


async def test_the_service_answers_and_the_verb_prints_it(explainer: Explainer):
    async with health.serve("127.0.0.1:0", server.app(explainer, door(MemoryCluster()), free=True)) as port:
        url = f"http://127.0.0.1:{port}"
        code, out, _ = await cli("explain", "policy", "app", "-n", "default", "--server", url)
        assert code == 0
        assert [line.split()[:3] for line in out.splitlines()][:2] == [
            ["TAG", "VERDICT", "REASON"],
            ["1.1.0", "chosen", "Chosen"],
        ]
        assert "eligible in 2d 5h" in out
        code, out, _ = await cli("explain", "policy", "app", "-n", "default", "--server", url, "-o", "yaml")
        assert yaml.safe_load(out)["tags"][0]["tag"] == "1.1.0"
        code, _, err = await cli("explain", "policy", "nope", "-n", "default", "--server", url)
        assert (code, err) == (1, "✗ there is no ImagePolicy default/nope\n")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("default/lost", 404, "refers to ImageRepository default/none: there is none"),
        ("default/broken", 409, "invalid policy: constraint parser error"),
    ],
)
async def test_what_cannot_be_explained_is_said(explainer: Explainer, path: str, status: int, words: str):
    async with (
        health.serve("127.0.0.1:0", server.app(explainer, door(MemoryCluster()), free=True)) as port,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/explain/{path}") as answer,
    ):
        assert (answer.status, words in await answer.text()) == (status, True)


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", 200), ("localhost", 200), ("[::1]", 200), ("image-automation", 200), ("evil.example.com", 403)],
)
async def test_a_page_in_a_browser_cannot_ask_under_a_name_of_its_own(explainer: Explainer, host: str, status: int):
    async with (
        health.serve("127.0.0.1:0", server.app(explainer, door(MemoryCluster()), free=True)) as port,
        aiohttp.ClientSession() as session,
    ):
        url = f"http://127.0.0.1:{port}/explain/default/app"
        async with session.get(url, headers={"Host": f"{host}:{port}"}) as answer:
            assert answer.status == status


async def test_a_service_that_is_not_there_is_named_with_the_next_step():
    code, _, err = await cli("explain", "policy", "app", "--server", "http://127.0.0.1:1")
    assert code == 1
    assert "does not answer at http://127.0.0.1:1" in err
    assert "port-forward" in err


def tried(tmp_path: Path, text: str, *options: str) -> int:
    path = tmp_path / "tags"
    path.write_text(text)
    return root.run(["policy", "test", "--tags-from", str(path), *options])


TRIALS = {
    "a range": ("1.0.0\n1.1.0\n2.0.0\nx\n", ("--semver", "1.x"), "1.1.0"),
    "a numerical order": ("1\n2\n", ("--numerical", "desc"), "1"),
    "an alphabetical order": ("# the tags\n\na\nb\n", ("--alphabetical", "asc"), "b"),
    "a filter": (
        "main-1-7\nmain-2-5\ndev-3-9\n",
        ("--numerical", "asc", "--filter-tags", r"^main-\d+-(?P<n>\d+)$", "--extract", "$n"),
        "main-1-7",
    ),
    "exclusions": ("1.0.0\n1.1.0\n1.2.0\n", ("--semver", "*", "--exclude", "^1.2", "--exclude", "^1.1"), "1.0.0"),
    "a registry's answer": ('{"name": "a", "tags": ["1.0.0", "1.1.0"]}', ("--semver", "*"), "1.1.0"),
    "a registry's answer with nulls": ('{"name": null, "tags": [null, "1.0.0"]}', ("--semver", "*"), "1.0.0"),
    "a tool's answer": ('{"Repository": "a", "Tags": ["1.0.0", null]}', ("--semver", "*"), "1.0.0"),
    "a list as JSON": ('["1.0.0"]', ("--semver", "*"), "1.0.0"),
    "ages": (
        "1.0.0 2026-01-01T00:00:00Z\n1.1.0 2026-01-03T00:00:00Z\n",
        ("--semver", "*", "--minimum-age", "72h", "--now", "2026-01-04T00:00:00Z"),
        "1.0.0",
    ),
}


@pytest.mark.parametrize(("text", "options", "chosen"), TRIALS.values(), ids=TRIALS)
def test_a_policy_is_tried_on_a_list(tmp_path, capsys, text, options, chosen):
    assert tried(tmp_path, text, *options, "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["chosen"] == chosen


MISTAKES = {
    "no policy": ("1.0.0", (), "give one of --semver, --alphabetical and --numerical"),
    "two policies": ("1.0.0", ("--semver", "*", "--numerical", "asc"), "give one of"),
    "a bad range": ("1.0.0", ("--semver", "1x"), "invalid policy: constraint parser error"),
    "a bad exclusion": ("1.0.0", ("--semver", "*", "--exclude", "[a"), "failed to compile regex [a"),
    "an age without times": (
        "1.0.0",
        ("--semver", "*", "--minimum-age", "1h"),
        "--minimum-age needs a list with times",
    ),
    "a bad time": ("1.0.0 noon", ("--semver", "*"), "--tags-from, line 1: 'noon' is no time"),
    "too many words": ("1.0.0\n1 2 3", ("--semver", "*"), "--tags-from, line 2: write one tag"),
    "deep JSON": ('{"a":' + "[" * 5000, ("--semver", "*"), "no list of tags in this JSON: nested deeper than 500"),
    "a number among tags": ('["1.0.0", 2]', ("--semver", "*"), "Expected `str`, got `int` - at `$[1]`"),
    "other JSON": ('{"a": 1}', ("--semver", "*"), "no list of tags in this JSON"),
    "nothing fits": ("1.0.0", ("--semver", "9.x"), "no tag is chosen: unable to determine latest version"),
}


@pytest.mark.parametrize(("text", "options", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named(tmp_path, capsys, text, options, words):
    assert tried(tmp_path, text, *options) == 1
    assert words in capsys.readouterr().err


def test_what_a_terminal_would_obey_is_escaped(tmp_path, capsys):
    assert tried(tmp_path, '["\\u001b[31mred", "1.0.0"]', "--semver", "*") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert r"\x1b[31mred" in out


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({}, 401, "sign in first: send a token of the cluster"),
        ({"Authorization": "Bearer wrong"}, 401, "does not accept this token"),
        ({"Authorization": "Bearer bob"}, 403, "you may not get the ImagePolicy default/app"),
        ({"Authorization": "Bearer ada"}, 200, ""),
    ],
)
async def test_where_not_everybody_is_answered_a_policy_is_told_to_who_may_get_it(
    explainer: Explainer, headers: dict[str, str], status: int, said: str
):
    holders = {"ada": Held("ada", rules=frozenset({("get", "imagepolicies", "default")})), "bob": Held("bob")}
    app = server.app(explainer, door(MemoryCluster(), holders), free=False)
    async with (
        health.serve("127.0.0.1:0", app) as port,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/explain/default/app", headers=headers) as answer,
    ):
        assert answer.status == status
        assert said in (await answer.json()).get("message", "")
