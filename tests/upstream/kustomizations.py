"""The table of Kustomizations. What ours does otherwise on purpose stands in `kustomization_differences`."""

from tests.upstream import scene
from tests.upstream.kustomization_play import Case, Then, configmap

_A, _B = configmap("a"), configmap("b")
_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: '@NS'
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: 'a/web:1.0'}
"""
_BROKEN = "apiVersion: v1\nkind: ConfigMap\nmetadata: [\n"
_NAMESPACELESS = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {k: v}\n"
_VARIABLES = configmap("a", k="${one}", d="${two:=zwei}", e="$${one}")
_DEPENDENCY = {
    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
    "kind": "Kustomization",
    "metadata": {"name": "base", "labels": {"aside": ""}},
    "spec": {
        "interval": "1h", "prune": True, "path": "./no", "suspend": True,
        "sourceRef": {"kind": "GitRepository", "name": "fleet"},
    },
}  # fmt: skip


def one(text: str = _A, **changes) -> Case:
    """A case of one file."""
    return Case(files={"a.yaml": text}, **changes)


def spec(files: dict[str, str] | None = None, **fields) -> Case:
    """A case of some fields, over one file where no others are given."""
    return Case(files=files or {"a.yaml": _A}, spec=fields)


def revised(after: str, **fields) -> Case:
    """A case of two files and another revision."""
    return Case(files={"a.yaml": _A, "b.yaml": _B}, spec=fields, then=[Then(files={"a.yaml": after})])


CASES: dict[str, Case] = {
    "plain": one(),
    "deployment": one(_DEPLOYMENT),
    "kustomization-file": Case(
        files={"kustomization.yaml": "resources: [a.yaml]\ncommonLabels: {x: y}\n", "a.yaml": _A, "b.yaml": _B}
    ),
    "kustomization-file-of-odd-scalars": Case(
        files={
            "kustomization.yaml": "resources: [a.yaml]\n"
            "commonAnnotations: {a: 1, b: 1.20, c: no, d: 0x10, e: 2024-01-01}\n"
            "labels: [{pairs: {f: 'y'}}]\nimages: [{name: a/web, newTag: 1.20}]\nnamePrefix: 1\n",
            "a.yaml": _DEPLOYMENT,
        }
    ),
    "apply-failure-after-some": one(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: some-@NS}\n---\n"
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: A_B, namespace: '@NS'}\n"
    ),
    "folders": Case(files={"x/a.yaml": _A, "y/b.yml": _B, "z/note.txt": "n"}),
    "path": Case(files={"x/a.yaml": _A, "y/b.yaml": _B}, spec={"path": "./x"}),
    "path-missing": spec(path="./no"),
    "path-that-climbs": spec(path="../../x"),
    "nothing": Case(files={"README.md": "x"}),
    "build-failure": one(_BROKEN),
    "build-failure-of-a-kustomization": Case(files={"kustomization.yaml": "resources: [no.yaml]\n"}),
    "no-object": one("a: 1\n"),
    "duplicates": Case(files={"a.yaml": _A, "b.yaml": _A}),
    "apply-failure": one("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: A_B, namespace: '@NS'}\n"),
    "apply-failure-of-an-unknown-kind": one("apiVersion: x.y/v1\nkind: Z\nmetadata: {name: z, namespace: '@NS'}\n"),
    "apply-failure-of-a-missing-namespace": one(_A.replace("@NS", "nowhere-@NS")),
    "apply-failure-of-an-unknown-field": one(_DEPLOYMENT + "      nonsense: 1\n"),
    "namespace-with-its-objects": one(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: made-@NS}\n---\n" + _A.replace("@NS", "made-@NS")
    ),
    "health-of-a-check": spec(
        healthChecks=[{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "namespace": "@NS"}]
    ),
    "wait": spec(wait=True),
    "prune": revised(_A),
    "prune-not": revised(_A, prune=False),
    "prune-disabled-on-an-object": Case(
        files={
            "a.yaml": _A,
            "b.yaml": _B.replace(
                "  namespace", "  annotations: {kustomize.toolkit.fluxcd.io/prune: disabled}\n  namespace"
            ),
        },
        then=[Then(files={"a.yaml": _A})],
    ),
    "changed": revised(configmap("a", k="w")),
    "broken-after": revised(_BROKEN),
    "broken-then-mended": Case(files={"a.yaml": _BROKEN}, then=[Then(files={"a.yaml": _A})]),
    "asked-for-again": one(then=[Then()]),
    "spec-changed": one(then=[Then(patch={"spec": {"targetNamespace": "default", "namePrefix": "spec-changed-"}})]),
    "suspended": Case(files={"a.yaml": _A}, spec={"suspend": True}, until=scene.seen),
    "target-namespace": Case(files={"a.yaml": _NAMESPACELESS}, spec={"targetNamespace": "@NS"}),
    "name-prefix-and-suffix": spec(namePrefix="p-", nameSuffix="-s"),
    "common-metadata": spec(commonMetadata={"labels": {"l": "1"}, "annotations": {"n": "2"}}),
    "patches": spec(patches=[{"patch": "- {op: add, path: /data/x, value: why}", "target": {"kind": "ConfigMap"}}]),
    "patches-that-merge": spec(
        patches=[{"patch": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: '@NS'}\ndata: {x: why}\n"}]
    ),
    "patches-that-fail": spec(patches=[{"patch": "- {op: remove, path: /data/no}", "target": {"kind": "ConfigMap"}}]),
    "images": spec({"a.yaml": _DEPLOYMENT}, images=[{"name": "a/web", "newName": "b/web", "newTag": "2"}]),
    "images-by-digest": spec({"a.yaml": _DEPLOYMENT}, images=[{"name": "a/web", "digest": "sha256:" + "0" * 64}]),
    "components": spec(
        {
            "app/a.yaml": _A,
            "extra/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\n"
            "kind: Component\nresources: [b.yaml]\n",
            "extra/b.yaml": _B,
        },
        path="./app",
        components=["../extra"],
    ),
    "components-missing": spec(components=["../no"]),
    "components-missing-and-ignored": spec(components=["../no"], ignoreMissingComponents=True),
    "substitute": spec({"a.yaml": _VARIABLES}, postBuild={"substitute": {"one": "uno"}}),
    "substitute-of-a-number": spec({"a.yaml": _VARIABLES}, postBuild={"substitute": {"one": "1"}}),
    "substitute-nothing": spec({"a.yaml": _VARIABLES}, postBuild={"substitute": {"other": "1"}}),
    "substitute-from": Case(
        files={"a.yaml": _VARIABLES},
        spec={"postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "vars"}]}},
        objects=[{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "vars"}, "data": {"one": "uno"}}],
    ),
    "substitute-from-what-is-missing": spec(
        {"a.yaml": _VARIABLES}, postBuild={"substituteFrom": [{"kind": "Secret", "name": "no"}]}
    ),
    "substitute-from-what-is-optional": spec(
        {"a.yaml": _VARIABLES},
        postBuild={
            "substitute": {"one": "uno"},
            "substituteFrom": [{"kind": "Secret", "name": "no", "optional": True}],
        },
    ),
    "substitute-by-a-bad-name": spec({"a.yaml": _VARIABLES}, postBuild={"substitute": {"1-x": "1"}}),
    "depends-on-what-is-missing": spec(dependsOn=[{"name": "no"}]),
    "depends-on-what-is-not-ready": Case(
        files={"a.yaml": _A}, spec={"dependsOn": [{"name": "base"}]}, objects=[_DEPENDENCY]
    ),
    "depends-on-itself": spec(dependsOn=[{"name": "apps"}]),
    "force-not": Case(
        files={"a.yaml": "immutable: true\n" + _A},
        then=[Then(files={"a.yaml": "immutable: true\n" + configmap("a", k="w")})],
    ),
    "force": Case(
        files={"a.yaml": "immutable: true\n" + _A},
        spec={"force": True},
        then=[Then(files={"a.yaml": "immutable: true\n" + configmap("a", k="w")})],
    ),
    "reconcile-disabled-on-an-object": one(
        _A.replace("  namespace", "  annotations: {kustomize.toolkit.fluxcd.io/reconcile: disabled}\n  namespace")
    ),
    "source-missing": Case(files={"a.yaml": _A}, source=False),
    "source-without-an-artifact": Case(files={"a.yaml": _A}, artifact=False),
    "source-of-another-digest": Case(files={"a.yaml": _A}, digest=False),
    "build-metadata": spec(buildMetadata=["originAnnotations"]),
    "retry-interval-left-out": Case(files={"a.yaml": _BROKEN}, spec={"retryInterval": None}),
    "timeout-left-out": spec(timeout=None),
}
