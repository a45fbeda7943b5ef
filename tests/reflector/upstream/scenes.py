"""The scenes: what users write into ImageRepositories and ImagePolicies, good and bad, and what registries answer."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import aiohttp

from gotk.oci import image
from tests.reflector.upstream.player import Operation, Scene

VERSIONS = ["1.0.0", "1.1.0", "v1.1.0", "1.2.0", "2.0.0-rc.1", "latest", "sha-abc.sig"]
NOBODY = {"type": "kubernetes.io/dockerconfigjson"}


def repository(name: str = "app", image: str = "PLAIN/NAMESPACE/app", interval: str = "10m", **spec: Any) -> Operation:
    meta = {"name": name, **spec.pop("metadata", {})}
    fields = {"image": image, "interval": interval, **spec}
    return {"create": {"kind": "ImageRepository", "metadata": meta, "spec": fields}}


def policy(name: str = "app", of: Any = None, semver: str | None = None, **spec: Any) -> Operation:
    if semver is not None:
        spec["policy"] = {"semver": {"range": semver}}
    fields = {"imageRepositoryRef": of or {"name": "app"}, **spec}
    return {"create": {"kind": "ImagePolicy", "metadata": {"name": name}, "spec": fields}}


def secret(name: str, type_: str = "Opaque", **data: str) -> Operation:
    data = {key.replace("__", "."): value for key, value in data.items()}
    return {"create": {"kind": "Secret", "metadata": {"name": name}, "type": type_, "stringData": data}}


def pull_secret(name: str = "pull", registry: str = "PLAIN", user: str = "jane", password: str = "s3cret") -> Operation:
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    config = json.dumps({"auths": {registry: {"username": user, "password": password, "auth": auth}}})
    return secret(name, "kubernetes.io/dockerconfigjson", __dockerconfigjson=config)


def change(kind: str, name: str = "app", **spec: Any) -> Operation:
    return {"patch": (kind, name, {"spec": spec})}


def request(kind: str, name: str = "app", at: str = "one") -> Operation:
    return {"patch": (kind, name, {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": at}}})}


def scan(name: str, shelf: dict[str, Any] | None = None, *before: Operation, **spec: Any) -> Scene:
    """One scan of one repository."""
    shelves = {} if shelf is None else {"app": shelf}
    return Scene(name, [[*before, repository(**spec)]], shelves)


def choice(name: str, tags: Sequence[str], **spec: Any) -> Scene:
    """One policy over one list of tags."""
    return Scene(name, [[repository()], [policy(**spec)]], {"app": {"tags": list(tags)}})


SCANS = [
    scan("tags are listed", {"tags": VERSIONS}),
    scan("twelve tags make ten latest ones", {"tags": [f"1.0.{n}" for n in range(12)]}),
    scan("a list in pages", {"tags": [f"1.0.{n}" for n in range(25)], "page": 10}),
    scan("an empty list", {"tags": []}),
    scan("tags are null", {"body": {"name": "app", "tags": None}}),
    scan("only excluded tags", {"tags": ["a.sig", "b.sig"]}),
    scan("a tag twice", {"tags": ["1.0.0", "1.0.0", "1.1.0"]}),
    scan("an unknown repository"),
    scan("unauthorized", {"user": "jane", "password": "s3cret"}),
    scan("forbidden", {"status": 403, "body": {"errors": [{"code": "DENIED", "message": "no"}]}}),
    scan("forbidden without a body", {"status": 403, "text": ""}),
    scan("not found without a body", {"status": 404, "text": ""}),
    scan("not found with a page", {"status": 404, "text": "<html>gone</html>"}),
    scan("an error of the client", {"status": 400, "text": "what"}),
    scan("a list that is a page", {"text": "<html>login</html>"}),
    scan("a list of other things", {"body": {"name": "app", "tags": [1, 2]}}),
    scan("two errors", {"status": 403, "body": {"errors": [{"code": "DENIED", "message": "no"},
                                                           {"code": "UNSUPPORTED", "message": "never"}]}}),
    scan("an error without a message", {"status": 403, "body": {"errors": [{"code": "DENIED"}]}}),
    scan("an error with detail", {"status": 404, "body": {"errors": [
        {"code": "NAME_UNKNOWN", "message": "repository name not known to registry", "detail": {"name": "x"}}]}}),
    scan("an image with a scheme", {}, image="https://PLAIN/NAMESPACE/app"),
    scan("an image with a tag", {}, image="PLAIN/NAMESPACE/app:1.0"),
    scan("an image with a digest", {}, image="PLAIN/NAMESPACE/app@sha256:" + "a" * 64),
    scan("an image in capitals", {}, image="PLAIN/NAMESPACE/App"),
    scan("an image with a blank", {}, image="PLAIN/NAMESPACE/a pp"),
    scan("an image without a name", {}, image="PLAIN/"),
    scan("an image with a bad port", {}, image="localhost:port/app"),
    scan("an image of one letter", {}, image="PLAIN/NAMESPACE//app"),
    scan("a closed port", {}, image="127.0.0.1:1/app"),
    scan("a pattern that is no regular expression", {"tags": VERSIONS}, exclusionList=["(", "["]),
    scan("a pattern with a look-behind", {"tags": VERSIONS}, exclusionList=["(?<!a)b"]),
    scan("excluded tags", {"tags": VERSIONS}, exclusionList=["^v", "^latest$"]),
    scan("an empty exclusion list", {"tags": VERSIONS}, exclusionList=[]),
    scan("the pull secret is missing", {"tags": VERSIONS}, secretRef={"name": "pull"}),
    scan("the pull secret is no pull secret", {"tags": VERSIONS}, secret("pull", password="x"),
         secretRef={"name": "pull"}),
    scan("the pull secret lacks the registry", {"tags": VERSIONS, "user": "jane", "password": "s3cret"},
         pull_secret(registry="elsewhere.example.com"), secretRef={"name": "pull"}),
    scan("the pull secret is right", {"tags": VERSIONS, "user": "jane", "password": "s3cret"},
         pull_secret(), secretRef={"name": "pull"}),
    scan("the pull secret is wrong", {"tags": VERSIONS, "user": "jane", "password": "s3cret"},
         pull_secret(password="wr0ng"), secretRef={"name": "pull"}),
    scan("the pull secret is not JSON", {"tags": VERSIONS},
         secret("pull", "kubernetes.io/dockerconfigjson", __dockerconfigjson="no"), secretRef={"name": "pull"}),
    scan("the service account is missing", {"tags": VERSIONS}, serviceAccountName="robot"),
    scan("the service account has a pull secret", {"tags": VERSIONS, "user": "jane", "password": "s3cret"},
         pull_secret(), {"create": {"kind": "ServiceAccount", "metadata": {"name": "robot"},
                                    "imagePullSecrets": [{"name": "pull"}]}}, serviceAccountName="robot"),
    scan("the service account names a missing secret", {"tags": VERSIONS},
         {"create": {"kind": "ServiceAccount", "metadata": {"name": "robot"},
                     "imagePullSecrets": [{"name": "pull"}]}}, serviceAccountName="robot"),
    scan("the service account of a provider needs a gate", {"tags": VERSIONS}, provider="aws",
         serviceAccountName="robot"),
    scan("a provider of another registry", {"tags": VERSIONS}, provider="aws"),
    scan("the certificate secret is missing", {"tags": VERSIONS}, certSecretRef={"name": "tls"}),
    scan("the certificate secret is empty", {"tags": VERSIONS}, secret("tls", other="x"),
         certSecretRef={"name": "tls"}),
    scan("the certificate secret has no key", {"tags": VERSIONS}, secret("tls", tls__crt="AUTHORITY"),
         certSecretRef={"name": "tls"}),
    scan("the certificate secret has no certificate", {"tags": VERSIONS}, secret("tls", tls__key="x"),
         certSecretRef={"name": "tls"}),
    scan("the certificate secret holds nonsense", {"tags": VERSIONS}, secret("tls", ca__crt="nonsense"),
         certSecretRef={"name": "tls"}),
    scan("the certificate and key are nonsense", {"tags": VERSIONS}, secret("tls", tls__crt="no", tls__key="no"),
         certSecretRef={"name": "tls"}),
    scan("the certificate secret holds the authority", {"tags": VERSIONS}, secret("tls", ca__crt="AUTHORITY"),
         image="SECURE/NAMESPACE/app", certSecretRef={"name": "tls"}),
    scan("an old certificate secret", {"tags": VERSIONS}, secret("tls", caFile="AUTHORITY"),
         image="SECURE/NAMESPACE/app", certSecretRef={"name": "tls"}),
    scan("an unknown authority", {"tags": VERSIONS}, image="STRANGE/NAMESPACE/app"),
    scan("insecure", {"tags": VERSIONS}, insecure=True),
    scan("the proxy secret is missing", {"tags": VERSIONS}, proxySecretRef={"name": "proxy"}),
    scan("the proxy secret lacks the address", {"tags": VERSIONS}, secret("proxy", username="x"),
         proxySecretRef={"name": "proxy"}),
    scan("the proxy address is empty", {"tags": VERSIONS}, secret("proxy", address=""),
         proxySecretRef={"name": "proxy"}),
    scan("the proxy address is no URL", {"tags": VERSIONS}, secret("proxy", address="http://[::1"),
         proxySecretRef={"name": "proxy"}),
    scan("a suspended repository", {"tags": VERSIONS}, suspend=True),
    scan("ten thousand tags", {"tags": [f"1.{n // 100}.{n % 100}" for n in range(10_000)], "page": 1000}),
    scan("too many requests", {"status": 429, "text": ""}, image="BUSY/NAMESPACE/app"),
    scan("a registry that is down", {"status": 503, "text": "soon"}, image="DOWN/NAMESPACE/app"),
    scan("a registry that never answers", {"silent": True}, timeout="1s"),
    scan("plain HTTP far away", {"tags": VERSIONS}, secret("proxy", address="PROXY"),
         image="FAR/NAMESPACE/app", proxySecretRef={"name": "proxy"}),
    scan("plain HTTP far away and insecure", {"tags": VERSIONS}, secret("proxy", address="PROXY"),
         image="FAR/NAMESPACE/app", proxySecretRef={"name": "proxy"}, insecure=True),
    scan("a closed port of the proxy", {"tags": VERSIONS}, secret("proxy", address="http://127.0.0.1:1"),
         image="FAR/NAMESPACE/app", proxySecretRef={"name": "proxy"}),
]  # fmt: skip

LIVES = [
    Scene("tags come", [[repository()],
                        [{"shelf": ("app", {"tags": [*VERSIONS, "3.0.0"]})}, request("ImageRepository")]],
          {"app": {"tags": VERSIONS}}),
    Scene("nothing new at a requested scan", [[repository()], [request("ImageRepository")]],
          {"app": {"tags": VERSIONS}}),
    Scene("a request of both", [[repository()], [policy(semver="1.x")],
                                [request("ImageRepository"), request("ImagePolicy")]], {"app": {"tags": VERSIONS}}),
    Scene("the image changes", [[repository()], [change("ImageRepository", image="PLAIN/NAMESPACE/other")]],
          {"app": {"tags": VERSIONS}, "other": {"tags": ["9.0.0"]}}),
    Scene("the image changes to a bad one", [[repository()], [change("ImageRepository", image="PLAIN/NAMESPACE/app:1")],
                                             [change("ImageRepository", image="PLAIN/NAMESPACE/app")]],
          {"app": {"tags": VERSIONS}}),
    Scene("the exclusion list changes", [[repository()], [change("ImageRepository", exclusionList=["^v"])],
                                         [change("ImageRepository", exclusionList=["("])],
                                         [change("ImageRepository", exclusionList=None)]], {"app": {"tags": VERSIONS}}),
    Scene("the interval changes", [[repository()], [change("ImageRepository", interval="20m")]],
          {"app": {"tags": VERSIONS}}),
    Scene("the registry fails later", [[repository()], [policy(semver="1.x")],
                                       [{"no shelf": "app"}, request("ImageRepository")],
                                       [change("ImageRepository", image="PLAIN/NAMESPACE/other")]],
          {"app": {"tags": VERSIONS}, "other": {"tags": VERSIONS}}),
    Scene("suspended and resumed", [[repository()], [change("ImageRepository", suspend=True)],
                                    [{"shelf": ("app", {"tags": [*VERSIONS, "3.0.0"]})}, request("ImageRepository")],
                                    [change("ImageRepository", suspend=False)]], {"app": {"tags": VERSIONS}}),
    Scene("a repository is deleted", [[repository()], [policy(semver="1.x")], [{"delete": ("ImageRepository", "app")}]],
          {"app": {"tags": VERSIONS}}),
    Scene("a suspended repository is deleted", [[repository(suspend=True)], [{"delete": ("ImageRepository", "app")}]]),
    Scene("a policy is deleted", [[repository()], [policy(semver="1.x")], [{"delete": ("ImagePolicy", "app")}]],
          {"app": {"tags": VERSIONS}}),
    Scene("a policy comes first", [[policy(semver="1.x")], [repository()]], {"app": {"tags": VERSIONS, "late": True}}),
    Scene("a policy of a repository that cannot be scanned", [[repository()], [policy(semver="1.x")],
                                                               [change("ImageRepository",
                                                                       image="PLAIN/NAMESPACE/other")]],
          {"other": {"tags": VERSIONS}}),
    Scene("a policy of an empty repository", [[repository()], [policy(semver="1.x")],
                                              [{"shelf": ("app", {"tags": VERSIONS})}, request("ImageRepository")]],
          {"app": {"tags": []}}),
    Scene("a policy of a bad image", [[repository(image="PLAIN/NAMESPACE/app:1")], [policy(semver="1.x")]]),
    Scene("a policy of a gated repository", [[repository(provider="aws", serviceAccountName="robot")],
                                             [policy(semver="1.x")]]),
    Scene("a newer tag", [[repository()], [policy(semver="*")],
                          [{"shelf": ("app", {"tags": [*VERSIONS, "3.0.0"]})}, request("ImageRepository")],
                          [request("ImagePolicy")]], {"app": {"tags": VERSIONS}}),
    Scene("a range changes", [[repository()], [policy(semver="1.0.x")],
                              [change("ImagePolicy", policy={"semver": {"range": "1.x"}})],
                              [change("ImagePolicy", policy={"semver": {"range": "no"}})],
                              [change("ImagePolicy", policy={"semver": {"range": "9.x"}})],
                              [change("ImagePolicy", policy={"semver": {"range": "1.x"}})]],
          {"app": {"tags": VERSIONS}}),
    Scene("the image of a policy changes", [[repository()], [policy(semver="*")],
                                            [change("ImageRepository", image="PLAIN/NAMESPACE/other")]],
          {"app": {"tags": VERSIONS}, "other": {"tags": ["9.0.0"]}}),
    Scene("a suspended policy", [[repository()], [policy(semver="1.x", suspend=True)],
                                 [change("ImagePolicy", suspend=False)], [change("ImagePolicy", suspend=True)],
                                 [change("ImagePolicy", policy={"semver": {"range": "1.0.x"}})],
                                 [change("ImagePolicy", suspend=False)]], {"app": {"tags": VERSIONS}}),
    Scene("a policy of another namespace", [[repository()],
                                            [policy(of={"name": "app", "namespace": "default"}, semver="1.x")]],
          {"app": {"tags": VERSIONS}}),
    Scene("an annotation for events", [[repository(metadata={"annotations": {"event.toolkit.fluxcd.io/team": "blue",
                                                                             "other": "x"}})]],
          {"app": {"tags": VERSIONS}}),
    Scene("two repositories of one image", [[repository(), repository("twin")],
                                            [policy(of={"name": "twin"}, semver="1.x")],
                                            [{"delete": ("ImageRepository", "app")}], [request("ImagePolicy")]],
          {"app": {"tags": VERSIONS}}),
]  # fmt: skip

DIGESTS = [
    Scene("no digest unless asked for", [[repository()], [policy(semver="1.x")]], {"app": {"tags": VERSIONS}}),
    Scene("a digest if not present", [[repository()], [policy(semver="1.x", digestReflectionPolicy="IfNotPresent")],
                                      [{"shelf": ("app", {"tags": VERSIONS, "salt": "moved"})}, request("ImagePolicy")],
                                      [{"shelf": ("app", {"tags": [*VERSIONS, "1.3.0"], "salt": "moved"})},
                                       request("ImageRepository")]], {"app": {"tags": VERSIONS}}),
    Scene("always a digest", [[repository()], [policy(semver="1.x", digestReflectionPolicy="Always", interval="10m")],
                              [{"shelf": ("app", {"tags": VERSIONS, "salt": "moved"})}, request("ImagePolicy")],
                              [request("ImagePolicy", at="two")],
                              [change("ImagePolicy", digestReflectionPolicy="Never", interval=None)],
                              [change("ImagePolicy", digestReflectionPolicy="IfNotPresent")]],
          {"app": {"tags": VERSIONS}}),
    Scene("always needs an interval", [[repository()], [policy(semver="1.x", digestReflectionPolicy="Always")]],
          {"app": {"tags": VERSIONS}}),
    Scene("an interval needs always", [[repository()], [policy(semver="1.x", digestReflectionPolicy="IfNotPresent",
                                                               interval="10m")]], {"app": {"tags": VERSIONS}}),
    Scene("an interval without reflection", [[repository()], [policy(semver="1.x", interval="10m")]],
          {"app": {"tags": VERSIONS}}),
    Scene("the manifest is gone", [[repository()], [{"shelf": ("app", {"tags": []})},
                                                    policy(semver="1.x", digestReflectionPolicy="IfNotPresent")]],
          {"app": {"tags": VERSIONS}}),
    Scene("the digest of a private image", [[pull_secret(), repository(secretRef={"name": "pull"})],
                                            [policy(semver="1.x", digestReflectionPolicy="IfNotPresent")],
                                            [{"delete": ("Secret", "pull")},
                                             change("ImagePolicy", policy={"semver": {"range": "1.0.x"}})]],
          {"app": {"tags": VERSIONS, "user": "jane", "password": "s3cret"}}),
    Scene("the digest is forbidden", [[repository()],
                                      [{"shelf": ("app", {"status": 403, "text": ""})},
                                       policy(semver="1.x", digestReflectionPolicy="IfNotPresent")]],
          {"app": {"tags": VERSIONS}}),
    Scene("the digest of an insecure image", [[repository(insecure=True)],
                                              [policy(semver="1.x", digestReflectionPolicy="IfNotPresent")]],
          {"app": {"tags": VERSIONS}}),
    Scene("the digest over TLS", [[secret("tls", ca__crt="AUTHORITY"),
                                   repository(image="SECURE/NAMESPACE/app", certSecretRef={"name": "tls"})],
                                  [policy(semver="1.x", digestReflectionPolicy="IfNotPresent")]],
          {"app": {"tags": VERSIONS}}),
]  # fmt: skip

CHOICES = [
    choice("a range", VERSIONS, semver="1.x"),
    choice("a range with prereleases", VERSIONS, semver=">=1.0.0-0"),
    choice("equal versions", ["1.0.0", "v1.0.0", "1.0.0+a", "1.0.0+b"], semver="*"),
    choice("a bad range", VERSIONS, semver="one"),
    choice("an empty range", VERSIONS, semver=""),
    choice("no match", VERSIONS, semver="9.x"),
    choice("alphabetical", VERSIONS, policy={"alphabetical": {}}),
    choice("alphabetical descending", VERSIONS, policy={"alphabetical": {"order": "desc"}}),
    choice("numerical", ["1", "20", "3"], policy={"numerical": {"order": "asc"}}),
    choice("numerical descending", ["1", "20", "3"], policy={"numerical": {"order": "desc"}}),
    choice("numerical with words", ["1", "two", "3"], policy={"numerical": {"order": "asc"}}),
    choice("no policy at all", VERSIONS, policy={}),
    choice("two policies", VERSIONS, policy={"semver": {"range": "1.0.x"}, "alphabetical": {}}),
    choice("a filter", ["main-1", "main-2", "dev-3"], policy={"alphabetical": {}}, filterTags={"pattern": "^main-"}),
    choice("a filter with extract", ["main-a-1", "main-b-20", "main-c-3"], policy={"numerical": {"order": "asc"}},
           filterTags={"pattern": "^main-[a-z]+-(?P<n>[0-9]+)$", "extract": "$n"}),
    choice("an extract without such a group", ["main-1", "main-2"], policy={"alphabetical": {}},
           filterTags={"pattern": "^main-(?P<n>.*)$", "extract": "$m"}),
    choice("an extract that is not closed", ["main-1", "main-2"], policy={"alphabetical": {}},
           filterTags={"pattern": "^main-(?P<n>.*)$", "extract": "${n"}),
    choice("an extract that runs on", ["main-1", "main-2"], policy={"alphabetical": {}},
           filterTags={"pattern": "^main-(?P<n>.*)$", "extract": "$nx"}),
    choice("a bad pattern", VERSIONS, policy={"alphabetical": {}}, filterTags={"pattern": "("}),
    choice("a filter that lets nothing in", VERSIONS, policy={"alphabetical": {}}, filterTags={"pattern": "^x$"}),
    choice("an empty filter", VERSIONS, policy={"alphabetical": {}}, filterTags={}),
    choice("semver of extracts", ["v1-2-3", "v1-10-0"], semver="1.x",
           filterTags={"pattern": "^v([0-9]+)-([0-9]+)-([0-9]+)$", "extract": "$1.$2.$3"}),
]  # fmt: skip


def _across(name: str, access: Any, labels: dict[str, str]) -> Scene:
    """A policy in the scene's namespace, and its repository in one beside it."""
    there = {"create": {"kind": "Namespace", "metadata": {"name": "NAMESPACE-there"}}}
    obj = {"kind": "ImageRepository", "metadata": {"name": "app", "namespace": "NAMESPACE-there"},
           "spec": {"image": "PLAIN/NAMESPACE/app", "interval": "10m", **access}}  # fmt: skip
    label = {"patch": ("Namespace", "NAMESPACE", {"metadata": {"labels": labels}})}
    return Scene(name, [[there, label, {"create": obj}],
                        [policy(of={"name": "app", "namespace": "NAMESPACE-there"}, semver="1.x")]],
                 {"app": {"tags": VERSIONS}})  # fmt: skip


def _let_in(*labels: dict[str, str]) -> dict[str, Any]:
    return {"accessFrom": {"namespaceSelectors": [{"matchLabels": label} for label in labels]}}


ACROSS = [
    _across("another namespace without access", {}, {}),
    _across("another namespace with access for all", _let_in({}), {}),
    _across("another namespace with access by label", _let_in({"team": "blue"}), {"team": "blue"}),
    _across("another namespace with other labels", _let_in({"team": "blue"}), {"team": "red"}),
    _across("another namespace with access for none", {"accessFrom": {"namespaceSelectors": []}}, {}),
    _across(
        "another namespace with two labels of one", _let_in({"team": "blue", "x": "y"}, {"a": "b"}), {"team": "blue"}
    ),
]

#: On the content that `stock` pushes to a registry of another make.
STOCKED = [
    Scene("a real registry", [[repository(image="DOCKER/team/app")],
                              [policy(semver="1.0.x", digestReflectionPolicy="IfNotPresent"),
                               policy("always", semver="1.x", digestReflectionPolicy="Always", interval="1h")],
                              [request("ImageRepository"), request("ImagePolicy", "always")]]),
    Scene("an unknown repository of a real registry", [[repository(image="DOCKER/team/none")]]),
    Scene("an unknown manifest of a real registry",
          [[repository(image="DOCKER/team/app", exclusionList=["^1"])],
           [policy(digestReflectionPolicy="IfNotPresent", policy={"alphabetical": {}})]]),
]  # fmt: skip


async def stock(address: str) -> None:
    """Push one image under a hundred and twenty tags."""
    one, headers = image.build_image(), {"Content-Type": image.MANIFEST_TYPE}
    await image.push_image(f"http://{address}", "team/app", "2.0.0-rc.1", one)
    async with aiohttp.ClientSession(base_url=f"http://{address}", headers=headers) as session:
        for number in range(120):
            tag = f"{'v' * (number % 2)}1.{number // 60}.{number % 60}"
            async with session.put(f"/v2/team/app/manifests/{tag}", data=one.manifest) as response:
                response.raise_for_status()


SCENES: list[Scene] = [*SCANS, *LIVES, *DIGESTS, *CHOICES, *ACROSS]
