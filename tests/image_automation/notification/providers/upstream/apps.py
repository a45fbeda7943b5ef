"""Cases of GitHub Apps: what is asked on the way to a token, and what is done with it."""

import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.image_automation.notification.providers.upstream.case import DIRECT, ERROR, FREE, Case, Reply, event

#: Made anew each time: no record depends on it.
PEM = (
    rsa.generate_private_key(65537, 2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)
REQUESTED = event(metadata={f"{FREE}/change_request": "7"})
TOKEN = Reply(path="/access_tokens", status=201, body='{"token": "ghs_1", "expires_at": "2036-01-01T13:00:00Z"}')
SLUG = Reply(path="/base/app", body='{"slug": "flux-bot"}')
FOUND = '{"id": 42}'
NONE = Reply(path="/orgs/", status=404, body='{"message": "Not Found"}')
STRANGERS = [{"id": 1, "user": {"login": "flux-bot"}, "body": "<!-- flux-pr-comment-key:"}]


def app(name: str, *replies: Reply, type_: str = "githubdispatch", requests: int = 2, **changes: Any) -> Case:
    """Make a case of an App of its own, whose tokens no other case has; keys that are None are left out."""
    secret = {
        "githubAppID": str(sum(map(ord, name))), "githubAppPrivateKey": PEM, "githubAppInstallationID": "42",
        "githubAppBaseURL": f"http://{DIRECT}/base", **changes.pop("secret", {}),
    }  # fmt: skip
    fields = {"event": ERROR, "requests": requests, **changes}
    return Case(
        name=f"app-{name}",
        provider={"type": type_, "address": f"http://{DIRECT}/org/web"},
        secret={key: value for key, value in secret.items() if value is not None},
        replies=(TOKEN, SLUG, *replies),
        **fields,
    )


OWNED = {"githubAppInstallationID": None, "githubAppInstallationOwner": "acme"}
CASES = (
    app("installation"),
    app("organization", Reply(path="/orgs/acme/installation", body=FOUND), secret=OWNED, requests=3),
    app("user", NONE, Reply(path="/users/acme/installation", body=FOUND), secret=OWNED, requests=4),
    app("status", Reply(method="GET", body="[]"), type_="github", requests=3),
    app("comment", Reply(method="GET", body=json.dumps(STRANGERS)), type_="githubpullrequestcomment", requests=4,
        event=REQUESTED),
    app("token-wins", secret={"token": "t0ken"}, requests=1),
    app("password-wins", secret={"username": "bot", "password": "pa55"}, requests=1),
    app("no-key", secret={"githubAppPrivateKey": None}, requests=0, complaints=1),
    app("no-installation", secret={"githubAppInstallationID": None}, requests=0, complaints=1),
    app("both", secret={"githubAppInstallationOwner": "acme"}, requests=0, complaints=1),
    app("bad-key", secret={"githubAppPrivateKey": "PEM"}, requests=0, complaints=1),
)  # fmt: skip
