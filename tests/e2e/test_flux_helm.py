"""What the real flux reads of releases that the service made, and what it has the service do with them."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conformance import flux as real
from tests.conformance.flux import Flux
from tests.conformance.helm import Helm
from tests.e2e import helm_stage
from tests.e2e.helm_stage import HelmStage, is_settled

pytestmark = [real.needed, pytest.mark.skipif(Helm.path is None, reason="there is no helm here")]


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HelmStage]:
    async with helm_stage.running(tmp_path, monkeypatch) as up:
        yield up


async def test_flux_reads_steers_and_makes_releases(here: HelmStage, tmp_path: Path) -> None:
    flux = Flux(here.up.kubeconfig, tmp_path / "flux-home")
    await here.release("web", values={"image": {"tag": "1.0.0"}, "replicas": 1})
    await here.until("web", is_settled)
    told = r"default\s+web\s+1\.0\.0\s+False\s+True\s+Helm install succeeded for release default/web\.v1 with chart"
    assert re.search(told, await flux("get helmreleases -A"))
    assert re.search(r"default/web\s|web\s", await flux("get helmreleases -n default --no-header"))
    assert "image:\n  tag: 1.0.0" in await flux("debug helmrelease web -n default --show-values")

    here.offer("1.0.0", "1.1.0")
    said = (await flux.run("reconcile", "helmrelease", "web", "-n", "default", "--with-source")).err
    assert re.findall(r"✔ (.+)", said)[-1] == "applied revision 1.1.0", said
    assert "web@1.1.0" in await flux("get helmreleases -n default --no-header")
    history = await here.history("web")
    assert [line.split()[1] for line in history] == ["superseded", "deployed"]
    forced = (await flux.run("reconcile", "helmrelease", "web", "-n", "default", "--force", "--reset")).err
    assert "✔ applied revision 1.1.0" in forced
    assert len(await here.history("web")) == 3

    suspended = (await flux.run("suspend", "helmrelease", "web", "-n", "default")).err
    assert "✔ helmrelease suspended" in suspended
    assert "✔ applied revision 1.1.0" in (await flux.run("resume", "helmrelease", "web", "-n", "default")).err
    assert re.search(r"(?m)^HelmRelease:\s+web$", await flux("trace deployment web -n default"))

    create = "create helmrelease api -n default --source=HelmRepository/charts --chart=web --chart-version=1.0.0"
    (tmp_path / "values.yaml").write_text("image: {tag: 2.0.0}\nreplicas: 1\n")
    made = await flux.run(*create.split(), f"--values={tmp_path / 'values.yaml'}")
    assert "✔ HelmRelease api is ready" in made.err, made
    assert await here.image("api") == "2.0.0"
    assert "✔ helmrelease deleted" in (await flux.run("delete", "helmrelease", "api", "-n", "default", "-s")).err
