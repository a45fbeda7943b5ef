"""Every field of a HelmRelease has a test that shows what it does; those without an effect are named."""

from collections.abc import Mapping

from tests.deploy import fields

HELM = "deploy/helm"
RELEASE = f"{HELM}/test_helm_release.py"
TEMPLATE = f"{HELM}/test_template.py::test_everything_that_a_template_says_stands_in_its_chart"
TIMEOUTS = f"{HELM}/deciding/test_decide.py::test_every_action_has_its_own_timeout_or_the_objects"
STRATEGY = f"{HELM}/deciding/test_remediation.py::test_an_action_is_tried_again_as_it_is_where_its_strategy_says_so"
RETRIES = f"{HELM}/test_lifecycle.py::test_a_release_lives_as_with_flux"
TESTS_IGNORED = f"{HELM}/deciding/test_remediation.py::test_each_action_may_ignore_failed_tests_by_itself"
ROLLOUT = f"{HELM}/actions/test_rollout.py"
WAITS = f"{ROLLOUT}::test_an_upgrade_and_a_rollback_wait_unless_told_otherwise"
OWNERSHIP = f"{HELM}/actions/test_ownership.py"
UNKNOWN = f"{HELM}/actions/test_install.py::test_a_field_that_a_kind_does_not_have_fails_unless_it_is_to_be_left_out"
RENDERING = f"{RELEASE}::test_what_an_action_says_of_rendering_is_what_helm_is_told"
METHOD = (
    f"{HELM}/actions/test_clientside.py::test_an_upgrade_is_applied_as_the_revision_before_unless_it_is_told_otherwise"
)
FORCED = f"{HELM}/actions/test_clientside.py::test_what_others_have_written_stays_unless_forced"
UNINSTALL = f"{HELM}/actions/test_uninstall.py"
VALUES = f"{HELM}/values/test_compose.py"
POST = f"{HELM}/rendering/test_post.py"
EXPRESSIONS = "deploy/cluster/test_expressions.py"

#: Fields, or all that is beneath one, and where their effect is shown.
SHOWN: Mapping[str, str] = {
    "interval": f"{RELEASE}::test_a_fresh_install_with_tests_says_what_it_does_one_after_the_other",
    "chart": TEMPLATE,
    "chart.metadata": f"{HELM}/test_template.py::test_a_chart_is_made_as_the_template_says_and_noted_in_the_status",
    "chart.spec.valuesFile": f"{HELM}/test_template.py::test_the_values_file_of_older_versions_comes_before_the_others",
    "chart.spec.sourceRef": f"{HELM}/test_naming.py::test_the_chart_stands_beside_its_source",
    "chartRef": (
        f"{HELM}/test_prerequisites.py::"
        "test_a_chart_is_taken_from_what_the_template_made_or_the_reference_names"
    ),
    "kubeConfig.secretRef": f"{RELEASE}::test_a_kubeconfig_leads_the_release_and_its_records_to_another_cluster",
    "kubeConfig.configMapRef": (
        "deploy/kustomize/test_remote_clusters.py::"
        "test_a_cluster_that_believes_our_tokens_is_reached_as_a_service_account"
    ),
    "suspend": "e2e/test_release_changes.py::test_a_suspended_release_rests_until_it_is_resumed",
    "releaseName": f"{HELM}/test_naming.py::test_a_release_is_named",
    "targetNamespace": (
        f"{HELM}/test_naming.py::test_the_release_lives_in_the_target_namespace_and_its_record_does_not"
    ),
    "storageNamespace": f"{HELM}/test_whole_way.py::test_a_release_is_recorded_in_another_namespace_than_it_is_in",
    "dependsOn": f"{HELM}/test_prerequisites.py::test_a_release_waits_for_one_that",
    "dependsOn[].readyExpr": (
        f"{HELM}/test_prerequisites.py::test_a_release_goes_on_after_one_that_is_ready_or_does_as_the_expression_says"
    ),
    "timeout": TIMEOUTS,
    "maxHistory": f"{HELM}/actions/test_upgrade.py::test_the_oldest_revisions_are_forgotten",
    "serviceAccountName": f"{RELEASE}::test_an_account_releases_what_it_may_and_nothing_else",
    "driftDetection.mode": (
        f"{HELM}/deciding/test_decide.py::"
        "test_drift_is_corrected_where_that_is_asked_for_and_told_otherwise"
    ),
    "driftDetection.ignore[].paths": (
        f"{HELM}/actions/test_drift.py::"
        "test_ignored_paths_are_no_drift_and_keep_their_values"
    ),
    "driftDetection.ignore[].target": (
        "deploy/cluster/comparing/test_ignored.py::test_a_rule_is_for_the_objects_of_its_target"
    ),
    "install.timeout": TIMEOUTS,
    "install.strategy": STRATEGY,
    "install.remediation.retries": RETRIES,
    "install.remediation.remediateLastFailure": RETRIES,
    "install.remediation.ignoreTestFailures": TESTS_IGNORED,
    "install.disableTakeOwnership": (
        f"{OWNERSHIP}::test_objects_of_others_are_left_where_taking_over_is_switched_off"
    ),
    "install.disableWait": f"{HELM}/actions/test_install.py::test_without_waiting_a_crashing_workload_is_deployed",
    "install.disableWaitForJobs": f"{HELM}/actions/test_install.py::test_jobs_are_awaited_unless_that_is_switched_off",
    "install.disableHooks": f"{HELM}/actions/test_hooks.py::test_disabled_hooks_do_not_run",
    "install.disableOpenAPIValidation": UNKNOWN,
    "install.disableSchemaValidation": RENDERING,
    "install.replace": f"{HELM}/actions/test_install.py::test_a_failed_release_is_replaced_where_that_is_asked_for",
    "install.crds": f"{HELM}/actions/test_crds.py::test_definitions_are_skipped_where_asked_for",
    "install.createNamespace": f"{OWNERSHIP}::test_the_target_namespace_is_made_where_asked_for",
    "install.serverSideApply": (
        f"{HELM}/actions/test_clientside.py::test_what_a_server_side_apply_refuses_is_applied_by_the_client"
    ),
    "upgrade.timeout": TIMEOUTS,
    "upgrade.strategy": STRATEGY,
    "upgrade.remediation": RETRIES,
    "upgrade.remediation.ignoreTestFailures": TESTS_IGNORED,
    "upgrade.disableTakeOwnership": f"{OWNERSHIP}::test_an_upgrade_takes_no_more_than_the_older_revision_had",
    "upgrade.disableWait": WAITS,
    "upgrade.disableWaitForJobs": WAITS,
    "upgrade.disableHooks": f"{ROLLOUT}::test_an_upgrade_runs_its_hooks_unless_told_otherwise",
    "upgrade.disableOpenAPIValidation": UNKNOWN,
    "upgrade.disableSchemaValidation": RENDERING,
    "upgrade.crds": f"{HELM}/actions/test_crds.py::test_what_exists_is_replaced_where_asked_for",
    "upgrade.serverSideApply": METHOD,
    "upgrade.force": FORCED,
    "upgrade.preserveValues": RENDERING,
    "upgrade.cleanupOnFail": (
        f"{HELM}/actions/test_upgrade.py::test_what_a_failed_upgrade_has_made_is_cleaned_up_where_asked_for"
    ),
    "upgrade.chartNameChangeStrategy": (
        f"{HELM}/deciding/test_attempt.py::test_a_release_with_another_identity_has_moved"
    ),
    "test.enable": f"{HELM}/deciding/test_state.py::test_tests_count_as_the_object_says",
    "test.timeout": TIMEOUTS,
    "test.ignoreFailures": RETRIES,
    "test.filters": f"{HELM}/actions/test_testing.py::test_filters_choose_by_name",
    "rollback.timeout": TIMEOUTS,
    "rollback.disableWait": WAITS,
    "rollback.disableWaitForJobs": WAITS,
    "rollback.disableHooks": f"{HELM}/actions/test_rollback.py::test_a_rollback_that_fails_is_stored_as_failed",
    "rollback.recreate": f"{RELEASE}::test_a_field_without_effect_is_warned_of",
    "rollback.force": f"{ROLLOUT}::test_a_rollback_is_applied_as_it_is_told_and_by_force",
    "rollback.cleanupOnFail": (
        f"{HELM}/actions/test_rollback.py::test_what_a_failed_rollback_has_made_is_cleaned_up_where_asked_for"
    ),
    "rollback.serverSideApply": f"{ROLLOUT}::test_a_rollback_is_applied_as_it_is_told_and_by_force",
    "uninstall.timeout": TIMEOUTS,
    "uninstall.disableHooks": f"{UNINSTALL}::test_hooks_run_before_and_after",
    "uninstall.keepHistory": f"{UNINSTALL}::test_the_history_is_kept_where_asked_for",
    "uninstall.disableWait": f"{UNINSTALL}::test_without_waiting_what_goes_later_is_no_failure",
    "uninstall.deletionPropagation": f"{UNINSTALL}::test_orphans_are_left_where_asked_for",
    "valuesFrom": f"{VALUES}::test_later_references_win_and_inline_values_win_over_all",
    "valuesFrom[].targetPath": f"{VALUES}::test_a_path_takes_single_values_into_maps_and_lists",
    "valuesFrom[].optional": f"{VALUES}::test_what_is_optional_may_be_missing",
    "valuesFrom[].literal": f"{VALUES}::test_a_value_at_a_path_is_typed_unless_it_is_quoted_or_literal",
    "values": f"{RENDERING}",
    "commonMetadata": f"{POST}::test_common_metadata_replaces_what_the_chart_says_and_not_the_origin",
    "postRenderers": f"{POST}::test_images_and_patches_are_kustomizes_one_after_the_other",
    "postRenderers[].kustomize.patchesStrategicMerge": (
        f"{POST}::test_the_patches_of_older_versions_are_applied_before_the_images"
    ),
    "postRenderers[].kustomize.patchesJson6902": (
        f"{POST}::test_the_patches_of_older_versions_are_applied_before_the_images"
    ),
    "postRenderStrategy": f"{POST}::test_the_strategy_says_what_is_rendered_together",
    "waitStrategy": f"{HELM}/actions/test_waiting.py::test_the_legacy_strategy_knows_no_kinds_beside_helms_own",
    "healthCheckExprs": f"{HELM}/actions/test_waiting.py::test_expressions_tell_the_health_of_their_kinds",
    "healthCheckExprs[].inProgress": f"{EXPRESSIONS}::test_expressions_decide_in_their_order",
    "healthCheckExprs[].failed": f"{EXPRESSIONS}::test_expressions_decide_in_their_order",
    "healthCheckExprs[].kind": f"{EXPRESSIONS}::test_other_kinds_are_none_of_its_business",
}  # fmt: skip
#: What has no effect, and why.
WITHOUT = {
    "persistentClient": "connections are kept either way",
    "install.skipCRDs": "helm-controller does not read it either: crds says what is done",
}


def test_every_field_is_shown_or_has_no_effect() -> None:
    assert fields.unmatched(fields.of_kind("HelmRelease"), [*SHOWN, *WITHOUT]) == ([], [])


def test_every_test_that_is_named_is_there() -> None:
    assert fields.missing(SHOWN.values()) == set()
