"""Cases of the types that talk to Git forges: statuses of commits, comments on requests, dispatches."""

import json
from collections.abc import Mapping
from typing import Any

from tests.image_automation.notification.providers.upstream.case import (
    COMMIT,
    DIRECT,
    ERROR,
    FREE,
    GROUP,
    INFO,
    REVISION,
    SILENT,
    Case,
    Reply,
    event,
)

OTHER = "abcdef1234567890abcdef1234567890abcdef12"
UPDATE = f"{GROUP}/commit_status"
HUB = {"type": "github", "address": "https://github.com/org/web"}
LAB = {"type": "gitlab", "address": "https://gitlab.example.com/org/web"}
TEA = {"type": "gitea", "address": f"http://{DIRECT}/org/web"}
BUCKET = {"type": "bitbucket", "address": "https://api.bitbucket.org/org/web.git"}
SERVER = {"type": "bitbucketserver", "address": "https://git.example.com/base/scm/org/web.git"}
AZURE = {"type": "azuredevops", "address": "https://dev.azure.com/org/project/_git/web"}
TOKEN = {"token": "t0ken"}
BASIC = {"username": "bot", "password": "pa55"}
EXPRESSION = (
    "event.reason.lowerAscii() + '/' + alert.metadata.name + '/' + provider.spec.type + '/' + "
    "event.metadata.revision.split('@')[0] + event.metadata[?'nothing'].orValue('-none') + "
    "string(sets.contains(alert.spec.eventSources.map(s, s.kind), ['Kustomization'])) + "
    "base64.encode(b'x')"
)
NAMED = {"commitStatusExpr": "'ci/' + event.involvedObject.name"}
PROGRESS = event("in progress", severity="info", reason="Progressing", metadata={REVISION: COMMIT, UPDATE: "update"})
DONE = event(
    "applied", severity="info", reason="ReconciliationSucceeded",
    metadata={REVISION: f"main@sha1:{COMMIT}", UPDATE: "update"},
)  # fmt: skip
REQUESTED = event(metadata={REVISION: f"main@sha1:{COMMIT}", f"{FREE}/change_request": "7"})
SAID = {"description": "health check failed"}
EMPTY = Reply(method="GET", body="[]")


def revision(text: str) -> dict[str, Any]:
    """Make an event of this revision."""
    return event(metadata={REVISION: text})


def listed(*statuses: Mapping[str, Any], path: str = "") -> tuple[Reply, ...]:
    """Make the answer to a request for a list."""
    return (Reply(method="GET", path=path, body=json.dumps(list(statuses))),)


def hub(name: str, *, with_: Mapping[str, Any] = ERROR, requests: int = 2, **more: Any) -> Case:
    """Make a case of GitHub's statuses."""
    provider = {**HUB, **more.pop("provider", {})}
    found = {"secret": TOKEN, "replies": (EMPTY,), **more}
    return Case(name=f"github-{name}", event=with_, provider=provider, requests=requests, **found)


def same(name: str, state: str = "failure", key: str = "state") -> dict[str, str]:
    """Make a status that says what the event says."""
    return {"context": f"ci/{name}", "name": f"ci/{name}", key: state, "sha": COMMIT, **SAID}


GITHUB = (
    hub("error"),
    hub("done", with_=DONE),
    hub("unmarked", with_=INFO, requests=0),
    hub("progress", with_=PROGRESS, requests=0),
    hub("ssh", provider={"address": "ssh://git@github.com/org/web.git"}),
    hub("scp", provider={"address": "git@github.com:org/web.git"}),
    hub("plain-http", provider={"address": "http://github.com/org/web"}),
    hub("enterprise", provider={"address": "https://ghe.example.com/org/web"}),
    hub("enterprise-port", provider={"address": "https://ghe.example.com:8443/org/web"}),
    hub("enterprise-api", provider={"address": "https://api.ghe.example.com/org/web"}),
    hub("password", secret=BASIC),
    hub("no-token", secret={}, requests=0, complaints=1),
    hub("odd-path", provider={"address": "https://github.com/org/group/web"}, requests=0, complaints=1),
    hub("no-revision", with_=SILENT, requests=0, complaints=1),
    hub("chart", with_=revision("6.0.0"), requests=0, complaints=1),
    hub("legacy", with_=revision(f"main/{COMMIT}")),
    hub("legacy-head", with_=revision(f"HEAD/{COMMIT}")),
    hub("bare", with_=revision(COMMIT)),
    hub("digest", with_=revision(f"latest@sha256:{'ab' * 32}"), requests=0, complaints=1),
    hub("commit-wins", with_=event(severity="info", metadata={REVISION: COMMIT, f"{FREE}/commit": f"sha1:{OTHER}"})),
    hub("origin-wins", with_=event(metadata={REVISION: COMMIT, f"{GROUP}/originRevision": f"v1@sha1:{OTHER}"})),
    hub("empty-commit", with_=event(severity="info", metadata={REVISION: COMMIT, f"{FREE}/commit": ""}), requests=0),
    hub("odd-reason", with_=event(reason="HTTP2Probe_failed-on Überall42", metadata={REVISION: COMMIT})),
    hub("named", provider=NAMED),
    hub("expression", provider={"commitStatusExpr": EXPRESSION}),
    hub("bad-expression", provider={"commitStatusExpr": "event.involvedObject."}, requests=0, complaints=1),
    hub("number", provider={"commitStatusExpr": "42"}, requests=0, complaints=1),
    hub("missing-key", provider={"commitStatusExpr": "event.metadata.nothing"}, requests=0, complaints=1),
    hub("empty-name", provider={"commitStatusExpr": "''"}, requests=0, complaints=1),
    hub("said", provider=NAMED, requests=1, replies=listed(same("github-said"))),
    hub("said-before", provider=NAMED, replies=listed(
        {**same("github-said-before"), "state": "success"}, same("github-said-before"))),
    hub("said-in-part", provider=NAMED, requests=1, replies=listed(
        {"context": "ci/github-said-in-part", "state": "success", "description": None}, same("github-said-in-part"))),
    hub("refused", requests=2, complaints=1, replies=(
        EMPTY, Reply(method="POST", status=401, body='{"message": "Bad credentials"}'))),
    hub("trace", with_=event(severity="trace", metadata={REVISION: COMMIT, f"{FREE}/commit": COMMIT}), requests=0),
    Case(name="githubdispatch", event=REQUESTED, provider={**HUB, "type": "githubdispatch"}, secret=TOKEN),
    Case(name="githubdispatch-info", event=INFO, provider={**HUB, "type": "githubdispatch"}, secret=TOKEN,
         alert={"eventMetadata": {"cluster": "eu"}}),
)  # fmt: skip

GITLAB = (
    Case(name="gitlab-error", event=ERROR, provider=LAB, secret=TOKEN, replies=(EMPTY,), requests=2),
    Case(name="gitlab-done", event=DONE, provider=LAB, secret=TOKEN, replies=(EMPTY,), requests=2),
    Case(name="gitlab-progress", event=PROGRESS, provider=LAB, secret=TOKEN, requests=0),
    Case(name="gitlab-password", event=ERROR, provider=LAB, secret=BASIC, replies=(EMPTY,), requests=2),
    Case(name="gitlab-group", event=ERROR, secret=TOKEN, replies=(EMPTY,), requests=2,
         provider={**LAB, "address": "git@gitlab.example.com:org/some.group/web.app.git"}),
    Case(name="gitlab-said", event=ERROR, provider={**LAB, **NAMED}, secret=TOKEN,
         replies=listed(same("gitlab-said", "failed", "status"))),
    Case(name="gitlab-said-anywhere", event=ERROR, provider={**LAB, **NAMED}, secret=TOKEN, replies=listed(
         same("gitlab-said-anywhere", "success", "status"), same("gitlab-said-anywhere", "failed", "status"))),
    Case(name="gitlab-no-token", event=ERROR, provider=LAB, requests=0, complaints=1),
)  # fmt: skip

GITEA = (
    Case(name="gitea-error", event=ERROR, provider=TEA, secret=TOKEN, requests=3, replies=(
        Reply(path="/version", body='{"version": "1.25.0"}'), EMPTY)),
    Case(name="gitea-progress", event=PROGRESS, provider=TEA, secret=TOKEN, requests=3, replies=(
        Reply(path="/version", body='{"version": "1.25.0"}'), EMPTY)),
    Case(name="gitea-password", event=ERROR, provider=TEA, secret=BASIC, requests=3, replies=(
        Reply(path="/version", body='{"version": "1.25.0"}'), EMPTY)),
    Case(name="gitea-said", event=ERROR, provider={**TEA, **NAMED}, secret=TOKEN, requests=2, replies=(
        Reply(path="/version", body='{"version": "1.25.0"}'), *listed(same("gitea-said", key="status")))),
    Case(name="gitea-no-token", event=ERROR, provider=TEA, requests=0, complaints=1),
)  # fmt: skip

BITBUCKET = (
    Case(name="bitbucket-error", event=ERROR, provider=BUCKET, secret={"token": "bot:pa55"}, requests=2,
         replies=(Reply(method="GET", status=404),)),
    Case(name="bitbucket-other", event=DONE, provider=BUCKET, secret={"token": "bot:pa55"}, requests=2,
         replies=(Reply(method="GET", body='{"state": "FAILED", "description": "x"}'),)),
    Case(name="bitbucket-said", event=ERROR, provider=BUCKET, secret={"token": "bot:pa55"}, requests=1,
         replies=(Reply(method="GET", body='{"state": "FAILED", "description": "health check failed"}'),)),
    Case(name="bitbucket-bad-token", event=ERROR, provider=BUCKET, secret=TOKEN, requests=0, complaints=1),
    Case(name="bitbucketserver-token", event=ERROR, provider=SERVER, secret=TOKEN, requests=2,
         replies=(Reply(method="GET", status=404),)),
    Case(name="bitbucketserver-basic", event=DONE, secret=BASIC, requests=2,
         provider={**SERVER, "address": "https://git.example.com/scm/~user/web.git"},
         replies=(Reply(method="GET", status=204, body=""),)),
    Case(name="bitbucketserver-other", event=ERROR, provider=SERVER, secret=TOKEN, requests=2,
         replies=(Reply(method="GET", body='{"key": "x"}'),)),
    Case(name="bitbucketserver-no-login", event=ERROR, provider=SERVER, requests=0, complaints=1),
    Case(name="bitbucketserver-no-scm", event=ERROR, secret=TOKEN, requests=0, complaints=1,
         provider={**SERVER, "address": "https://git.example.com/org/web.git"}),
)  # fmt: skip

ROUTE = "{project}/_apis/git/repositories/{repositoryId}/commits/{commitId}/{resource}"
LOCATIONS = Reply(
    method="OPTIONS",
    body=json.dumps(
        {
            "count": 1,
            "value": [
                {
                    "id": "428dd4fb-fda5-4722-af02-9313b80305da",
                    "area": "git",
                    "resourceName": "statuses",
                    "routeTemplate": ROUTE,
                    "resourceVersion": 1,
                    "minVersion": "1.0",
                    "maxVersion": "7.2",
                    "releasedVersion": "7.1",
                }
            ],
        }
    ),
)


def devops(name: str, *statuses: Mapping[str, Any], requests: int = 2, **more: Any) -> Case:
    """Make a case of Azure DevOps, which is first asked where its API is."""
    found = json.dumps({"count": len(statuses), "value": list(statuses)})
    replies = (LOCATIONS, Reply(method="GET", body=found))
    fields = {"event": ERROR, "provider": AZURE, "secret": TOKEN, "replies": replies, "requests": requests, **more}
    return Case(name=f"azuredevops-{name}", **fields)


AZURES = (
    devops("error"),
    devops("done", event=DONE, alert={"eventMetadata": {"summary": "prod"}}),
    devops("progress", event=PROGRESS, requests=0),
    devops("said", {"context": {"genre": "fluxcd", "name": "ci/azuredevops-said"}, "state": "error", **SAID},
           provider={**AZURE, **NAMED}, requests=1),
    devops("said-elsewhere", {"context": {"genre": "other", "name": "ci/azuredevops-said-elsewhere"}, "state": "error",
           **SAID}, provider={**AZURE, **NAMED}),
    devops("said-in-part", {"context": {"genre": "fluxcd"}, "state": "error"}, {"context": None, "state": "error"},
           provider={**AZURE, **NAMED}),
    devops("short-path", provider={**AZURE, "address": "https://dev.azure.com/org/web"}, requests=0, complaints=1),
)  # fmt: skip

COMMENTS = tuple(
    Case(name=f"{kind}-{name}", event=with_, provider={**where, "type": kind}, secret=TOKEN, requests=requests,
         replies=(Reply(path="/version", body='{"version": "1.25.0"}'), Reply(path="/user", body=user), *replies))
    for kind, where, user in (
        ("githubpullrequestcomment", HUB, '{"login": "bot"}'),
        ("gitlabmergerequestcomment", LAB, '{"username": "bot"}'),
        ("giteapullrequestcomment", TEA, '{"login": "bot"}'),
    )
    for name, with_, requests, replies in (
        ("new", REQUESTED, 3, (EMPTY,)),
        ("unasked", ERROR, 0, ()),
        ("no-number", event(metadata={f"{FREE}/change_request": "seven"}), 0, ()),
    )
)  # fmt: skip


def written(prefix: str, name: str, *authors: str) -> Reply:
    """Make the list of comments that these people wrote about the object, all with our marker."""
    body = f"<!-- {prefix}:{{provider}}/Kustomization/apps/{name} -->\n\nold"
    comments = [
        {"id": number, "body": body, "user": {"login": author}, "author": {"username": author}}
        for number, author in enumerate(authors, start=1)
    ]
    other = {"id": 99, "body": "LGTM", "user": {"login": "bot"}, "author": {"username": "bot"}}
    return Reply(method="GET", body=json.dumps([other, *comments]))


REWRITTEN = tuple(
    Case(name=name, event=REQUESTED, provider={**where, "type": kind}, secret=TOKEN, requests=3,
         replies=(Reply(path="/version", body='{"version": "1.25.0"}'), Reply(path="/user", body=user),
                  written(prefix, name, *authors)))
    for kind, where, user, prefix in (
        ("githubpullrequestcomment", HUB, '{"login": "bot"}', "flux-pr-comment-key"),
        ("gitlabmergerequestcomment", LAB, '{"username": "bot"}', "flux-mr-comment-key"),
        ("giteapullrequestcomment", TEA, '{"login": "bot"}', "flux-pr-comment-key"),
    )
    for name, authors in (
        (f"{kind}-again", ("stranger", "bot", "bot")),
        (f"{kind}-stranger", ("stranger",)),
    )
)  # fmt: skip

CASES = (*GITHUB, *GITLAB, *GITEA, *BITBUCKET, *AZURES, *COMMENTS, *REWRITTEN)
