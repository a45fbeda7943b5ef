"""Every field of every source has a test that shows what it does; those without an effect are named."""

from collections.abc import Mapping

import pytest

from tests.deploy import fields

ROOM = "deploy/source"
GIT = f"{ROOM}/test_git_repository.py"
OCI = f"{ROOM}/test_oci_repository.py"
BUCKET = f"{ROOM}/test_bucket.py"
HELM = f"{ROOM}/test_helm_repository.py"
CHART = f"{ROOM}/test_helm_chart.py"
GENERATING = f"{ROOM}/generating"
ACCESS = "gotk/sources"
RUNTIME = "gotk/runtime/test_controller.py"
INTERVAL = f"{RUNTIME}::test_it_runs_again_at_the_interval_and_tells_traces"
SUSPEND = f"{RUNTIME}::test_a_suspended_object_is_left_alone_but_its_request_is_recorded"
INCLUDED = f"{ROOM}/checkouts/test_includes.py::test_included_files_stand_beside_the_repository_s_own"
VERIFIED = f"{ROOM}/checkouts/test_verification.py::test_gpg_signatures_of_commits_and_tags_are_verified"
REFERENCES = f"{GIT}::test_every_kind_of_reference_is_followed"
SIGNED = f"{ROOM}/oci/test_verification.py::test_a_signed_artifact_is_stored_and_another_keeps_the_old_one"
TAGS = f"{OCI}::test_the_reference_says_which_tag"
LAYER = f"{OCI}::test_a_layer_is_chosen_and_copied_byte_by_byte"
PULL_SECRETS = f"{OCI}::test_a_guarded_registry_is_reached_with_pull_secrets"
CERTIFICATES = f"{OCI}::test_insecure_takes_a_certificate_that_nobody_vouches_for"
STORED = f"{BUCKET}::test_a_bucket_becomes_an_artifact_in_flux_s_words"
CHOSEN = f"{CHART}::test_a_chart_that_is_stored_is_not_fetched_again_and_a_new_version_is"
MERGED = f"{CHART}::test_values_files_of_a_chart_become_its_values"
VERIFIED_CHART = f"{CHART}::test_only_the_chart_that_was_signed_is_stored"
CLOUDS = "gotk/cloud/test_registries.py::test_a_clouds_registry_is_known_by_its_host"
CALLED = f"{GENERATING}/test_building.py::test_an_artifact_is_called_as_its_source_or_by_its_content"
GENERATED = "e2e/test_artifact_generators.py::test_a_repository_s_parts_are_deployed_each_by_its_own_revision"

#: By kind: fields, or all that is beneath one, and where their effect is shown.
SHOWN: Mapping[str, Mapping[str, str]] = {
    "GitRepository": {
        "url": f"{GIT}::test_an_address_that_cannot_work_stalls",
        "interval": f"{GIT}::test_a_commit_becomes_an_artifact",
        "timeout": f"{GIT}::test_a_server_that_is_silent_is_given_up",
        "ref.branch": REFERENCES,
        "ref.tag": REFERENCES,
        "ref.semver": f"{GIT}::test_a_range_chooses_a_tag",
        "ref.name": REFERENCES,
        "ref.commit": REFERENCES,
        "secretRef": f"{GIT}::test_a_password_is_used_and_a_wrong_one_is_told",
        "provider": f"{ACCESS}/test_git_access.py::test_an_app_s_token_is_the_password_of_a_real_server_and_is_kept",
        "serviceAccountName": (
            f"{ACCESS}/test_git_access.py::test_a_service_account_of_the_asking_object_s_namespace_counts"
        ),
        "proxySecretRef": (
            f"{ACCESS}/test_git_access.py::test_a_secret_s_client_certificate_goes_through_a_secret_s_proxy"
        ),
        "verify": VERIFIED,
        "ignore": f"{GIT}::test_changing_what_is_ignored_builds_anew",
        "suspend": SUSPEND,
        "recurseSubmodules": (
            f"{ROOM}/checkouts/test_submodules.py::test_submodules_are_empty_directories_until_they_are_wanted"
        ),
        "include": INCLUDED,
        "sparseCheckout": f"{ROOM}/checkouts/test_submodules.py::test_only_some_directories_are_in_the_artifact",
    },
    "OCIRepository": {
        "url": f"{OCI}::test_a_url_that_is_none_stalls",
        "interval": INTERVAL,
        "timeout": f"{OCI}::test_a_registry_that_is_silent_is_given_up",
        "ref": TAGS,
        "ref.digest": f"{OCI}::test_a_digest_wins_over_everything_else",
        "layerSelector": LAYER,
        "provider": CLOUDS,
        "secretRef": PULL_SECRETS,
        "serviceAccountName": PULL_SECRETS,
        "certSecretRef": CERTIFICATES,
        "proxySecretRef": f"{OCI}::test_a_registry_is_reached_through_the_repository_s_proxy",
        "verify": SIGNED,
        "ignore": f"{OCI}::test_files_that_the_spec_ignores_stay_out",
        "insecure": CERTIFICATES,
        "suspend": SUSPEND,
    },
    "Bucket": {
        "bucketName": f"{BUCKET}::test_a_bucket_that_is_missing_is_named",
        "endpoint": STORED,
        "provider": f"{ROOM}/buckets/test_blob.py::test_a_container_becomes_an_artifact",
        "certSecretRef": f"{BUCKET}::test_a_private_authority_is_trusted_where_the_secret_says_so",
        "ignore": f"{ROOM}/buckets/test_listing.py::test_only_the_bucket_s_own_rules_and_the_spec_s_leave_keys_out",
        "insecure": STORED,
        "interval": INTERVAL,
        "prefix": f"{BUCKET}::test_a_prefix_keeps_its_place_and_nobody_may_read_what_all_may",
        "proxySecretRef": f"{ROOM}/buckets/test_blob.py::test_a_container_is_reached_through_the_bucket_s_proxy",
        "region": f"{BUCKET}::test_requests_are_signed_as_aws_signs_them",
        "secretRef": f"{BUCKET}::test_a_secret_that_will_not_do_is_named",
        "serviceAccountName": (
            f"{ACCESS}/test_bucket_access.py::test_a_service_account_is_whom_it_is_annotated_to_be_in_google_cloud"
        ),
        "sts": f"{ROOM}/buckets/test_sts.py::test_a_directory_s_user_fetches_a_bucket",
        "sts.certSecretRef": (
            f"{ROOM}/buckets/test_sts.py::test_the_token_service_has_its_own_trust_and_the_bucket_s_proxy"
        ),
        "suspend": SUSPEND,
        "timeout": f"{BUCKET}::test_a_store_that_is_silent_is_given_up",
    },
    "HelmRepository": {
        "url": f"{HELM}::test_a_registry_s_address_stalls_the_default_type",
        "interval": f"{HELM}::test_an_index_becomes_an_artifact_in_flux_s_words",
        "timeout": f"{HELM}::test_a_server_that_is_silent_is_given_up",
        "type": f"{HELM}::test_only_the_type_makes_an_object_an_address",
        "secretRef": f"{HELM}::test_username_and_password_open_the_repository",
        "certSecretRef": "e2e/test_charts_of_every_source.py::"
        "test_charts_of_every_source_are_installed_upgraded_and_read_by_helm",
        "passCredentials": f"{CHART}::test_a_login_goes_to_another_server_only_where_the_repository_says_so",
        "insecure": f"{CHART}::test_a_chart_that_helm_pushed_comes_from_a_registry",
        "provider": CLOUDS,
        "suspend": SUSPEND,
    },
    "HelmChart": {
        "chart": f"{CHART}::test_a_chart_s_name_may_have_a_folder_and_its_address_leads_to_it",
        "version": CHOSEN,
        "sourceRef": f"{CHART}::test_a_source_that_is_missing_or_empty_is_waited_for",
        "sourceRef.kind": f"{CHART}::test_a_folder_of_a_bucket_is_packaged_and_named_by_its_revision",
        "interval": INTERVAL,
        "reconcileStrategy": f"{CHART}::test_a_folder_of_a_source_is_packaged_and_named_by_its_revision",
        "valuesFile": MERGED,
        "valuesFiles": MERGED,
        "ignoreMissingValuesFiles": MERGED,
        "suspend": SUSPEND,
        "verify": VERIFIED_CHART,
        "verify.matchOIDCIdentity": f"{CHART}::test_a_chart_signed_without_a_key_is_its_signers_by_name",
    },
    "ExternalArtifact": {
        "sourceRef": (
            "image_automation/cli/test_cluster_verbs.py::"
            "test_external_artifacts_are_printed_with_what_they_were_made_for"
        ),
    },
    "ArtifactGenerator": {
        "sources": f"{GENERATING}/test_observed.py::test_the_state_of_sources_is_told_by_digest_revision_and_address",
        "sources[].namespace": f"{GENERATING}/test_observed.py::test_a_source_may_be_in_another_namespace",
        "pathPattern": (
            f"{GENERATING}/test_captures.py::"
            "test_each_folder_gives_an_artifact_with_names_in_lower_case_and_paths_as_they_are"
        ),
        "artifacts[].name": GENERATED,
        "artifacts[].revision": CALLED,
        "artifacts[].originRevision": CALLED,
        "artifacts[].copy[].from": f"{GENERATING}/test_copying.py::test_copying_is_like_cp",
        "artifacts[].copy[].to": f"{GENERATING}/test_copying.py::test_copying_is_like_cp",
        "artifacts[].copy[].exclude": f"{GENERATING}/test_copying.py::test_what_is_excluded_stays_out",
        "artifacts[].copy[].strategy": f"{GENERATING}/test_copying.py::test_values_are_merged_as_helm_merges_them",
        "commonMetadata": GENERATED,
    },
}
#: What has no effect, and why.
WITHOUT: Mapping[str, Mapping[str, str]] = {
    "HelmRepository": {"accessFrom": "Flux does not read it either"},
    "HelmChart": {"sourceRef.apiVersion": "the kind says which source it is"},
}


@pytest.mark.parametrize("kind", SHOWN)
def test_every_field_is_shown_or_has_no_effect(kind: str) -> None:
    known = [*SHOWN[kind], *WITHOUT.get(kind, ())]
    assert fields.unmatched(fields.of_kind(kind), known) == ([], [])


def test_every_test_that_is_named_is_there() -> None:
    assert fields.missing(each for known in SHOWN.values() for each in known.values()) == set()
