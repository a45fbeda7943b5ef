"""Every field of a Kustomization has a test that shows what it does."""

from collections.abc import Mapping

from deploy.kustomize import attempt
from tests.deploy import fields
from tests.deploy.kustomize.sources import kustomization

ROOM = "deploy/kustomize"
RUNS = f"{ROOM}/test_kustomization.py"
BUILD = f"{ROOM}/building/test_build.py"
ACCOUNTS = f"{ROOM}/test_accounts.py"
EXPRESSIONS = f"{ROOM}/test_expressions.py"
REMOTE = f"{ROOM}/test_remote_clusters.py"
LAID_OVER = f"{BUILD}::test_the_spec_is_laid_over"
CHECKS = "deploy/cluster/test_expressions.py"

#: Fields, or all that is beneath one, and where their effect is shown.
SHOWN: Mapping[str, str] = {
    "sourceRef.apiVersion": f"{RUNS}::test_the_version_of_a_source_is_not_looked_at",
    "sourceRef.kind": f"{RUNS}::test_an_artifact_of_somebody_else_is_applied_where_the_gate_is_open",
    "sourceRef.name": f"{RUNS}::test_sources_that_are_not_there",
    "sourceRef.namespace": f"{ACCOUNTS}::test_a_source_of_another_namespace_is_refused_where_tenants_are_apart",
    "path": f"{BUILD}::test_the_path_stays_in_the_source",
    "interval": f"{RUNS}::test_a_source_is_applied",
    "retryInterval": f"{RUNS}::test_a_failed_substitution_is_told",
    "timeout": f"{ROOM}/test_every_field.py::test_a_timeout_is_the_intervals_unless_given_and_never_short",
    "prune": f"{RUNS}::test_nothing_is_pruned_where_pruning_is_off",
    "force": f"{RUNS}::test_an_immutable_object_is_made_anew_where_forced",
    "wait": f"{RUNS}::test_health_is_awaited",
    "suspend": f"{RUNS}::test_objects_go_with_their_kustomization",
    "targetNamespace": LAID_OVER,
    "namePrefix": LAID_OVER,
    "nameSuffix": LAID_OVER,
    "commonMetadata": f"{RUNS}::test_common_metadata_is_on_everything",
    "components": LAID_OVER,
    "ignoreMissingComponents": LAID_OVER,
    "patches[].patch": LAID_OVER,
    "patches[].target": f"{BUILD}::test_a_patch_is_for_what_its_target_selects",
    "images": f"{BUILD}::test_an_image_is_another_one_by_name_tag_or_digest",
    "buildMetadata": f"{BUILD}::test_objects_tell_where_they_come_from_where_that_is_asked_for",
    "postBuild.substituteStrategy": f"{RUNS}::test_a_failed_substitution_is_told",
    "postBuild.substitute": f"{RUNS}::test_variables_are_substituted",
    "postBuild.substituteFrom": f"{RUNS}::test_variables_are_substituted",
    "decryption.provider": f"{ROOM}/test_decryption.py::test_manifests_are_decrypted_and_applied",
    "decryption.secretRef": f"{ROOM}/test_decryption.py::test_manifests_are_decrypted_and_applied",
    "decryption.serviceAccountName": (
        f"{ROOM}/decryption/test_services.py::test_without_credentials_the_service_account_is_who_asks"
    ),
    "dependsOn[].name": f"{RUNS}::test_dependencies_come_first",
    "dependsOn[].namespace": f"{ACCOUNTS}::test_a_source_of_another_namespace_is_refused_where_tenants_are_apart",
    "dependsOn[].readyExpr": f"{EXPRESSIONS}::test_an_expression_says_when_a_dependency_is_ready",
    "healthChecks": f"{RUNS}::test_named_objects_are_awaited_and_no_others",
    "healthCheckExprs": f"{EXPRESSIONS}::test_expressions_tell_when_objects_are_well",
    "healthCheckExprs[].kind": f"{CHECKS}::test_other_kinds_are_none_of_its_business",
    "healthCheckExprs[].inProgress": f"{CHECKS}::test_expressions_decide_in_their_order",
    "healthCheckExprs[].failed": f"{CHECKS}::test_expressions_decide_in_their_order",
    "ignore[].paths": f"{RUNS}::test_a_field_that_another_looks_after_is_no_drift_and_stays_with_it",
    "ignore[].target": "deploy/cluster/comparing/test_ignored.py::test_a_rule_is_for_the_objects_of_its_target",
    "deletionPolicy": f"{RUNS}::test_objects_go_with_their_kustomization",
    "serviceAccountName": f"{ACCOUNTS}::test_an_account_applies_prunes_and_deletes_what_it_may",
    "kubeConfig.configMapRef": f"{REMOTE}::test_a_cluster_that_believes_our_tokens_is_reached_as_a_service_account",
    "kubeConfig.secretRef": f"{REMOTE}::test_a_kubeconfig_leads_to_another_cluster_and_its_accounts",
}


def test_every_field_is_shown() -> None:
    assert fields.unmatched(fields.of_kind("Kustomization"), SHOWN) == ([], [])


def test_every_test_that_is_named_is_there() -> None:
    assert fields.missing(SHOWN.values()) == set()


def test_a_timeout_is_the_intervals_unless_given_and_never_short() -> None:
    told = {("10m", None): "9m30s", ("10m", "1m"): "1m0s", ("45s", None): "30s", ("10m", "5s"): "30s"}
    for (interval, given), expected in told.items():
        spec = kustomization(interval=interval, **({"timeout": given} if given else {})).spec
        assert str(attempt.timeout(spec)) == expected
