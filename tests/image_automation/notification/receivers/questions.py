"""Receivers and calls to them, to be put to any notification-controller: see play.py."""

import base64
import gzip
import hashlib
import hmac
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.image_automation.notification.receivers import payloads

TOKEN = "s3cret"
AUDIENCE, EMAIL = "https://hooks.example.com", "push@project.iam.gserviceaccount.com"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A Receiver: its spec, but for what is usual, and the data of its secret; None where there is no such secret."""

    spec: Mapping[str, Any]
    secret: Mapping[str, str] | None = field(default_factory=lambda: {"token": TOKEN})
    targets: int = 1


@dataclass(frozen=True, kw_only=True)
class Called:
    """A call. `token` says how the issuer's token differs from a good one, None is no token."""

    method: str = "POST"
    path: str = "{path}"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    token: Mapping[str, Any] | None = None


def mac(body: bytes, algorithm: str = "sha256", token: str = TOKEN) -> str:
    return hmac.new(token.encode(), body, algorithm).hexdigest()


def said(value: Any) -> bytes:
    return json.dumps(value).encode()


def _provider(**more: Any) -> dict[str, Any]:
    valid = [{"expression": "vars.who == 'ci'", "message": "who are you"}]
    return {
        "issuerURL": "{issuer}", "variables": [{"name": "who", "expression": "claims.sub"}], "validations": valid,
    } | more  # fmt: skip


def _oidc(*providers: dict[str, Any], **more: Any) -> Asked:
    return Asked(spec={"type": "generic-oidc", "oidcProviders": list(providers)} | more, secret={})


def _filters(*expressions: str) -> Asked:
    return Asked(spec={"type": "generic", "filters": expressions}, targets=len(expressions))


EXPRESSIONS = (
    "req.n == 1", "req.n == 1.0", "string(req.n) == '1'", "req.n / 2.0 == 0.5", "type(req.n) == double",
    "type(req.n) == int", "has(req.missing)", "!has(req.missing)", "'n' in req", "size(req) == 5", "req.missing == 1",
    "req.list.exists(x, x == 2)", "req.list[0] == 1", "req.?missing.orValue('none') == 'none'",
    "sets.contains(req.list, [1.0])", "req.tag.split('.').size() == 3", "req.tag.lowerAscii().startsWith('v')",
    "base64.decode('djE=') == b'v1'", "req.tag.matches('^v[0-9]+')", "res.kind == 'ImageRepository'",
    "res.apiVersion == 'image.toolkit.fluxcd.io/v1'", "has(res.spec)", "has(res.status)",
    "res.metadata.namespace == 'hooks'", "res.metadata.labels.owner == 'expressions'",
    "res.metadata.generation == 1", "type(res.metadata.generation) == double",
    "timestamp(res.metadata.creationTimestamp) < timestamp('2999-01-01T00:00:00Z')", "req.n < 2",
    "req.nested.deep.yes == true", "req.none == null", "req == {}", "res.metadata.annotations.note == 'here'",
    "req.n in [1, 2]", "req.n > 0 ? true : false", "req.tag.charAt(0) == 'v'", "'%s-%d'.format(['a', 1]) == 'a-1'",
    "req.tag.substring(1) == '1.0.0'", "['a', 'b'].join('-') == 'a-b'", "optional.of(1).hasValue()",
    "timestamp('2026-01-02T00:00:00Z').getDate() == 2", "req.big == 9007199254740993",
        "string(req.big) == '9007199254740993'",
)  # fmt: skip
#: Expressions whose verdict is given when the Receiver is reconciled.
DOUBTFUL = {
    "syntax": "req.tag ==", "unknown": "claims.sub == 'x'", "text": "'text'", "dynamic": "req.tag", "number": "1 + 1",
    "literals": "1 < 1.5", "mixed": "[1, 'a'].size() == 2", "function": "req.tag.nonsense()",
        "ternary": "req.a ? req.b : req.c",
    "sets": "sets.contains([1], [1])", "optional": "req.?a.hasValue()", "undeclared": "nobody.knows == 1",
    "types": "1 == 'a'", "empty": " ", "macro": "cel.bind(x, 1, x == 1)", "math": "math.greatest(1, 2) == 2",
    "long": " || ".join(["req.a == 'b'"] * 600), "deep": "(" * 60 + "true" + ")" * 60,
}  # fmt: skip
_HTTPS = {"issuerURL": "https://issuer.example.com", "validations": [{"expression": "true", "message": "never"}]}

RECEIVERS: dict[str, Asked] = {
    **{type_: Asked(spec={"type": type_}) for type_ in
       ("generic", "generic-hmac", "gitlab", "harbor", "dockerhub", "quay", "nexus", "acr", "cdevents")},
    "github": Asked(spec={"type": "github", "events": ["ping", "Package"]}),
    "github-any": Asked(spec={"type": "github"}),
    "bitbucket": Asked(spec={"type": "bitbucket", "events": ["repo:push"]}),
    "gitlab-events": Asked(spec={"type": "gitlab", "events": ["Push Hook", "Tag Push Hook"]}),
    "cdevents-one": Asked(spec={"type": "cdevents", "events": ["dev.cdevents.artifact.published.0.2.0"]}),
    "gcr": Asked(spec={"type": "gcr", "resourceFilter": "req.action == 'INSERT' && size(req) == 3"},
                 secret={"token": TOKEN, "email": EMAIL, "audience": AUDIENCE}),
    "gcr-no-email": Asked(spec={"type": "gcr"}, secret={"token": TOKEN, "audience": AUDIENCE}),
    "oidc": _oidc(_provider(), resourceFilter="claims.sub == 'ci'"),
    "oidc-numbers": _oidc(_provider(validations=[{"expression": "type(claims.n) == double", "message": "m"}])),
    "oidc-audience": _oidc(_provider(audience="mine")),
    **{f"empty-{type_}": Asked(spec={"type": type_}, secret={"token": ""}) for type_ in
       ("generic", "generic-hmac", "github", "gitlab", "bitbucket", "harbor", "nexus")},
    "newline": Asked(spec={"type": "harbor"}, secret={"token": "s3cret\n"}),
    "no-secret": Asked(spec={"type": "generic"}, secret=None),
    "no-token": Asked(spec={"type": "generic"}, secret={"password": "hunter2"}),
    "later": Asked(spec={"type": "generic"}, secret=None),
    "suspended": Asked(spec={"type": "generic", "suspend": True}),
    "suspended-later": Asked(spec={"type": "generic"}),
    "gone-secret": Asked(spec={"type": "generic"}),
    "deleted": Asked(spec={"type": "generic"}),
    "wildcard": Asked(spec={"type": "generic", "resources": [
        {"kind": "ImageRepository", "name": "*", "matchLabels": {"owner": "{name}"},
         "filter": "res.kind == 'ImageRepository' && res.metadata.name.endsWith('-0')"}]}, targets=2),
    "wildcard-none": Asked(spec={"type": "generic", "resources": [
        {"kind": "ImageRepository", "name": "*", "matchLabels": {"owner": "nobody"}}]}),
    "wildcard-bare": Asked(spec={"type": "generic", "resources": [{"kind": "ImageRepository", "name": "*"}]}),
    "wildcard-empty": Asked(spec={"type": "generic", "resources": [
        {"kind": "ImageRepository", "name": "*", "namespace": "lonely", "matchLabels": {}}]}),
    "named-labels": Asked(spec={"type": "generic", "resources": [
        {"kind": "ImageRepository", "name": "{name}-0", "matchLabels": {"owner": "nobody"}}]}),
    "no-version": Asked(spec={"type": "generic", "resources": [
        {"kind": "Kustomization", "name": "x"}, {"kind": "ImageRepository", "name": "{name}-0"}]}),
    "odd-version": Asked(spec={"type": "generic", "resources": [
        {"kind": "ImageRepository", "name": "{name}-0", "apiVersion": "image.toolkit.fluxcd.io/v1beta2"}]}),
    "missing-object": Asked(spec={"type": "generic", "resources": [
        {"kind": "ImageRepository", "name": "nowhere"}, {"kind": "ImageRepository", "name": "{name}-0"}]}),
    "elsewhere": Asked(spec={"type": "generic", "resources": [
        {"kind": "ImageRepository", "name": "target", "namespace": "lonely"}]}),
    "filtered": Asked(spec={"type": "generic", "resourceFilter": "req.go == true"}),
    "filtered-github": Asked(spec={"type": "github", "resourceFilter": "size(req) == 0"}),
    "expressions": _filters(*EXPRESSIONS),
    **{f"cel-{name}": Asked(spec={"type": "generic", "resourceFilter": text}) for name, text in DOUBTFUL.items()},
    "cel-resource": Asked(spec={"type": "generic", "filters": ["true", "req.tag =="]}, targets=2),
    "cel-variable": _oidc(_HTTPS | {"variables": [{"name": "a", "expression": "("}]}),
    "cel-validation": _oidc(_HTTPS | {"validations": [{"expression": "req.x", "message": "about req"}]}),
    "cel-validation-text": _oidc(_HTTPS | {"validations": [{"expression": "'x'", "message": "a text"}]}),
    "cel-over-claims": _oidc(_HTTPS, resourceFilter="vars.x == 1"),
    "interval": Asked(spec={"type": "generic", "interval": "90s"}),
}  # fmt: skip


def signed(body: bytes, header: str, algorithm: str = "sha256", /, **headers: str) -> Called:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Called(body=body, headers={"Content-Type": JSON, header: f"{algorithm}={mac(body, algorithm)}"} | named)


def sent(body: Any = b"{}", /, **headers: str) -> Called:
    raw = body if isinstance(body, bytes) else said(body)
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Called(body=raw, headers={"Content-Type": JSON} | named)


def asked_by(body: Any = b"{}", /, key: str = "good", alg: str = "RS256", **claims: Any) -> Called:
    raw = body if isinstance(body, bytes) else said(body)
    return Called(body=raw, headers={"Content-Type": JSON}, token={"key": key, "alg": alg, "claims": claims})


_NUMBERS = itertools.count(1)  # deliveries are numbered: one that came before is a replay to us
_FORM = urlencode({"payload": json.dumps(payloads.GHCR)}).encode()
_HUB = "X-Hub-Signature-256"
_BIG = {"n": 1, "tag": "v1.0.0", "list": [1, 2], "nested": {"deep": {"yes": True}}, "none": None}


def _google(inner: Any = payloads.GCR_INNER, **claims: Any) -> Called:
    data = base64.b64encode(inner if isinstance(inner, bytes) else said(inner)).decode()
    known = {"iss": "https://accounts.google.com", "aud": AUDIENCE, "email": EMAIL, "email_verified": True}
    return asked_by(payloads.gcr(data, next(_NUMBERS)), **known | claims)


CALLS: dict[str, dict[str, Called]] = {
    "generic": {
        **{f"method {method}": Called(method=method, body=b"") for method in
           ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")},
        "a query": Called(path="{path}?x=1"),
        "an empty query": Called(path="{path}?"),
        "a slash behind": Called(path="{path}/"),
        "two slashes": Called(path="/{path}"),
        "dots": Called(path="/hook/..{path}"),
        "an escaped letter": Called(path="/%68ook/0"),
        "the escaped path": Called(path="{escaped}"),
        "upper case": Called(path="{upper}"),
        "unknown": Called(path="/hook/" + "0" * 64),
        "unknown and short": Called(path="/hook/x"),
        "the folder": Called(path="/hook/"),
        "the folder without its slash": Called(path="/hook"),
        "the root": Called(path="/"),
        "another root": Called(path="/metrics"),
        "no JSON": sent(b"{"),
        "a text": sent(b"x", Content_Type="text/plain"),
        "no content type": Called(body=b"{}"),
        "a form": sent(b"a=b", Content_Type=FORM),
        "a body packed": sent(gzip.compress(b"{}"), Content_Encoding="gzip"),
        "1 MiB": sent(b" " * (1024 * 1024)),
        "1 MiB and a byte": sent(b" " * (1024 * 1024 + 1)),
        "3 MiB and a byte": sent(b" " * (3 * 1024 * 1024 + 1)),
        "deep nesting": sent(b"[" * 100_000),
    },
    "generic-hmac": {
        "sha256": signed(b"1", "X-Signature"), "sha1": signed(b"2", "X-Signature", "sha1"),
        "sha512": signed(b"3", "X-Signature", "sha512"),
        "upper case hex": sent(b"4", X_Signature="sha256=" + mac(b"4").upper()),
        "upper case algorithm": sent(b"5", X_Signature="SHA256=" + mac(b"5")),
        "no signature": sent(b"6"), "an empty signature": sent(b"6", X_Signature=""),
        "no algorithm": sent(b"7", X_Signature=mac(b"7")), "md5": signed(b"8", "X-Signature", "md5"),
        "of another body": sent(b"9", X_Signature="sha256=" + mac(b"x")),
        "by another token": sent(b"9", X_Signature="sha256=" + mac(b"9", token="guess")),
        "by an empty token": sent(b"9", X_Signature="sha256=" + mac(b"9", token="")),
        "cut short": sent(b"9", X_Signature="sha256=" + mac(b"9")[:-2]),
        "no hex": sent(b"9", X_Signature="sha256=" + "z" * 64), "blanks": sent(b"9",
            X_Signature="sha256= " + mac(b"9")),
        "an empty body": signed(b"", "X-Signature"),
        "the name of another header": signed(b"10", "X-Hub-Signature-256"),
    },
    "github": {
        "a package": signed(said(payloads.GHCR), _HUB, X_GitHub_Event="package"),
        "a ping by sha1": signed(b'{"zen": "a"}', "X-Hub-Signature", "sha1", X_GitHub_Event="ping"),
        "a package as form": signed(_FORM, _HUB, X_GitHub_Event="package", Content_Type=FORM),
        "another event": signed(b'{"n": 1}', _HUB, X_GitHub_Event="push"),
        "no event": signed(b'{"n": 2}', _HUB), "no signature": sent(payloads.GHCR, X_GitHub_Event="package"),
        "wrong signature": sent(payloads.GHCR, X_GitHub_Event="package", X_Hub_Signature_256="sha256=" + "0" * 64),
        "a good old signature and a bad new one": signed(
            b'{"n": 3}', "X-Hub-Signature", "sha1", X_GitHub_Event="ping", X_Hub_Signature_256="sha256=00"),
    },
    "github-any": {
        "a text": signed(b'{"n": 1}', _HUB, Content_Type="text/plain"),
        "JSON with a charset": signed(b'{"n": 2}', _HUB, Content_Type="application/json; charset=utf-8"),
        "JSON in capitals": signed(b'{"n": 3}', _HUB, Content_Type="Application/JSON"),
        "a broken content type": signed(b'{"n": 4}', _HUB, Content_Type="application/json; ="),
        "two content types": signed(b'{"n": 41}', _HUB, Content_Type="application/json, text/plain"),
        "no JSON": signed(b"{", _HUB), "an empty body": signed(b"", _HUB), "a list": signed(b"[]", _HUB),
        "a form without payload": signed(b"a=b", _HUB, Content_Type=FORM),
        "a form that is none": signed(b"%zz", _HUB, Content_Type=FORM),
        "a form with a semicolon": signed(b"a;b", _HUB, Content_Type=FORM),
        "a form without JSON": signed(b"payload=x", _HUB, Content_Type=FORM),
        "no content type": Called(body=b'{"n": 5}', headers={_HUB: "sha256=" + mac(b'{"n": 5}')}),
        "no event": signed(b'{"n": 6}', _HUB),
        "packed": signed(gzip.compress(b"{}", mtime=0), _HUB, Content_Encoding="gzip"),
        "deep nesting": signed(b"[" * 100_000, _HUB),
    },
    "gitlab": {
        "a push": sent(payloads.GITLAB, X_Gitlab_Token=TOKEN, X_Gitlab_Event="Push Hook"),
        "no JSON": sent(b"{", X_Gitlab_Token=TOKEN), "no token": sent(payloads.GITLAB, X_Gitlab_Event="Push Hook"),
        "a wrong token": sent(payloads.GITLAB, X_Gitlab_Token="s3cres"),
        "a token in capitals": sent(payloads.GITLAB, X_Gitlab_Token="S3CRET"),
    },
    "gitlab-events": {
        "a push": sent(payloads.GITLAB, X_Gitlab_Token=TOKEN, X_Gitlab_Event="push hook"),
        "another event": sent(payloads.GITLAB, X_Gitlab_Token=TOKEN, X_Gitlab_Event="Issue Hook"),
        "no event": sent(payloads.GITLAB, X_Gitlab_Token=TOKEN),
    },
    "bitbucket": {
        "a push": signed(said(payloads.BITBUCKET), "X-Hub-Signature", X_Event_Key="repo:push"),
        "a push by the other header": signed(b'{"n": 1}', _HUB, X_Event_Key="repo:push"),
        "no JSON": signed(b"{", "X-Hub-Signature", X_Event_Key="repo:push"),
        "a form": signed(b"payload=%7B%7D", "X-Hub-Signature", X_Event_Key="repo:push", Content_Type=FORM),
        "a text": signed(b"{ }", "X-Hub-Signature", X_Event_Key="repo:push", Content_Type="text/plain"),
        "another event": signed(b'{"n": 2}', "X-Hub-Signature", X_Event_Key="repo:fork"),
        "no signature": sent(payloads.BITBUCKET, X_Event_Key="repo:push"),
        "wrong signature": sent(payloads.BITBUCKET, X_Event_Key="repo:push", X_Hub_Signature="sha256=" + mac(b"x")),
    },
    "harbor": {
        "a push": sent(payloads.HARBOR, Authorization=TOKEN), "no JSON": sent(b"{", Authorization=TOKEN),
        "a cloud event": sent(payloads.HARBOR_CLOUD_EVENT, Authorization=TOKEN),
        "no header": sent(payloads.HARBOR), "a bearer": sent(payloads.HARBOR, Authorization=f"Bearer {TOKEN}"),
        "a wrong token": sent(payloads.HARBOR, Authorization="s3cres"),
    },
    **{type_: {
        "a push": sent(push), "an empty object": sent(b"{}"), "null": sent(b"null"), "a list": sent(b"[]"),
        "no JSON": sent(b"{"), "nothing": sent(b""), "a wrong type": sent(wrong), "a null field": sent(null),
        "a text": Called(body=said(push).replace(b"43cbb", b"43cbc").replace(b"566161", b"566162"),
            headers={"Content-Type": "text/plain"}),
        "something behind": sent(said(push).replace(b"43cbb", b"43cbd").replace(b"566161", b"566163") + b" x"),
            "deep nesting": sent(b"[" * 100_000),
    } for type_, push, wrong, null in (
        ("dockerhub", payloads.DOCKERHUB, {"push_data": {"tag": 1}}, {"push_data": None, "repository": None}),
        ("quay", payloads.QUAY, {"updated_tags": "1.0"}, {"docker_url": None, "updated_tags": None}),
        ("acr", payloads.ACR, {"target": {"tag": 1}}, {"action": None, "target": None}),
    )},
    "nexus": {
        "a component": sent(payloads.NEXUS, X_Nexus_Webhook_Signature=mac(said(payloads.NEXUS), "sha1")),
        "upper case hex": sent(b'{"n":1}', X_Nexus_Webhook_Signature=mac(b'{"n":1}', "sha1").upper()),
        "by sha256": sent(b'{"n":2}', X_Nexus_Webhook_Signature=mac(b'{"n":2}')),
        "with its algorithm": sent(b'{"n":3}', X_Nexus_Webhook_Signature="sha1=" + mac(b'{"n":3}', "sha1")),
        "no signature": sent(payloads.NEXUS), "of another body": sent(b"{ }", X_Nexus_Webhook_Signature=mac(b"",
            "sha1")),
        **{name: sent(body, X_Nexus_Webhook_Signature=mac(body, "sha1")) for name, body in (
            ("no JSON", b"{"), ("null", b"null"), ("a list", b"[]"), ("a wrong type", b'{"action": 1}'),
            ("something behind", b"{} x"), ("an empty object", b"{}"))},
    },
    "cdevents": {
        "an artifact": sent(payloads.CDEVENT, Ce_Type="dev.cdevents.artifact.published.0.2.0"),
        "no header": sent(payloads.CDEVENT | {"context": payloads.CDEVENT["context"] | {"id": "b"}}),
        "no event": sent(b'{"context": {}, "subject": {}}'), "no JSON": sent(b"{"),
    },
    "cdevents-one": {
        "an artifact": sent(payloads.CDEVENT, Ce_Type="dev.cdevents.artifact.published.0.2.0"),
        "another event": sent(payloads.CDEVENT, Ce_Type="dev.cdevents.change.merged.0.2.0"),
        "no header": sent(payloads.CDEVENT),
    },
    "gcr": {
        "a push": _google(), "a deletion": _google(payloads.GCR_INNER | {"action": "DELETE"}),
        "more fields than three": _google(payloads.GCR_INNER | {"more": "x"}), "fewer": _google({"action": "INSERT"}),
        "another issuer's name": _google(iss="accounts.google.com"), "a foreign issuer": _google(iss="https://evil.test"),
        "another audience": _google(aud="https://other.example.com"), "another email": _google(email="e@example.com"),
        "an unverified email": _google(email_verified=False),
            "an email verified by text": _google(email_verified="true"),
        "expired": _google(exp=-300), "expired a moment ago": _google(exp=-10), "no expiry": _google(exp=None),
        "no token": sent(payloads.gcr("e30=")), "no base64": asked_by(
            payloads.gcr("!!"), iss="https://accounts.google.com", aud=AUDIENCE, email=EMAIL, email_verified=True),
        "a bad time": asked_by({"message": {"data": "e30=", "publishTime": "yesterday"}},
            iss="https://accounts.google.com", aud=AUDIENCE, email=EMAIL, email_verified=True),
        "null inside": _google(b"null"), "a list inside": _google(b"[]"), "a wrong type inside": _google({"tag": 1}),
        "of another key": asked_by(payloads.gcr("e30="), key="other", iss="https://accounts.google.com",
            aud=AUDIENCE, email=EMAIL, email_verified=True),
    },
    "gcr-no-email": {"a push": _google()},
    "oidc": {
        "a token": asked_by(), "two audiences": asked_by(aud=["x", "notification-controller"]),
        "another subject": asked_by(sub="eve"), "another audience": asked_by(aud="x"), "no subject": asked_by(sub=None),
        "no audience": asked_by(aud=None), "another issuer": asked_by(iss="http://127.0.0.1:1"),
        "no issuer": asked_by(iss=None), "another key": asked_by(key="other"), "no algorithm": asked_by(alg="none"),
        "a symmetric algorithm": asked_by(alg="HS256"), "another algorithm": asked_by(alg="RS512"),
        "expired": asked_by(exp=-300), "expired a moment ago": asked_by(exp=-10), "no expiry": asked_by(exp=None),
        "not yet": asked_by(nbf=900), "not yet by two minutes": asked_by(nbf=120), "no token": sent(),
        "an empty token": sent(Authorization="Bearer "), "basic": sent(Authorization="Basic eDp5"),
        "no JWT": sent(Authorization="Bearer a.b"), "nonsense": sent(Authorization="Bearer a.b.c"),
        "no JSON": asked_by(b"{"), "a list": asked_by(b"[]"),
    },
    "oidc-numbers": {"a number": asked_by(n=1), "a text": asked_by(n="1")},
    "oidc-audience": {"mine": asked_by(aud="mine"), "the usual": asked_by()},
    **{name: {"a call": sent()} for name in (
        "no-secret", "no-token", "suspended", "suspended-later", "gone-secret", "wildcard", "wildcard-none",
        "wildcard-bare", "wildcard-empty", "named-labels", "no-version", "odd-version", "missing-object", "elsewhere",
        "cel-syntax", "empty-generic")},
    "empty-generic-hmac": {"signed with nothing": sent(b"1", X_Signature="sha256=" + mac(b"1", token="")),
                           "not signed": sent(b"2")},
    "empty-github": {"not signed": sent(b'{"a":1}'), "signed with nothing": sent(
        b'{"a":2}', X_Hub_Signature_256="sha256=" + mac(b'{"a":2}', token=""))},
    "empty-bitbucket": {"not signed": sent(b'{"a":1}')},
    "empty-gitlab": {"no header": sent(), "a token": sent(X_Gitlab_Token="x")},
    "empty-harbor": {"no header": sent(), "a token": sent(Authorization="x")},
    "empty-nexus": {"signed with nothing": sent(b"{}", X_Nexus_Webhook_Signature=mac(b"{}", "sha1", token=""))},
    "newline": {"without it": sent(Authorization=TOKEN)},
    "filtered": {
        "yes": sent({"go": True}), "no": sent({"go": False}), "another type": sent({"go": "true"}), "missing": sent({}),
        "a text": sent({"go": True}, Content_Type="text/plain"), "no JSON": sent(b"{"), "a list": sent(b"[]"),
        "null": sent(b"null"), "something behind": sent(b'{"go": true} x'), "no body": sent(b""),
        "two content types": sent(b'{"go": true }', Content_Type="application/json, text/plain"),
        "two content types, the other first": sent(b'{"go":  true}', Content_Type="text/plain, application/json"),
        "a charset": sent(b'{"go":true}', Content_Type="application/json; charset=utf-8"),
        "cloud events": sent(b'{"go":   true}', Content_Type="application/cloudevents+json"),
        "the key twice": sent(b'{"go": false, "go": true}'), "no UTF-8": sent(b'{"go": true, "x": "\xff"}'),
    },
    "filtered-github": {
        "a form": signed(b"payload=%7B%22a%22%3A1%7D", _HUB, Content_Type=FORM),
        "JSON": signed(b'{"a":1}', _HUB), "no JSON": signed(b"{", _HUB),
    },
    "expressions": {"a body": sent(_BIG), "a big number": sent(_BIG | {"big": 9007199254740993})},
}  # fmt: skip


def sha256_path(name: str, token: str, namespace: str) -> str:
    """Return the path as Flux's documentation says it is made."""
    return "/hook/" + hashlib.sha256(f"{token}{name}{namespace}".encode()).hexdigest()
