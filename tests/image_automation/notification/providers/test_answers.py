"""Answers that make no sense: they are told, and nothing is written because of them."""

import pytest

from gotk.http.exchange import Answer, Request, Unusable
from image_automation.notification.providers import catalog
from tests.image_automation.notification import scene
from tests.image_automation.notification.providers import test_requests

NONSENSE = {
    "nothing": b"",
    "a page": b"<html>Sign in</html>",
    "a number": b"1",
    "null": b"null",
    "a list of others": b'[1, null, "x", [], {}]',
    "an object": b"{}",
    "an object of others": b'{"value": 1, "login": 1, "username": [], "access_token": null, "state": {}}',
    "deep nesting": b"[" * 100_000,
    "not UTF-8": b'{"login": "\xff"}',
}
TYPES = sorted(catalog.COMMIT_STATUS | catalog.CHANGE_REQUEST | {"googlepubsub"})


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
@pytest.mark.parametrize("type_", TYPES)
def test_nonsense_is_told_or_taken_for_nothing(type_: str, body: bytes) -> None:
    notice, account = test_requests.situation(type_)
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return Answer(status=200, body=body)

    told: list[str] = []
    try:
        scene.talk(catalog.TYPES[type_](notice, account), answer)
    except Unusable as error:
        told.append(str(error).partition(" answer ")[0])
    assert told == ["the service's"] or (not told and asked[-1].method == "POST"), "what is not said is said"


@pytest.mark.parametrize("type_", sorted(catalog.CHANGE_REQUEST))
def test_nobody_elses_comment_is_taken_for_ours_where_we_do_not_know_who_we_are(type_: str) -> None:
    notice, account = test_requests.situation(type_)
    with pytest.raises(Unusable, match=r"^the service's answer lacks '(login|username)'$"):
        scene.talk(catalog.TYPES[type_](notice, account), lambda _: Answer(status=200, body=b'{"login": ""}'))
