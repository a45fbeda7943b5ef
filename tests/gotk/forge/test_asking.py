"""What a forge's refusal means is told by what to do next: ask later, get another token, look at the name."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gotk.forge import asking
from gotk.forge.hosting import Asking
from gotk.http import errors
from gotk.http.exchange import Answer, Request, Unusable
from gotk.http.tls import TLS
from gotk.http.transport import Transport

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ASKED = Request(method="PUT", url="https://api.github.com/repos/org/web/pulls/7/merge?x=1", accepts=(403, 405))


def refusal(status: int, body: Any, headers: dict[str, str] | None = None, **more: Any) -> errors.HTTPError | None:
    asked = Request(method="GET", url=ASKED.url, **more)
    answer = Answer(status=status, body=json.dumps(body).encode())
    return asking.refusal(asked, answer, headers or {}, now=lambda: NOW)


@pytest.mark.parametrize(
    ("status", "headers", "after"),
    [
        pytest.param(429, {"Retry-After": "30"}, 30.0, id="a time to wait"),
        pytest.param(403, {"Retry-After": "7"}, 7.0, id="GitHub's secondary limit"),
        pytest.param(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 90)}, 90.0,
                     id="none left until a moment"),
        pytest.param(429, {}, 60.0, id="no time said"),
    ],
)  # fmt: skip
def test_a_limit_is_waited_for(status: int, headers: dict[str, str], after: float) -> None:
    error = refusal(status, {"message": "slow down"}, headers, accepts=(403,))
    assert isinstance(error, errors.Unavailable)
    assert (error.temporary, error.retry_after) == (True, after)
    assert "slow down" in str(error)


def test_a_limit_that_is_only_said_in_words_is_one() -> None:
    error = refusal(403, {"message": "You have exceeded a secondary rate limit."}, accepts=(403,))
    assert isinstance(error, errors.Unavailable)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, errors.Unauthorized),
        (403, errors.Unauthorized),
        (404, errors.NotFound),
        (422, errors.BadAnswer),
        (301, errors.BadAnswer),
        (500, errors.Unavailable),
        (503, errors.Unavailable),
    ],
)
def test_each_refusal_is_of_the_kind_that_says_what_to_do(status: int, kind: type[errors.HTTPError]) -> None:
    error = refusal(status, {"message": "no"})
    assert type(error) is kind
    assert error is not None
    assert "/repos/org/web/pulls/7/merge" in str(error)
    assert "x=1" not in str(error)


async def test_certificates_that_cannot_be_used_are_said() -> None:
    def conversation() -> Asking[None]:
        yield ASKED

    async with Transport() as transport:
        asker = asking.Asker(transport, now=lambda: NOW, tls=TLS(ca=b"none"))
        with pytest.raises(Unusable, match="certificate"):
            await asker.ask(conversation())


def test_what_is_missing_may_be_hidden() -> None:
    assert "the token may not see it" in str(refusal(404, {"message": "Not Found"}))


def test_what_a_conversation_wants_to_see_is_an_answer() -> None:
    assert refusal(403, {"message": "no right"}, accepts=(403,)) is None
    assert refusal(200, {}) is None


def test_what_a_forge_says_is_short_and_one_line() -> None:
    long = {"message": "a\nb" + "x" * 9000, "errors": [{"message": "\x1b[31mred"}]}
    assert len(str(refusal(422, long))) < 600
    assert "\n" not in str(refusal(422, long))
    assert "\x1b" not in str(refusal(422, {"message": "\x1b[31mred"}))
    assert "status 502" in str(refusal(502, None))
