"""The table of ImageUpdateAutomations: what they do with branches, messages, policies and failures.

@NS stands for a case's namespace. What ours does otherwise on purpose stands in `automation_differences`.
"""

from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.real import keys
from tests.upstream import automation_files, scene
from tests.upstream.automation_play import TEMPLATE, WEB, Case, Then, policy, secret
from tests.upstream.repositories import Link
from tests.upstream.scene import Json

_ALL = """\
{{ .AutomationObject }} {{ .AutomationObject.Name }} {{ .AutomationObject.Namespace }}
{{ range $file, $objects := .Changed.FileChanges }}{{ $file }}:
{{ range $object, $changes := $objects }} {{ $object.APIVersion }} {{ $object.Kind }} {{ $object.Namespace }}/\
{{ $object.Name }} {{ $object }}
{{ range $changes }}  {{ .Setter }} {{ .OldValue }} {{ .NewValue }} {{ . }}
{{ end }}{{ end }}{{ end }}{{ range $object, $changes := .Changed.Objects }}{{ $object.Kind }} {{ $changes }}
{{ end }}{{ .Values.cluster }} {{ .Values.none }} {{ .Values | len }}
{{ "x" | upper | repeat 3 }} {{ list 1 2 3 | join "-" }} {{ .Changed }}
"""


SSH_KEY = keys.pem(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))).decode()


def _started(obj: Json) -> bool:
    """Tell whether a run began; Flux panics in it, and begins anew."""
    return scene.condition(obj, "Reconciling") != {}


def refused(text: str) -> Case:
    """A case of a template that fails."""
    return Case(template=text)


CASES: dict[str, Case] = {
    "files": automation_files.FILES,
    "plain": Case(),
    "annotated-with-another-path": Case(
        files={
            "f.yaml": "kind: Pod\nmetadata:\n  name: p\n  annotations:\n    config.kubernetes.io/index: '3'\n"
            f"    internal.config.kubernetes.io/path: other.yaml\nimage: x {automation_files.mark()}\n"
        },
    ),
    "path-through-a-link": Case(
        files={"link": Link("real"), "real/a.yaml": WEB}, spec={"update": {"strategy": "Setters", "path": "./link"}}
    ),
    "policy-with-a-digest-and-no-tag": Case(policies=(policy("web", "a/web", "", automation_files.DIGEST),)),
    # Messages.
    "default-message": Case(template=""),
    "message-fields": Case(
        template=_ALL,
        commit={"messageTemplateValues": {"cluster": "prod"}},
        files={
            "a.yaml": WEB
            + '---\nkind: ConfigMap\nmetadata: {name: c, namespace: n}\ntag: x # {"$imagepolicy": "@NS:web:tag"}\n',
            "b/kustomization.yaml": 'images:\n- newTag: \'1\' # {"$imagepolicy": "@NS:web:tag"}\n',
        },
    ),
    "message-below-a-path": Case(
        template="{{ range $f, $_ := .Changed.FileChanges }}{{ $f }};{{ end }}",
        files={"apps/web/a.yaml": WEB, "b.yaml": WEB},
        spec={"update": {"strategy": "Setters", "path": "./apps"}},
    ),
    "message-of-a-path-that-is-a-file": Case(
        template="{{ range $f, $_ := .Changed.FileChanges }}{{ $f }};{{ end }}",
        files={"apps/web/a.yaml": WEB, "b.yaml": WEB},
        spec={"update": {"strategy": "Setters", "path": "apps/web/a.yaml"}},
    ),
    "message-that-is-empty": Case(template="{{ if false }}x{{ end }}"),
    "message-of-blanks-around": Case(template="\n\n  two  \n\n\n"),
    "message-with-carriage-returns": Case(template="a\r\nb\r\n"),
    "message-with-comment-lines": Case(template="# not a comment\nb\n"),
    "message-with-control-characters": Case(template="a\x00b\x1bc\n".replace("\x00", "")),
    "message-with-unicode": Case(template="Grüße 🚀\n"),
    "template-that-does-not-parse": refused("{{ range"),
    "template-of-an-unknown-field": refused("{{ .Nothing }}"),
    "template-of-an-unknown-function": refused("{{ now }}"),
    "template-that-fails": refused('{{ fail "x" }}'),
    "template-of-updated": refused("{{ .Updated.Files }}"),
    "template-of-updated-images": refused("{{ range .Updated.Images }}{{ . }}{{ end }}"),
    "template-of-the-image-result": refused("{{ .Changed.ImageResult }}"),
    "author-without-a-name": Case(commit={"author": {"email": "bot@example.com"}}),
    "author-of-odd-characters": Case(commit={"author": {"name": "  A <b> \n c", "email": "x@y> z"}}),
    # Policies.
    "policy-without-an-image": Case(policies=(policy("web", "", ""),)),
    "policy-that-is-missing": Case(policies=(policy("other", "a/other", "2"),)),
    "policy-of-another-namespace": Case(files={"w.yaml": WEB.replace("@NS:web", "elsewhere:web")}),
    "policies-selected": Case(
        files={"w.yaml": WEB + '---\nimage: b # {"$imagepolicy": "@NS:db"}\n'},
        policies=(policy("web", "a/web", "1.1", team="a"), policy("db", "a/db", "2", team="b")),
        spec={"policySelector": {"matchLabels": {"team": "a"}}},
    ),
    "policies-selected-by-expressions": Case(
        files={"w.yaml": WEB + '---\nimage: b # {"$imagepolicy": "@NS:db"}\n'},
        policies=(policy("web", "a/web", "1.1", team="a"), policy("db", "a/db", "2", team="b")),
        spec={
            "policySelector": {
                "matchExpressions": [
                    {"key": "team", "operator": "NotIn", "values": ["a"]},
                    {"key": "team", "operator": "Exists"},
                ]
            }
        },
    ),
    "policies-selected-by-no-operator": Case(
        spec={"policySelector": {"matchExpressions": [{"key": "team", "operator": "Like", "values": ["a"]}]}}
    ),
    "policies-selected-by-no-values": Case(
        spec={"policySelector": {"matchExpressions": [{"key": "team", "operator": "In", "values": []}]}}
    ),
    "policies-selected-by-values-too-many": Case(
        spec={"policySelector": {"matchExpressions": [{"key": "team", "operator": "Exists", "values": ["a"]}]}}
    ),
    "policies-selected-by-no-key": Case(
        spec={"policySelector": {"matchExpressions": [{"key": "a b", "operator": "Exists"}]}}
    ),
    "policies-selected-by-a-bad-label": Case(spec={"policySelector": {"matchLabels": {"team": "a b"}}}),
    "policy-of-no-image": Case(policies=(policy("web", "UPPER/Web", "1.1"),)),
    "policy-of-no-tag": Case(policies=(policy("web", "a/web", "1 1"),)),
    "policy-of-no-digest": Case(policies=(policy("web", "a/web", "1.1", "sha256:xyz"),)),
    "policy-that-chooses-anew": Case(then=[Then(policies=[policy("web", "a/web", "1.2")])]),
    # Branches.
    "up-to-date": Case(files={"w.yaml": WEB.replace("1.0", "1.1")}),
    "no-markers": Case(files={"w.yaml": "a: 1\n"}),
    "asked-for-again": Case(then=[Then()]),
    "somebody-pushes": Case(then=[Then(push={"w.yaml": WEB.replace("1.0", "0.9")})]),
    "push-branch": Case(git={"push": {"branch": "bot/updates"}}),
    "push-branch-again": Case(
        git={"push": {"branch": "bot/updates"}}, then=[Then(policies=[policy("web", "a/web", "1.2")])]
    ),
    "push-branch-asked-for-again": Case(git={"push": {"branch": "bot/updates"}}, then=[Then()]),
    "push-branch-stacked": Case(
        git={"push": {"branch": "bot/updates"}},
        annotations={"image-automation.dev/push-branch": "stack"},
        then=[Then(policies=[policy("web", "a/web", "1.2")])],
    ),
    "race": Case(race={"web.yaml": WEB, "more.yaml": "a: 1\n"}, until=scene.ready),
    "race-over-the-same-value": Case(race={"web.yaml": WEB.replace("1.0", "1.1")}, until=scene.ready),
    "race-on-a-push-branch": Case(git={"push": {"branch": "bot"}}, race={"web.yaml": WEB, "m.yaml": "a: 1\n"}),
    "push-branch-of-others": Case(
        git={"push": {"branch": "bot"}}, branches={"bot": {"web.yaml": WEB, "more.yaml": "a: 1\n"}}
    ),
    "push-branch-that-has-it-all": Case(
        git={"push": {"branch": "bot"}}, branches={"bot": {"web.yaml": WEB.replace("1.0", "1.1")}}
    ),
    "push-branch-that-is-the-one-checked-out": Case(git={"push": {"branch": "main"}}),
    "push-branch-that-is-no-name": Case(git={"push": {"branch": "a..b"}}),
    "push-branch-that-a-branch-is-in-the-way-of": Case(git={"push": {"branch": "main/below"}}),
    "push-refspec": Case(git={"push": {"refspec": "refs/heads/main:refs/heads/release"}}),
    "push-refspec-of-head": Case(git={"push": {"refspec": "HEAD:refs/heads/release"}}),
    "push-refspec-and-branch": Case(git={"push": {"branch": "bot", "refspec": "refs/heads/bot:refs/heads/release"}}),
    "push-refspec-that-is-none": Case(git={"push": {"refspec": "nonsense"}}),
    "push-refspec-of-an-unknown-branch": Case(git={"push": {"refspec": "refs/heads/no:refs/heads/release"}}),
    "push-refspec-asked-for-again": Case(
        git={"push": {"refspec": "refs/heads/main:refs/heads/release"}}, then=[Then()]
    ),
    "push-options": Case(git={"push": {"branch": "bot", "options": {"merge_request.create": ""}}}),
    "checkout-of-a-branch": Case(git={"checkout": {"ref": {"branch": "dev"}}}, branches={"dev": {"dev.yaml": WEB}}),
    "checkout-of-a-tag": Case(git={"checkout": {"ref": {"tag": "v1"}}, "push": {"branch": "bot"}}, tags={"v1": "main"}),
    "checkout-of-a-tag-without-a-push-branch": Case(git={"checkout": {"ref": {"tag": "v1"}}}, tags={"v1": "main"}),
    "checkout-of-a-range": Case(
        git={"checkout": {"ref": {"semver": ">=1.0.0"}}, "push": {"branch": "bot"}},
        tags={"v1.0.0": "main", "v1.1.0": "dev", "x": "main"},
        branches={"dev": {"dev.yaml": WEB}},
    ),
    "checkout-of-a-range-that-matches-nothing": Case(
        git={"checkout": {"ref": {"semver": ">=9"}}, "push": {"branch": "bot"}}, tags={"v1.0.0": "main"}
    ),
    "checkout-of-a-range-that-is-none": Case(
        git={"checkout": {"ref": {"semver": "one"}}, "push": {"branch": "bot"}}, tags={"v1.0.0": "main"}
    ),
    "checkout-of-a-name": Case(
        git={"checkout": {"ref": {"name": "refs/heads/dev"}}, "push": {"branch": "bot"}},
        branches={"dev": {"dev.yaml": WEB}},
    ),
    "checkout-of-a-name-that-is-the-push-branch": Case(
        git={"checkout": {"ref": {"name": "refs/heads/dev"}}, "push": {"branch": "dev"}},
        branches={"dev": {"dev.yaml": WEB}},
    ),
    "checkout-of-a-name-that-is-not-there": Case(
        git={"checkout": {"ref": {"name": "refs/heads/no"}}, "push": {"branch": "bot"}}
    ),
    "checkout-of-a-commit": Case(
        git={"checkout": {"ref": {"commit": "COMMIT:main"}}, "push": {"branch": "bot"}},
    ),
    "checkout-of-a-commit-of-a-branch": Case(
        git={"checkout": {"ref": {"commit": "COMMIT:main", "branch": "main"}}},
    ),
    "checkout-of-a-commit-that-is-not-there": Case(
        git={"checkout": {"ref": {"commit": "0" * 39 + "1", "branch": "main"}}},
    ),
    "checkout-of-the-sources-tag": Case(
        source={"ref": {"tag": "v1"}}, git={"push": {"branch": "bot"}}, tags={"v1": "main"}
    ),
    "branch-that-is-not-there": Case(source={"ref": {"branch": "no"}}),
    "tag-that-is-not-there": Case(source={"ref": {"tag": "no"}}, git={"push": {"branch": "bot"}}),
    "no-reference": Case(source={"ref": None}),
    "no-reference-and-a-push-branch": Case(source={"ref": None}, git={"push": {"branch": "bot"}}),
    "no-reference-and-master": Case(
        source={"ref": None}, git={"push": {"branch": "master"}}, branches={"master": {"m.yaml": WEB}}
    ),
    # Sources.
    "source-that-is-missing": Case(spec={"sourceRef": {"kind": "GitRepository", "name": "no"}}),
    "source-of-another-namespace": Case(
        spec={"sourceRef": {"kind": "GitRepository", "name": "fleet", "namespace": "up-to-date"}},
        git={"push": {"branch": "from-ns"}},
    ),
    "source-that-is-suspended": Case(source={"suspend": True}),
    "source-of-no-address": Case(source={"url": "http://127.0.0.1:1/none.git"}),
    "source-of-no-repository": Case(source={"url": "SERVER/none.git"}),
    "source-over-ssh-without-a-secret": Case(source={"url": "ssh://git@127.0.0.1:1/none.git"}),
    "source-whose-secret-is-missing": Case(source={"secretRef": {"name": "no"}}),
    "source-whose-secret-is-empty": Case(source={"secretRef": {"name": "s"}}, objects=[secret("s", {})]),
    "source-whose-secret-has-a-password-only": Case(
        source={"secretRef": {"name": "s"}}, objects=[secret("s", {"password": "x"})]
    ),
    "source-whose-secret-has-a-user-only": Case(
        source={"secretRef": {"name": "s"}}, objects=[secret("s", {"username": "x"})]
    ),
    "source-whose-proxy-is-missing": Case(source={"proxySecretRef": {"name": "no"}}),
    "source-whose-proxy-has-no-address": Case(
        source={"proxySecretRef": {"name": "s"}}, objects=[secret("s", {"a": "b"})]
    ),
    "source-of-github-without-a-secret": Case(source={"provider": "github"}),
    "source-of-github-without-an-app": Case(
        source={"provider": "github", "secretRef": {"name": "s"}},
        objects=[secret("s", {"username": "x", "password": "y"})],
    ),
    "source-of-an-app-without-github": Case(
        source={"secretRef": {"name": "s"}}, objects=[secret("s", {"githubAppID": "1"})]
    ),
    "source-that-is-empty": Case(
        files={},
        until=_started,
    ),
    "source-that-is-mended": Case(source={"ref": {"branch": "no"}}, then=[Then(source={"ref": {"branch": "main"}})]),
    # The automation itself.
    "no-git": Case(spec={"git": None}),
    "no-update": Case(spec={"update": None}),
    "path-that-is-missing": Case(spec={"update": {"strategy": "Setters", "path": "./no"}}),
    "path-that-climbs": Case(spec={"update": {"strategy": "Setters", "path": "../../.."}}),
    "path-that-is-absolute": Case(
        files={"apps/w.yaml": WEB, "w.yaml": WEB}, spec={"update": {"strategy": "Setters", "path": "/apps"}}
    ),
    "path-that-is-a-dot": Case(spec={"update": {"strategy": "Setters", "path": "."}}),
    "path-with-a-slash-at-the-end": Case(
        files={"apps/w.yaml": WEB, "w.yaml": WEB}, spec={"update": {"strategy": "Setters", "path": "apps/"}}
    ),
    "signed-without-a-secret": Case(commit={"signingKey": {"secretRef": {"name": "no"}}}),
    "signed-without-a-key": Case(
        commit={"signingKey": {"secretRef": {"name": "s"}}}, objects=[secret("s", {"identity": "x"})]
    ),
    "signed-without-an-ssh-key": Case(
        commit={"signingKey": {"type": "ssh", "secretRef": {"name": "s"}}}, objects=[secret("s", {"git.asc": "x"})]
    ),
    "signed-with-no-key": Case(
        commit={"signingKey": {"secretRef": {"name": "s"}}}, objects=[secret("s", {"git.asc": "x"})]
    ),
    "signed-with-no-ssh-key": Case(
        commit={"signingKey": {"type": "ssh", "secretRef": {"name": "s"}}}, objects=[secret("s", {"identity": "x"})]
    ),
    "signed-by-ssh": Case(
        commit={"signingKey": {"type": "ssh", "secretRef": {"name": "s"}}}, objects=[secret("s", {"identity": SSH_KEY})]
    ),
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
                policies=[policy("web", "a/web", "1.2")],
            )
        ]
    ),
    "mended-template": Case(
        template="{{ .Nothing }}",
        then=[Then(patch={"spec": {"git": {"commit": {"messageTemplate": TEMPLATE}}}})],
    ),
    "mended-stall": Case(
        template="{{ .Updated }}",
        then=[Then(patch={"spec": {"git": {"commit": {"messageTemplate": TEMPLATE}}}})],
    ),
}
