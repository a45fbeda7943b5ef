"""Which of Renovate's rules hold for an image, and which files its managers look into."""

from typing import Any

import pytest

from image_automation.proposing import files
from image_automation.proposing.importing.renovate import rules
from image_automation.proposing.importing.renovate.rules import Dependency

POD = b"kind: Pod\napiVersion: v1\nspec: {containers: [\n{image: 'ghcr.io/acme/web:1.4.2'}\n]}\n"


def dependency() -> Dependency:
    found = files.read("apps/web.yaml", POD)
    assert found is not None
    (sighting,) = found.sightings
    return Dependency(sighting, rules.manager(sighting))


@pytest.mark.parametrize(
    ("rule", "is_matched"),
    [
        ({}, True),
        ({"matchPackageNames": ["ghcr.io/acme/web"]}, True),
        ({"matchPackageNames": ["ghcr.io/acme/*"]}, True),
        ({"matchPackageNames": ["ghcr.io/*"]}, False),
        ({"matchPackageNames": ["ghcr.io/**", "!ghcr.io/acme/{web,job}"]}, False),
        ({"matchPackageNames": ["/ACME/i"]}, True),
        ({"matchPackageNames": ["/ACME/"]}, False),
        ({"matchPackagePatterns": ["acme"], "excludePackageNames": ["ghcr.io/acme/web"]}, False),
        ({"matchDepPatterns": ["^acme"]}, False),
        ({"matchPackagePrefixes": ["ghcr.io/"]}, True),
        ({"matchPackageNames": ["nginx"], "matchPackagePrefixes": ["ghcr.io/"]}, True),
        ({"matchManagers": ["kubernetes"], "matchDatasources": ["docker"]}, True),
        ({"matchManagers": ["helm-values"]}, False),
        ({"matchDatasources": ["npm"]}, False),
        ({"matchFileNames": ["apps/**"]}, True),
        ({"matchFileNames": ["*.yaml"]}, False),
        ({"matchCurrentVersion": "!/^0/"}, True),
        ({"matchCurrentValue": "/^2/"}, False),
        ({"matchCategories": ["kubernetes"]}, True),
        ({"matchCategories": ["python"]}, False),
        ({"matchSourceUrls": ["**"]}, False),
    ],
)
def test_a_rule_matches(rule: dict[str, Any], *, is_matched: bool) -> None:
    assert rules.matches(rule, dependency()) == is_matched


@pytest.mark.parametrize(
    ("config", "is_seen"),
    [
        ({}, False),
        ({"kubernetes": {"fileMatch": [r"\.yaml$"]}}, True),
        ({"kubernetes": {"managerFilePatterns": ["apps/**"]}}, True),
        ({"kubernetes": {"managerFilePatterns": ["/^web/"]}}, False),
        ({"kubernetes": {"managerFilePatterns": ["/^apps/"]}}, True),
        ({"kubernetes": {"fileMatch": ["."], "enabled": False}}, False),
        ({"kubernetes": {"fileMatch": ["."]}, "enabledManagers": ["flux"]}, False),
        ({"kubernetes": {"fileMatch": ["."]}, "ignorePaths": ["apps/"]}, False),
        ({"kubernetes": {"fileMatch": ["."]}, "ignorePaths": ["**/test/**"]}, True),
        ({"kubernetes": {"fileMatch": ["."]}, "includePaths": ["clusters/**"]}, False),
    ],
)
def test_a_manager_looks_into_a_file(config: dict[str, Any], *, is_seen: bool) -> None:
    assert rules.looks_into(config, "kubernetes", "apps/web.yaml") == is_seen


def test_later_rules_count_more_and_types_of_updates_are_kept_apart() -> None:
    config = {
        "automerge": False, "kubernetes": {"pinDigests": True},
        "packageRules": [
            {"matchManagers": ["kubernetes"], "automerge": True, "description": "x"},
            {"matchUpdateTypes": ["major"], "enabled": False},
            {"matchPackageNames": ["nginx"], "pinDigests": False},
        ],
    }  # fmt: skip
    held = rules.holding(config, dependency())
    assert held.settings == {"automerge": True, "pinDigests": True}
    assert [held.is_allowed(update) for update in ("major", "minor")] == [False, True]
