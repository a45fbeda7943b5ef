"""A repository is made once, and a deploy key is put where another one of its title was."""

import json
from typing import Any

import pytest

from gotk.forge import repository
from gotk.forge.bitbucket_server import BitbucketServer
from gotk.forge.gitea import Gitea
from gotk.forge.github import GitHub
from gotk.forge.gitlab import GitLab
from gotk.forge.hosting import Asking, DeployKey, DeployToken, Grant, Wanted
from gotk.http.exchange import Answer, Request, Unusable, bearer
from tests.gotk.forge import published
from tests.gotk.forge.published import Asked
from tests.gotk.forge.standins.facts import Facts
from tests.gotk.forge.standins.standin import Said, StandIn

WEB = repository.parse("https://git.example.com/org/web.git")
FORGES = [GitHub(repository=WEB, token="t"), GitLab(repository=WEB, token="t"), Gitea(repository=WEB, token="t")]
NAMED = pytest.mark.parametrize("forge", FORGES, ids=["GitHub", "GitLab", "Gitea"])
KEY = DeployKey(title="flux-system-main", public="ssh-ed25519 AAAA ann@home\n")


def held(forge: object, conversation: Asking[bool], *answers: tuple[int, Any]) -> tuple[list[Request], bool]:
    """Hold a conversation with these answers; return what was asked, as is published, and what it came to."""
    asked = [next(conversation)]
    try:
        for status, body in answers:
            published.hold_against(forge, asked[-1].method, asked[-1].url, asked[-1].body)
            asked.append(conversation.send(Answer(status=status, body=json.dumps(body).encode())))
    except StopIteration as ended:
        return asked, ended.value
    raise AssertionError(f"{asked[-1].method} {asked[-1].url} is not answered")


@NAMED
def test_a_repository_that_is_there_is_left_as_it_is(forge: GitHub) -> None:
    asked, made = held(forge, forge.keep_repository(Wanted()), (200, {"id": 1}))
    assert (len(asked), made) == (1, False)


@NAMED
def test_a_persons_repository_is_made_for_that_person_alone(forge: GitHub) -> None:
    me = {"login": "Org", "username": "Org"}
    asked, made = held(
        forge, forge.keep_repository(Wanted(personal=True, visibility="public")), (404, {}), (200, me), (201, {})
    )
    assert made
    body = json.loads(asked[-1].body)
    assert body["name"] == "web"
    assert body.get("private", body.get("visibility")) in {False, "public"}
    other = {"login": "bob", "username": "bob"}
    with pytest.raises(Unusable, match="owner 'org' doesn't match"):
        held(forge, forge.keep_repository(Wanted(personal=True)), (404, {}), (200, other), (201, {}))


@NAMED
def test_a_key_that_is_there_is_not_added_again(forge: GitHub) -> None:
    listed = [{"id": 5, "title": KEY.title, "key": "ssh-ed25519 AAAA", "read_only": True, "can_push": False}]
    asked, changed = held(forge, forge.keep_deploy_key(KEY), (200, listed))
    assert (len(asked), changed) == (1, False)


@NAMED
def test_another_key_of_the_title_gives_way(forge: GitHub) -> None:
    listed = [
        {"id": 5, "title": KEY.title, "key": "ssh-ed25519 BBBB", "read_only": True, "can_push": False},
        {"id": 6, "title": "somebody's", "key": "ssh-ed25519 CCCC", "read_only": True, "can_push": False},
    ]
    asked, changed = held(forge, forge.keep_deploy_key(KEY), (200, listed), (204, ""), (201, {}))
    assert changed
    assert [each.method for each in asked] == ["GET", "DELETE", "POST"]
    assert asked[1].url.endswith("keys/5")
    body = json.loads(asked[2].body)
    assert (body["title"], body["key"]) == (KEY.title, "ssh-ed25519 AAAA")
    assert body.get("read_only", not body.get("can_push")) is True


@NAMED
def test_a_key_that_is_to_write_replaces_one_that_reads(forge: GitHub) -> None:
    listed = [{"id": 5, "title": KEY.title, "key": KEY.line, "read_only": True, "can_push": False}]
    writing = DeployKey(title=KEY.title, public=KEY.public, writes=True)
    asked, _ = held(forge, forge.keep_deploy_key(writing), (200, listed), (204, ""), (201, {}))
    body = json.loads(asked[2].body)
    assert body.get("can_push", not body.get("read_only", True)) is True


TEAMS: dict[str, tuple[list[tuple[int, Any]], list[tuple[int, Any]], str]] = {
    # What is answered where the team has no rights yet, and where it has others; and what grants them.
    "GitHub": (
        [(200, [])],
        [(200, [{"slug": "ops", "permission": "push"}])],
        "PUT https://git.example.com/api/v3/orgs/org/teams/ops/repos/org/web",
    ),
    "GitLab": (
        [(200, {"id": 9}), (200, {"shared_with_groups": []})],
        [(200, {"id": 9}), (200, {"shared_with_groups": [{"group_id": 9, "group_access_level": 30}]}), (204, "")],
        "POST https://git.example.com/api/v4/projects/org%2Fweb/share",
    ),
}
_BY_NAME = {type(each).__name__: each for each in FORGES}


@pytest.mark.parametrize("name", TEAMS)
def test_a_team_gets_its_rights_and_others_only_where_that_is_said(name: str) -> None:
    forge, (none, other, grants) = _BY_NAME[name], TEAMS[name]
    asked, changed = held(forge, forge.keep_access(Grant(team="ops", permission="maintain")), *none, (201, {}))
    assert (f"{asked[-1].method} {asked[-1].url}", changed) == (grants, True)
    body = json.loads(asked[-1].body)
    assert body in ({"permission": "maintain"}, {"group_id": 9, "group_access": 40})
    asked, changed = held(forge, forge.keep_access(Grant(team="ops", permission="maintain")), *other[:2])
    assert not changed
    anew = Grant(team="ops", permission="maintain", anew=True)
    asked, changed = held(forge, forge.keep_access(anew), *other, (201, {}))
    assert (f"{asked[-1].method} {asked[-1].url}", changed) == (grants, True)


def test_a_team_at_gitea_brings_its_own_rights() -> None:
    forge = _BY_NAME["Gitea"]
    asked, changed = held(forge, forge.keep_access(Grant(team="the ops", permission="maintain")), (404, {}), (204, ""))
    assert changed
    assert asked[1].url == "https://git.example.com/api/v1/repos/org/web/teams/the%20ops"
    assert (asked[1].method, asked[1].body) == ("PUT", b"")
    _, changed = held(forge, forge.keep_access(Grant(team="ops", permission="maintain", anew=True)), (200, {"id": 1}))
    assert not changed


@NAMED
def test_who_sees_a_repository_is_set_where_it_differs(forge: GitHub) -> None:
    public = {"private": False, "visibility": "public"}
    _, changed = held(forge, forge.keep_settings(Wanted(visibility="public")), (200, public))
    assert not changed
    asked, changed = held(forge, forge.keep_settings(Wanted()), (200, public), (200, {}))
    assert changed
    assert json.loads(asked[1].body) in ({"private": True}, {"visibility": "private"})


def test_a_deploy_token_takes_the_place_of_others_of_its_name() -> None:
    listed = [{"id": 3, "name": "fleet"}, {"id": 4, "name": "another"}]
    made = {"id": 5, "name": "fleet", "username": "gitlab+deploy-token-5", "token": "hush"}
    forge = GitLab(repository=WEB, token="t")
    talk = forge.renew_deploy_token("fleet")
    asked, found = held(forge, talk, (200, listed), (201, made), (204, ""))  # type: ignore[arg-type]
    assert found == DeployToken(username="gitlab+deploy-token-5", token="hush")
    assert json.loads(asked[1].body) == {"name": "fleet", "scopes": ["read_repository"]}
    assert [each.method for each in asked] == ["GET", "POST", "DELETE"]
    assert asked[2].url.endswith("/deploy_tokens/3")
    assert "hush" not in repr(found)


class DataCenter(StandIn):
    """Bitbucket Data Center's repositories and keys, as it publishes them."""

    def __init__(self) -> None:
        super().__init__(Facts(), published.load("bitbucket_server"), "https://git.example.com/rest")
        self.made: list[Any] = []
        self.keys: list[dict[str, Any]] = []
        self.groups: dict[str, str] = {}
        self.public = False

    def say(self, asked: Asked) -> Said:
        """Answer."""
        if "/permissions/groups" in asked.operation:
            if asked.operation.startswith("PUT"):
                self.groups[asked.query["name"]] = asked.query["permission"]
                return 204, None
            listed = [{"group": {"name": name}, "permission": each} for name, each in self.groups.items()]
            return 200, {"values": listed, "isLastPage": True}
        if asked.operation.startswith("PUT"):
            self.public = asked.body["public"]
            return 201, {"slug": "web"}
        match asked.operation.partition(" ")[0], "/ssh" in asked.operation:
            case "GET", False:
                return (
                    (200, {"slug": "web", "public": self.public})
                    if self.made
                    else (404, {"errors": [{"message": "no such repository"}]})
                )
            case "POST", False:
                self.made.append(asked.body)
                return 201, {"slug": "web"}
            case "GET", True:
                return 200, {"values": self.keys, "isLastPage": True}
            case "POST", True:
                self.keys.append({**asked.body, "key": {**asked.body["key"], "id": len(self.keys) + 1}})
                return 201, {}
        self.keys = [each for each in self.keys if str(each["key"]["id"]) != asked.path["keyId"]]
        return 204, None


def test_data_center_is_asked_the_same_in_its_own_words() -> None:
    server = BitbucketServer(address="https://git.example.com/scm/ORG/web.git", identity=bearer("t"))
    there = DataCenter()
    assert [there.hold(server.keep_repository(Wanted(branch="trunk"))) for _ in range(2)] == [True, False]
    assert there.made == [{"name": "web", "scmId": "git", "defaultBranch": "trunk", "public": False}]
    writing = DeployKey(title=KEY.title, public="ssh-ed25519 BBBB", writes=True)
    for key, changed in ((KEY, True), (KEY, False), (writing, True), (writing, False)):
        assert there.hold(server.keep_deploy_key(key)) is changed
        assert len(there.keys) == 1
    assert there.keys[0]["permission"] == "REPO_WRITE"
    assert there.keys[0]["key"]["text"] == "ssh-ed25519 BBBB"
    less, anew = (Grant(team="the ops", permission="push", anew=anew) for anew in (False, True))
    for grant, changed, permission in (
        (Grant(team="the ops", permission="maintain"), True, "REPO_ADMIN"),
        (less, False, "REPO_ADMIN"),
        (anew, True, "REPO_WRITE"),
        (anew, False, "REPO_WRITE"),
    ):
        assert there.hold(server.keep_access(grant)) is changed
        assert there.groups == {"the ops": permission}
    assert [there.hold(server.keep_settings(Wanted(visibility="public"))) for _ in range(2)] == [True, False]
    assert there.public is True
