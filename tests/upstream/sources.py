"""The table of GitRepositories. What ours does otherwise on purpose stands in `source_differences`."""

from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.real import keys
from tests.upstream import scene
from tests.upstream.repositories import Executable, Link
from tests.upstream.source_play import Case, Then, secret

_MORE = {"dev": {"d.yaml": "d: 1\n"}}
_LOGIN = secret("s", {"username": "bot", "password": "secret"})
_SSH = "ssh://git@127.0.0.1:1/none.git"
_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def of(ref: dict[str, str] | None, **changes) -> Case:
    """A case of a reference, in a repository of two branches and some tags."""
    tags = {"v1.0.0": "main", "v1.1.0": "dev", "v2.0.0-rc.1": "main", "other": "main"}
    return Case(spec={"ref": ref}, branches=_MORE, tags=tags, **changes)


def with_secret(data: dict[str, str], **changes) -> Case:
    """A case of what a secret holds."""
    return Case(spec={"secretRef": {"name": "s"}, **changes}, objects=[secret("s", data)])


CASES: dict[str, Case] = {
    "branch": Case(),
    "branch-other": of({"branch": "dev"}),
    "branch-missing": of({"branch": "no"}),
    "branch-with-a-slash": Case(spec={"ref": {"branch": "a/b"}}, branches={"a/b": {"x": "1"}}),
    "no-reference": of(None),
    "no-reference-and-master": Case(spec={"ref": None}, branches={"master": {"m.yaml": "m: 1\n"}}),
    "tag": of({"tag": "v1.0.0"}),
    "tag-and-branch": of({"tag": "v1.1.0", "branch": "main"}),
    "tag-missing": of({"tag": "no"}),
    "semver": of({"semver": ">=1.0.0"}),
    "semver-with-prereleases": of({"semver": ">=1.0.0-0"}),
    "semver-of-nothing": of({"semver": ">=9"}),
    "semver-of-no-range": of({"semver": "one"}),
    "commit": of({"commit": "COMMIT:main"}),
    "commit-of-a-branch": of({"commit": "COMMIT:main", "branch": "main"}),
    "commit-of-another-branch": of({"commit": "COMMIT:main", "branch": "dev"}),
    "commit-missing": of({"commit": "0" * 39 + "1"}),
    "commit-missing-of-a-branch": of({"commit": "0" * 39 + "1", "branch": "main"}),
    "commit-that-is-short": of({"commit": "abc"}),
    "name": of({"name": "refs/heads/dev"}),
    "name-of-a-tag": of({"name": "refs/tags/v1.0.0"}),
    "name-missing": of({"name": "refs/heads/no"}),
    "name-that-is-short": of({"name": "dev"}),
    "name-and-commit": of({"name": "refs/heads/main", "commit": "COMMIT:main"}),
    "empty": Case(files={}),
    "suspended": Case(spec={"suspend": True}, until=scene.seen),
    "new-commit": Case(then=[Then(push={"a.yaml": "a: 2\n"})]),
    "new-commit-of-many-lines": Case(
        message="One line that is rather long, longer than fifty letters for sure\n\nMore.\n",
        then=[Then(push={"a.yaml": "a: 2\n"})],
    ),
    "new-commit-of-the-same-files": Case(files={"a.yaml": "a: 1\n"}, then=[Then(push={"a.yaml": "a: 1\n"})]),
    "asked-for-again": Case(then=[Then()]),
    "asked-for-again-with-a-tag": Case(spec={"ref": {"tag": "v1"}}, tags={"v1": "main"}, then=[Then()]),
    "asked-for-again-with-a-range": Case(spec={"ref": {"semver": "*"}}, tags={"v1": "main"}, then=[Then()]),
    "ignore-changed": Case(then=[Then(patch={"spec": {"ignore": "docs/\n"}})]),
    "broken-then-mended": Case(
        spec={"ref": {"branch": "no"}}, then=[Then(patch={"spec": {"ref": {"branch": "main"}}})]
    ),
    "mended-then-broken": Case(then=[Then(patch={"spec": {"ref": {"branch": "no"}}})]),
    "mended-then-broken-then-mended": Case(
        then=[
            Then(patch={"spec": {"ref": {"branch": "no"}}}),
            Then(patch={"spec": {"ref": {"branch": "main"}}}),
        ]
    ),
    "branch-changed": Case(branches=_MORE, then=[Then(patch={"spec": {"ref": {"branch": "dev"}}})]),
    "annotated-for-events": Case(
        then=[
            Then(
                patch={
                    "metadata": {
                        "annotations": {
                            "event.toolkit.fluxcd.io/team": "a",
                            "reconcile.fluxcd.io/requestedAt": "step 1",
                        }
                    }
                },
                push={"a.yaml": "a: 2\n"},
            )
        ]
    ),
    # What an artifact holds.
    "files": Case(
        files={
            "a.yaml": "a: 1\n",
            "bin/run": Executable("#!/bin/sh\n"),
            "link": Link("a.yaml"),
            "out": Link("../../etc"),
            "folder": Link("docs"),
            "docs/x.txt": "x",
            ".github/workflows/w.yaml": "w",
            ".gitignore": "*.tmp\n",
            "x.tmp": "t",
            "pic.png": b"\x89PNG",
            "a.zip": "z",
            ".sops.yaml": "s",
            ".flux.yaml": "f",
            ".goreleaser.yml": "g",
            "b.jar": "j",
            "ü.txt": "u",
            ".gitlab-ci.yml": "c",
            ".circleci/x": "c",
            ".travis.yml": "t",
            "appveyor.yml": "a",
            ".drone.yml": "d",
            "cloudbuild.yaml": "c",
            "codeship-services.yml": "c",
            "codeship-steps.yml": "c",
            ".gitmodules": "",
            ".gitattributes": "* text\n",
        }
    ),
    "files-ignored-by-the-repository": Case(
        files={
            ".sourceignore": "docs/*\n!docs/keep.md\n*.log\n",
            "docs/a.md": "a",
            "docs/keep.md": "k",
            "x.log": "x",
            "sub/.sourceignore": "y.yaml\n",
            "sub/y.yaml": "y",
            "sub/z.yaml": "z",
            "y.yaml": "y",
            "pic.png": "p",
        }
    ),
    "files-ignored-by-the-spec": Case(
        files={"a.yaml": "a", "docs/a.md": "a", "pic.png": "p", ".sourceignore": "a.yaml\n", ".github/x": "x"},
        spec={"ignore": "# all\n/*\n!/docs\n!/pic.png\n"},
    ),
    "files-all-ignored": Case(spec={"ignore": "*\n"}),
    "files-empty": Case(files={"empty": ""}),
    # Addresses and secrets.
    "address-refused": Case(spec={"url": "http://127.0.0.1:1/none.git"}),
    "address-of-no-repository": Case(spec={"url": "SERVER/none.git"}),
    "address-that-is-silent": Case(spec={"url": "SILENT/none.git", "timeout": "1s"}),
    "address-with-a-user": Case(spec={"url": "http://bot:secret@127.0.0.1:1/none.git"}),
    "address-of-a-bad-port": Case(spec={"url": "http://127.0.0.1:x/none.git"}),
    "address-over-ssh": Case(spec={"url": _SSH}),
    "login": Case(guarded=True, spec={"secretRef": {"name": "s"}}, objects=[_LOGIN]),
    "login-missing": Case(guarded=True),
    "login-wrong": Case(
        guarded=True, spec={"secretRef": {"name": "s"}}, objects=[secret("s", {"username": "bot", "password": "no"})]
    ),
    "login-mended": Case(guarded=True, objects=[_LOGIN], then=[Then(patch={"spec": {"secretRef": {"name": "s"}}})]),
    "secret-missing": Case(spec={"secretRef": {"name": "no"}}),
    "secret-empty": with_secret({}),
    "secret-of-a-password": with_secret({"password": "x"}),
    "secret-of-a-user": with_secret({"username": "x"}),
    "secret-of-a-token": with_secret({"bearerToken": "x"}),
    "secret-of-a-token-and-a-login": with_secret({"bearerToken": "x", "username": "a", "password": "b"}),
    "secret-of-a-bad-authority": with_secret({"ca.crt": "x"}),
    "secret-of-half-a-certificate": with_secret({"tls.crt": "x"}),
    "ssh-secret-empty": with_secret({}, url=_SSH),
    "ssh-secret-without-known-hosts": with_secret({"identity": keys.pem(_KEY).decode()}, url=_SSH),
    "ssh-secret-of-a-bad-key": with_secret({"identity": "x", "known_hosts": "y"}, url=_SSH),
    "ssh-secret-of-a-locked-key": with_secret(
        {"identity": keys.pem(_KEY, passphrase=b"x").decode(), "known_hosts": "127.0.0.1 ssh-ed25519 AAAA"}, url=_SSH
    ),
    "proxy-missing": Case(spec={"proxySecretRef": {"name": "no"}}),
    "proxy-empty": Case(spec={"proxySecretRef": {"name": "s"}}, objects=[secret("s", {"a": "b"})]),
    "proxy-of-another-scheme": Case(
        spec={"proxySecretRef": {"name": "s"}}, objects=[secret("s", {"address": "ftp://x"})]
    ),
    "proxy-refused": Case(
        spec={"proxySecretRef": {"name": "s"}, "url": "http://git.invalid/x.git"},
        objects=[secret("s", {"address": "http://127.0.0.1:1"})],
    ),
    "github-without-a-secret": Case(spec={"provider": "github"}),
    "github-without-an-app": Case(
        spec={"provider": "github", "secretRef": {"name": "s"}}, objects=[secret("s", {"username": "x"})]
    ),
    "github-with-half-an-app": Case(
        spec={"provider": "github", "secretRef": {"name": "s"}}, objects=[secret("s", {"githubAppID": "1"})]
    ),
    "app-without-github": with_secret({"githubAppID": "1"}),
}
