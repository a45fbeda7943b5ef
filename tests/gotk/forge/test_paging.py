"""A status or comment of ours is found behind those of many others, so that none is written twice."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from gotk.forge import repository
from gotk.forge.comment import Comment
from gotk.forge.gitea import Gitea
from gotk.forge.github import GitHub
from gotk.forge.gitlab import GitLab
from gotk.forge.status import State, Status
from gotk.http.exchange import Answer, Exchange, Request
from tests.gotk.forge import published

REPOSITORY = repository.parse("https://git.example.com/org/web.git")
COMMIT = "a" * 40
STATUS = Status(state=State.FAILURE, name="kustomization/apps", description="health check failed")
COMMENT = Comment("<!-- key:1/Kustomization/apps/web -->", "What happened.")
GITHUB, GITLAB, GITEA = (forge(repository=REPOSITORY, token="t") for forge in (GitHub, GitLab, Gitea))
FORGES = {"GitHub": GITHUB, "GitLab": GITLAB, "Gitea": GITEA}
CONVERSATIONS: dict[str, tuple[Callable[[], Exchange], int]] = {
    "status at GitHub": (lambda: GITHUB.keep_status(COMMIT, STATUS), 50),
    "status at GitLab": (lambda: GITLAB.keep_status(COMMIT, STATUS), 20),
    "status at Gitea": (lambda: GITEA.keep_status(COMMIT, STATUS), 50),
    "comment at GitHub": (lambda: GITHUB.keep_comment(7, COMMENT), 100),
    "comment at GitLab": (lambda: GITLAB.keep_comment(7, COMMENT), 100),
}
OTHER = {"body": "x", "context": "x", "name": "x"}


def ours(what: str) -> dict[str, Any]:
    """Return what we wrote before, as the server lists it."""
    if what.startswith("comment"):
        return {"id": 4711, "body": COMMENT.body, "user": {"login": "bot"}, "author": {"username": "bot"}}
    bad = "failed" if what.endswith("GitLab") else "failure"
    same = {"description": STATUS.description, "context": STATUS.name, "name": STATUS.name}
    return {**same, "state": bad, "status": bad, "sha": COMMIT}


def talk(what: str, entries: list[dict[str, Any]]) -> list[Request]:
    """Hold the conversation with a server that has these entries, and return what it was asked, logins left out."""
    begin, size = CONVERSATIONS[what]
    asked: list[Request] = []
    exchange = begin()
    try:
        request = next(exchange)
        while True:
            check(what.rpartition(" ")[2], request)
            asked.append(request)
            request = exchange.send(answer(request, entries, size))
    except StopIteration:
        return [each for each in asked if "/user" not in each.url]


def check(forge: str, request: Request) -> None:
    """Hold a request against what is published, but for the order that Flux names: GitHub lists by age anyway."""
    url = request.url.replace("direction=asc&", "").replace("&sort=created", "")
    published.hold_against(FORGES[forge], request.method, url if forge == "GitHub" else request.url, request.body)


def answer(request: Request, entries: list[dict[str, Any]], size: int) -> Answer:
    if request.url.endswith("/user"):
        return Answer(status=200, body=b'{"login": "bot", "username": "bot"}')
    if request.method != "GET":
        return Answer(status=200, body=b"{}")
    found = re.search(r"[?&]page=(\d+)", request.url)
    begin = (int(found[1]) - 1 if found else 0) * size
    return Answer(status=200, body=json.dumps(entries[begin : begin + size]).encode())


@pytest.mark.parametrize("what", CONVERSATIONS)
def test_what_is_on_a_later_page_is_found(what: str) -> None:
    asked = talk(what, [OTHER] * (2 * CONVERSATIONS[what][1] + 1) + [ours(what)])
    written = [request for request in asked if request.method != "GET"]
    if what.startswith("comment"):
        assert [request.url.rpartition("/")[2] for request in written] == ["4711"], "written anew, not once more"
    else:
        assert written == [], "said already"
    assert sum(re.search(r"[?&]page=[23]$", request.url) is not None for request in asked) == 2


@pytest.mark.parametrize("what", CONVERSATIONS)
def test_reading_ends_where_it_is_found_and_after_ten_pages(what: str) -> None:
    early = talk(what, [ours(what)] + [OTHER] * 500)
    assert sum(request.method == "GET" for request in early) == 1
    endless = talk(what, [OTHER] * 5000)
    assert sum(request.method == "GET" for request in endless) == 10
    assert endless[-1].method == "POST"
