"""Whatever somebody wrote for another updater: no reader breaks, and no policy comes out that cannot be read."""

import json

import yaml
from hypothesis import given
from hypothesis import strategies as st

from gotk import goregexp
from image_automation.proposing import files
from image_automation.proposing.guessing import Guess
from image_automation.proposing.imported import Imported
from image_automation.proposing.importing import readers
from policies import choose

IMAGES = ["ghcr.io/acme/web:1.4.2", "redis:7", "x", "localhost:5000/a:latest", "[", "regexp:[", "semver:~1", "semver:x"]
WORDS = [
    *IMAGES, "true", "false", "*", "(", "glob:*", "digest", "force", "never", "before 5am", "* 0-3 * * *", "3 days",
    "regex:^(?<major>\\d+)$", "/[/", "!/(/", "auto", "ImageUpdater", "Application", "HelmRelease", "Deployment",
    "GitRepo", "argoproj.io/v1alpha1", "argocd-image-updater.argoproj.io/v1alpha1", "helm.fluxcd.io/v1", "apps/v1",
]  # fmt: skip
ARGO, KEEL = "argocd-image-updater.argoproj.io/", "keel.sh/"
KEYS = [
    "kind", "apiVersion", "metadata", "annotations", "labels", "name", "spec", "values", "image", "tag", "repository",
    "containers", "initContainers", "services", "environment", "imageScans", "policy", "semver", "range", "tagName",
    "alphabetical", "order", "applicationRefs", "namePattern", "images", "imageName", "commonUpdateSettings",
    "updateStrategy",
    "allowTags", "ignoreTags", "labelSelectors", "matchExpressions", "writeBackConfig", "gitConfig", "pullRequest",
    f"{ARGO}image-list", f"{ARGO}allow-tags", f"{ARGO}update-strategy", f"{KEEL}policy", f"{KEEL}approvals",
    f"{KEEL}monitorContainers", "fluxcd.io/automated", "fluxcd.io/locked", "filter.fluxcd.io/web", "tag.fluxcd.io/web",
    "keel", "com.centurylinklabs.watchtower.enable", "packageRules", "matchPackageNames", "matchUpdateTypes",
    "matchFileNames",
    "schedule", "timezone", "allowedVersions", "versioning", "pinDigests", "groupName", "automerge", "automergeType",
    "minimumReleaseAge", "extends", "enabled", "kubernetes", "docker-compose", "fileMatch", "docker", "reviewers",
]  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.sampled_from(WORDS), st.booleans(), st.none(), st.integers(-1, 9)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)),
    max_leaves=12,
)
WORKLOAD = """\
kind: Deployment
apiVersion: apps/v1
metadata:
  name: web
  annotations: ANNOTATIONS
spec: {template: {spec: {containers: [
  {name: web, image: 'ghcr.io/acme/web:1.4.2'},
  {name: cache, image: 'redis:7'}
]}}}
"""


@given(
    settings=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6),
    annotations=st.dictionaries(st.sampled_from(KEYS), st.sampled_from(WORDS), max_size=6),
)
def test_no_settings_break_a_reader(settings: dict[str, object], annotations: dict[str, str]) -> None:
    needles = "# imageScans argoproj.io/ argocd-image-updater.argoproj.io keel. watchtower flux\n"
    written = json.dumps(settings)
    contents = {
        "apps/web.yaml": (needles + WORKLOAD.replace("ANNOTATIONS", json.dumps(annotations))).encode(),
        "fleet.yaml": (needles + yaml.safe_dump(settings)).encode(),
        ".flux.yaml": (needles + written).encode(),
        "compose.yaml": (needles + yaml.safe_dump(settings)).encode(),
        "renovate.json": json.dumps({"kubernetes": {"fileMatch": ["."]}, **settings}).encode(),
    }
    seen = [files.read(path, data) for path, data in contents.items()]
    sightings = [each for file in seen if file for each in file.sightings]
    for reader in readers.READERS.values():
        check(reader.read(contents, sightings))


def check(found: Imported) -> None:
    for guess in found.decided.values():
        if isinstance(guess, Guess):
            choose.ranked(guess.spec(""), ["1.0.0", "latest"])
    for patterns in found.excluded.values():
        assert len(patterns) < 25
        for pattern in patterns:
            goregexp.Regexp(pattern)
