"""The dashboard's graph of parts: what its pages know besides the objects that the service watches."""

from yarl import URL

from deploy.cluster import wait
from deploy.cluster.apply import Applier
from gotk.runtime import health
from gotk.runtime.events import Recorder
from image_automation.app import builds, forges
from image_automation.app.joining import assembling
from image_automation.app.joining.drifting import Drifting
from image_automation.app.joining.release_drift import ReleaseDrift
from image_automation.app.joining.rendering import Rendering
from image_automation.app.parts import Parts
from image_automation.app.settings import Settings
from image_automation.dashboard import browsers
from image_automation.dashboard.acting.act import Tests
from image_automation.dashboard.door import Door
from image_automation.dashboard.entering.certificates import Certificates
from image_automation.dashboard.page import Knows
from image_automation.dashboard.scanned.lags import Lags
from image_automation.dashboard.scanned.running import Running
from image_automation.dashboard.server import Dashboard
from image_automation.explanation import Explainer
from image_automation.marked_files import MarkedFiles
from image_automation.planner import Planner


def certificates(parts: Parts) -> Certificates | None:
    """Return what signs people in by certificates, where the listener asks for some."""
    listening = parts.settings.dashboard_tls
    return Certificates(parts.client) if listening is not None and listening.client_ca is not None else None


def is_free(settings: Settings, address: str) -> bool:
    """Tell whether one may look around at an address without signing in."""
    parsed = health.parse_address(address)
    return not settings.dashboard_require_login and parsed is not None and browsers.is_loopback(parsed[0])


def dashboard(
    parts: Parts, explainer: Explainer | None, door: Door, recorder: Recorder, tests: Tests | None
) -> Dashboard:
    """Return the dashboard; `tests` tries Alerts, where this process has some."""
    return Dashboard(
        knows=_knows(parts, explainer, tests),
        caches=parts.caches,
        explains=explainer,
        clock=parts.clock,
        door=door,
        tells=recorder,
        heard=parts.heard,
        free=is_free(parts.settings, parts.settings.dashboard_addr),
        names=frozenset(filter(None, (URL(parts.settings.dashboard_url).host,))),
    )


def _knows(parts: Parts, explainer: Explainer | None, tests: Tests | None) -> Knows:
    controllers = parts.settings.controllers
    planner = Planner(
        objects=parts.caches,
        client=parts.client,
        desk=parts.desk,
        clock=parts.clock,
        first_seen=forges.first_seen(parts.caches, parts.tags),
    )
    writes = "imageupdateautomation" in controllers
    renders, drifts = _building(parts) if "kustomization" in controllers else (None, None)
    return Knows(
        plans=planner if writes else None,
        renders=renders if writes else None,
        drifts=drifts,
        files=MarkedFiles(planner=planner, limiter=parts.git) if writes else None,
        registries=parts.registry if "imagerepository" in controllers else None,
        lags=Lags(explainer=explainer, clock=parts.clock, limiter=parts.work) if explainer is not None else None,
        running=Running(parts.clock),
        journal=parts.journal if controllers & {"alert", "receiver"} else None,
        tests=tests,
    )


def _building(parts: Parts) -> tuple[Rendering, Drifting]:
    """Return what builds for pages. Raises FileNotFoundError, as what builds for runs does."""
    scratch = parts.settings.make_scratch("plans")
    builder = builds.builder(
        parts.settings, scratch, mirrors=parts.mirrors, transport=parts.outward, git=parts.git, work=parts.work
    )
    assembler = assembling.assembler(parts, scratch, builder)
    waiter = wait.Waiter(clock=parts.clock, fail_fast=parts.settings.fail_fast)
    applier = Applier(clock=parts.clock, waiter=waiter, manner=builds.manner(parts.settings))
    releases = ReleaseDrift(applier=applier, limiter=parts.work, clock=parts.clock)
    return (
        Rendering(builder=builder, work=parts.work, scratch=scratch),
        Drifting(assembler=assembler, releases=releases, objects=parts.caches, clock=parts.clock),
    )
