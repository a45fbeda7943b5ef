"""Trailers under messages of every kind, and what is read back of them."""

import pytest

from gotk.git.objects.commit import Person
from gotk.git.objects.history import Past
from image_automation import audit
from image_automation.update.proposal import Grant
from image_automation.writing import trailers

AT = "2026-01-01T11:00:00Z"
JANE = Grant(
    policy="web", image="acme.io:5000/web", tag="1.2.0", verdict="approve", by="jane", reason="seen on staging", at=AT
)
LINE = "Approved-by: jane (web 1.2.0 of acme.io:5000/web: seen on staging; 2026-01-01T11:00:00Z)"


@pytest.mark.parametrize(
    ("message", "whole"),
    [
        pytest.param("Update", f"Update\n\n{LINE}", id="a subject alone"),
        pytest.param("Fix: the image", f"Fix: the image\n\n{LINE}", id="a subject that looks like a trailer"),
        pytest.param(
            "Update\n\nwhat: and why\nand more\n", f"Update\n\nwhat: and why\nand more\n\n{LINE}", id="a text"
        ),
        pytest.param("Update\n\nA-b: c", f"Update\n\nA-b: c\n{LINE}", id="below trailers"),
    ],
)
def test_trailers_stand_in_a_last_paragraph_of_their_own(message: str, whole: str):
    assert trailers.added(message, [JANE]) == whole
    assert trailers.added(message, []) == message


@pytest.mark.parametrize(
    "grant",
    [
        JANE,
        Grant(
            policy="web", image="acme.io:5000/web", tag="1.2.0", verdict="allow", by="system:serviceaccount:apps:bot"
        ),
        Grant(
            policy="web",
            image="acme.io:5000/web",
            tag="1.2.0-a.b_c",
            verdict="approve",
            by="oidc:Jane (ops)",
            reason="a: b; (c)",
        ),
        Grant(policy="web", image="acme.io:5000/web", tag="1.2.0", verdict="allow", by="j", at="2026-01-01T11:00:00Z"),
    ],
)
def test_what_was_written_is_read_back(grant: Grant):
    bot, message = Person("Bot", "bot@example.com"), trailers.added("Update", [grant])
    past = Past(id="c" * 40, author=bot, committer=bot, message=message, when=0, parents=(), known=False)
    (entry,) = audit.of_commit(past)
    assert (entry.by, entry.object, entry.version, entry.image, entry.reason) == (
        grant.by, "ImagePolicy/web", grant.tag, grant.image, grant.reason
    )  # fmt: skip
    assert entry.at == (grant.at or "1970-01-01T00:00:00Z")


def test_a_trailer_of_before_images_were_named_is_read_still():
    bot, message = Person("Bot", "bot@example.com"), "Update\n\nApproved-by: jane (web 1.2.0: a: of b)"
    past = Past(id="c" * 40, author=bot, committer=bot, message=message, when=0, parents=(), known=False)
    assert [(entry.version, entry.image, entry.reason) for entry in audit.of_commit(past)] == [("1.2.0", "", "a: of b")]
