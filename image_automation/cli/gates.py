"""`--feature-gates A=true,B=false`, as Flux's controllers read it: a gate that nobody knows ends the start."""

from collections.abc import Mapping

import structlog

from gotk.duration import Duration
from image_automation.cli import output

WORKLOAD_IDENTITY = "ObjectLevelWorkloadIdentity"
STRICT_SUBSTITUTIONS = "StrictPostBuildSubstitutions"
ADDITIVE_EXPRESSIONS = "AdditiveCELDependencyCheck"
NO_FAIL_FAST = "DisableFailFastBehavior"
CANCEL_HEALTH_CHECKS = "CancelHealthCheckOnNewRevision"
DIRECT_SOURCE_FETCH = "DirectSourceFetch"
MIGRATE_API_VERSION = "MigrateAPIVersion"
NO_CONFIG_WATCHERS = "DisableConfigWatchers"
CACHE_CONFIGS = "CacheSecretsAndConfigMaps"
EXTERNAL_ARTIFACT = "ExternalArtifact"
NO_CHART_DIGESTS = "DisableChartDigestTracking"
DEFAULT_TO_RETRY = "DefaultToRetryOnFailure"
HELM_3_DEFAULTS = "UseHelm3Defaults"
DNS_LOOKUPS = "AllowDNSLookups"
OOM_WATCH = "OOMWatch"
#: Gates of Flux's controllers that lead nowhere, the first three with Flux either, and what there is in their place.
_IGNORED = {
    "AdoptLegacyReleases": "releases of all versions of the API are taken over as they are",
    "DetectDrift": "set spec.driftDetection.mode of HelmReleases to warn",
    "CorrectDrift": "set spec.driftDetection.mode of HelmReleases to enabled",
    "DisableStatusPollerCache": "health is always read from the API",
    "GroupChangeLog": "what a Kustomization changed is told by its events",
    "GitSparseCheckout": "automations check no files out",
    "FluxStorage": "tags are kept in --data-dir",
}
#: Such gates that Flux has on, and what there is in place of turning them off.
_IGNORED_ON = {
    "GitForcePushBranch": "of a push branch that its base has passed our commits are replaced, under a lease",
    "GitShallowClone": "a repository is one bare mirror, and what is new is fetched",
    "GitAllBranchReferences": "an update goes on from its push branch",
}
_DEFAULTS = {
    WORKLOAD_IDENTITY: False,
    STRICT_SUBSTITUTIONS: True,
    ADDITIVE_EXPRESSIONS: False,
    NO_FAIL_FAST: False,
    CANCEL_HEALTH_CHECKS: False,
    DIRECT_SOURCE_FETCH: False,
    MIGRATE_API_VERSION: False,
    NO_CONFIG_WATCHERS: False,
    CACHE_CONFIGS: False,
    EXTERNAL_ARTIFACT: False,
    NO_CHART_DIGESTS: False,
    DEFAULT_TO_RETRY: False,
    HELM_3_DEFAULTS: False,
    DNS_LOOKUPS: False,
    OOM_WATCH: False,
    **dict.fromkeys(_IGNORED, False),
    **dict.fromkeys(_IGNORED_ON, True),
}
_TRUTHS = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}
_LONGEST_KEPT = 3600.0


def read(*texts: str) -> dict[str, bool]:
    """Return every known gate with its value; fails with a message for anything else. The last word on one counts."""
    gates = dict(_DEFAULTS)
    for part in filter(None, (part.strip() for part in ",".join(texts).split(","))):
        name, _, value = part.partition("=")
        if name not in gates:
            output.fail(f"--feature-gates: feature-gate '{name}' not supported; there are {', '.join(sorted(gates))}")
        if value.lower() not in _TRUTHS:
            output.fail(f"--feature-gates: '{part}' is not of the form {name}=true or {name}=false")
        gates[name] = _TRUTHS[value.lower()]
    return gates


def told() -> str:
    """Name every gate and what it is unless said."""
    known = sorted((name, value) for name, value in _DEFAULTS.items() if name not in _IGNORED | _IGNORED_ON)
    return ", ".join(f"{name} ({'on' if value else 'off'})" for name, value in known)


def of_kustomizations(given: Mapping[str, bool]) -> dict[str, bool]:
    """Return the settings that gates of kustomize-controller stand for."""
    return {
        "strict_substitutions": given[STRICT_SUBSTITUTIONS],
        "additive_expressions": given[ADDITIVE_EXPRESSIONS],
        "fail_fast": not given[NO_FAIL_FAST],
        "cancel_health_checks": given[CANCEL_HEALTH_CHECKS],
        "direct_source_fetch": given[DIRECT_SOURCE_FETCH],
        "migrate_api_version": given[MIGRATE_API_VERSION],
        "watch_configs": not given[NO_CONFIG_WATCHERS],
        "cache_configs": given[CACHE_CONFIGS],
        "external_artifacts": given[EXTERNAL_ARTIFACT],
    }


def of_releases(given: Mapping[str, bool]) -> dict[str, bool]:
    """Return the settings that gates of helm-controller alone stand for."""
    return {
        "plain_chart_versions": given[NO_CHART_DIGESTS],
        "retry_failed_releases": given[DEFAULT_TO_RETRY],
        "helm_3_defaults": given[HELM_3_DEFAULTS],
        "dns_lookups": given[DNS_LOOKUPS],
    }


def tell_ignored(given: Mapping[str, bool]) -> None:
    """Log a warning for each gate that leads nowhere and is set to another value than Flux's."""
    for name, instead in (_IGNORED | _IGNORED_ON).items():
        if given[name] != _DEFAULTS[name]:
            structlog.get_logger().warning("a feature gate has no effect", gate=name, instead=instead)


def check_default_account(account: str, *, workload_identity: bool) -> None:
    """Fail where a default service account is set that no object could use."""
    if account and not workload_identity:
        output.fail(
            "cannot set default service accounts when the feature gate "
            f"{WORKLOAD_IDENTITY} is not enabled: add --feature-gates {WORKLOAD_IDENTITY}=true"
        )


def check_token_duration(duration: Duration) -> float:
    """Return the longest time to keep a token, in seconds; fails beyond the hour that clouds' tokens live."""
    if not 0 < duration.seconds <= _LONGEST_KEPT:
        output.fail(f"--token-cache-max-duration: {duration} is not above zero and at most 1h")
    return duration.seconds


def words(text: str) -> frozenset[str]:
    """Return the words of a list with commas, in lower case."""
    return frozenset(word.strip().lower() for word in text.split(",") if word.strip())
