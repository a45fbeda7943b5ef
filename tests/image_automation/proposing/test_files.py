"""Which images are seen in a file, and which bytes a marker changes."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_automation.proposing import files
from image_automation.update import rewrite

CORPUS = Path(__file__).parents[1] / "update" / "corpus"

POD = "kind: Deployment\napiVersion: apps/v1\nspec: {template: {spec: {containers: [\n%s\n]}}}\n"
CRON = """kind: CronJob
apiVersion: batch/v1
spec:
  jobTemplate:
    spec:
      template:
        spec:
          initContainers:
          - image: x/job:2
"""
LIST = """kind: List
apiVersion: v1
items:
- kind: Pod
  apiVersion: v1
  spec:
    containers:
    - image: x/web:1.0
"""
VOLUME = """kind: Pod
apiVersion: v1
spec:
  volumes:
  - image:
      reference: x/data:1.0
"""
FLUX = """kind: Kustomization
apiVersion: kustomize.toolkit.fluxcd.io/v1
spec:
  images:
  - name: x/web
    newTag: v1.0
"""
RELEASE = """kind: HelmRelease
apiVersion: helm.toolkit.fluxcd.io/v2
spec:
  values:
    web:
      image:
        registry: ghcr.io
        repository: x/web
        tag: 1.0.0
    toolImage: x/tool:3
"""
OPERATOR = RELEASE.replace("helm.toolkit.fluxcd.io/v2", "helm.fluxcd.io/v1")
BUNDLE = "helm:\n  values:\n    image:\n      repository: x/web\n      tag: 1.0.0\n"
COMPOSE = """services:
  a: {image: 'localhost:5000/a:1'}
  b: {build: ., image: b:1}
"""
PATCH = """- op: replace
  path: /spec/template/spec/containers/0/image
  value: x/web:1.0
"""
KUSTOMIZATION = "images:\n- name: web\n  newName: x/web\n  newTag: '1.0'\n"
SEEN = [
    ("a pod template", "a.yaml", POD % "{image: x/web:1.0}", ["x/web:1.0"]),
    ("a cron job", "a.yaml", CRON, ["x/job:2"]),
    ("a list", "a.yaml", LIST, ["x/web:1.0"]),
    ("a volume", "a.yaml", VOLUME, ["x/data:1.0"]),
    ("a kustomization", "kustomization.yaml", KUSTOMIZATION, ["x/web:1.0 tag"]),
    ("Flux's kustomization", "a.yaml", FLUX, ["x/web:v1.0 tag"]),
    ("a release's values", "a.yaml", RELEASE, ["ghcr.io/x/web:1.0.0 tag", "x/tool:3"]),
    ("a release of the Helm Operator", "a.yaml", OPERATOR, ["ghcr.io/x/web:1.0.0 tag", "x/tool:3"]),
    ("a bundle of Fleet's", "apps/fleet.yaml", BUNDLE, ["x/web:1.0.0 tag"]),
    ("image beside tag", "values.yaml", "image: x/web\ntag: 1.0.0\n", ["x/web:1.0.0 tag"]),
    ("a values file", "web-values.yml", "image: {\n repository: x/web,\n tag: 1.0.0\n}\n", ["x/web:1.0.0 tag"]),
    ("a compose file", "compose.yaml", COMPOSE, ["localhost:5000/a:1"]),
    ("a JSON patch", "patch.yaml", PATCH, ["x/web:1.0"]),
    ("another file", "notes.yaml", "image: x/web:1.0\n", []),
    ("a chart's address", "values.yaml", "repository: https://charts.example.com\ntag: 1\n", []),
    ("an installation", "flux-system/gotk-components.yaml", POD % "{image: x/web:1.0}", []),
    ("a template", "templates/a.yaml", "{{ if .Values.image }}\nkind: Pod\n", []),
]


@pytest.mark.parametrize(("path", "text", "images"), [row[1:] for row in SEEN], ids=[row[0] for row in SEEN])
def test_images_are_seen_in(path: str, text: str, images: list[str]):
    found = files.read(path, text.encode())
    seen = [each.place for each in found.sightings] if found else []
    assert [f"{place.image}:{place.tag} {place.part}".strip() for place in seen] == images


def test_what_decides_by_a_digest_is_no_tag_to_follow():
    found = files.read("kustomization.yaml", b"images:\n- name: x\n  newTag: '1'\n  digest: sha256:0\n")
    assert found is not None
    assert found.sightings[0].place.cause.startswith("its digest decides")


@pytest.mark.parametrize(
    ("container", "cause"),
    [
        ("{name: a, image: 'x:1', tty: true}", "it stands in brackets on one line with others"),
        ("{image: 'x:1'} # yes", "it stands in brackets"),
        ("{\n image: 'x:1', # yes\n}", "its line has a comment"),
    ],
)
def test_what_cannot_be_marked_keeps_its_bytes_and_has_a_cause(container: str, cause: str):
    data = (POD % container).encode()
    found = files.read("a.yaml", data)
    assert found is not None
    (sighting,) = found.sightings
    key = (sighting.part, sighting.place.scalar.number)
    after, refused = files.write(found, {key: (sighting.place, "ns:x")})
    assert after == data
    assert cause in refused[key]


@pytest.mark.parametrize("name", sorted(path.name for path in CORPUS.iterdir()))
def test_markers_change_no_other_byte_and_are_read_by_the_rewriter(name: str):
    original = (CORPUS / name).read_bytes()
    plain = re.sub(rb"[ \t]*#[^\n]*imagepolicy[^\n]*", b"", original)
    check(files.read(name, plain))


@given(st.lists(st.sampled_from(["x:1", '"x:1"', "'x:1'", "x:1  ", "&a x:1", "!!str x:1"]), min_size=1), st.booleans())
def test_however_an_image_is_written(images: list[str], windows: bool):
    lines = "".join(f"    - image: {each}\n" for each in images)
    text = f"# ü\nkind: Pod\napiVersion: v1\nspec:\n  containers:\n{lines}---\nx: 1\n"
    check(files.read("pod.yaml", (text.replace("\n", "\r\n") if windows else text).encode()))


def check(found: files.File | None) -> None:
    if found is None:
        return
    wanted = {(each.part, each.place.scalar.number): (each.place, "ns:policy") for each in found.sightings}
    after, refused = files.write(found, wanted)
    assert (
        re.sub(rb"[ \t]*# \{\"\$imagepolicy\": \"ns:policy\"\}", b"", after)
        == re.sub(rb"[ \t]+(?=\r?$)", b"", found.data, flags=re.MULTILINE)
        or re.sub(rb" ?# \{\"\$imagepolicy\": \"ns:policy\"\}", b"", after) == found.data
    )
    result = rewrite.rewrite(found.path, after, {"ns:policy": "x:2"})
    assert len(result.changes) + result.current == len(wanted) - len(refused)
    again = files.read(found.path, after)
    assert again is not None
    assert sum(each.marked for each in again.sightings) == len(wanted) - len(refused)
