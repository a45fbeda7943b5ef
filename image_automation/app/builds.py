"""What builds Kustomizations, and how objects are applied: programs, fetching, keys, manners, what wakes them."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deploy.cluster import configs
from deploy.cluster.trial import Manner
from deploy.kustomize.building.bases import ssh
from deploy.kustomize.building.bases.fetching import RemoteBases
from deploy.kustomize.building.build import Builder, find_command
from deploy.kustomize.decryption import sops
from deploy.kustomize.decryption.keyring import Keyring
from deploy.kustomize.decryption.services import Services
from deploy.kustomize.decryption.sops import Sops
from gotk.git.mirrors.mirror import Mirrors
from gotk.http.tls import SYSTEM
from gotk.http.transport import Transport
from gotk.kube.ports import Getter
from gotk.runtime.blocking import Limiter
from gotk.runtime.reconciler import Watch
from gotk.sandbox.confinement import Confinement
from image_automation.app.settings import Settings


def builder(
    settings: Settings,
    scratch: Path,
    *,
    mirrors: Mirrors,
    transport: Transport,
    git: Limiter,
    work: Limiter,
    as_listed: bool = True,
) -> Builder:
    """Build what runs kustomize, and fetches for it what the operator allows. Raises FileNotFoundError.

    Objects come as they are listed, as in Flux's builds, whose digest is in the history; else in kustomize's own order.
    """
    bases = RemoteBases(
        hosts=settings.remote_bases,
        mirrors=mirrors,
        transport=transport,
        limiter=git,
        tls=SYSTEM,
        keys=ssh.Keys(settings.remote_bases_known_hosts, settings.remote_bases_identity),
    )
    return Builder(
        command=find_command(),
        limiter=work,
        scratch=scratch,
        confine=Confinement.command,
        fetches=bases,
        as_listed=as_listed,
    )


def manner(settings: Settings) -> Manner:
    """Return how the operator has objects applied."""
    return Manner(
        width=settings.concurrent_ssa,
        override_managers=settings.override_managers,
        earlier_kinds=settings.custom_apply_stage_kinds,
        strict_fields=settings.strict_fields,
        migrate_api_version=settings.migrate_api_version,
    )


def keyring(settings: Settings, scratch: Path, *, objects: Getter, opens: Services, work: Limiter) -> Keyring:
    """Build what finds the keys of a Kustomization, and runs sops with them."""
    return Keyring(
        objects=objects,
        sops=Sops(find=sops.find_command, scratch=scratch, confine=Confinement.command, opens=opens, limiter=work),
        age_secret=settings.sops_age_secret,
        workload_identity=settings.workload_identity,
        default_account=settings.default_decryption_service_account,
    )


def marked(watches: Sequence[Watch[Any]], settings: Settings) -> tuple[Watch[Any], ...]:
    """Return watches of ConfigMaps and Secrets that are woken by those that the operator lets wake."""
    selector = settings.watch_configs_selector
    return tuple(dataclasses.replace(each, changed=configs.marked(each.changed, selector)) for each in watches)
