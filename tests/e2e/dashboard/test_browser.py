"""The pages in a real browser: by keyboard alone, on a phone, without complaints of axe, kept true, acted upon."""

import functools
import importlib.resources
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from gotk.api.extensions import DECISIONS, FREEZE
from gotk.api.source import GitRepository
from gotk.runtime.blocking import Limiter
from image_automation.dashboard import explained, server
from image_automation.dashboard.files import checkout, file
from image_automation.dashboard.plans import plan
from tests.e2e.dashboard import repository, told
from tests.e2e.dashboard.browser import DESKTOP, PHONE, Page, chromium
from tests.e2e.dashboard.fleet import Fleet
from tests.image_automation.dashboard.showing import KINDS, Held, shown
from tests.memory_cluster import MemoryCluster

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]

#: Every page that needs no tag store, and the form to sign in.
PLACES = {
    "{kind}": "ImageRepository",
    "{applier}": "Kustomization",
    "{namespace}": "shop",
    "{name}": "cart",
    "{policy}": "cart",
    "{path:.+}": "apps/shop/cart.yaml",
}
#: What is about an automation.
AUTOMATIONS = (plan.PAGE, checkout.PAGE, file.PAGE)
PATHS = [
    page.path.replace("{name}", "images") if page in AUTOMATIONS else page.path
    for page in server.PAGES
    if page is not explained.PAGE
]
PAGES = [functools.reduce(lambda path, part: path.replace(part, PLACES[part]), PLACES, path) for path in PATHS]
PAGES += ["/images?q=shop", "/login"]
GROUPS = ("system:authenticated", "leads")
HOLDERS = {"operator": Held("olga@example.com", GROUPS, frozenset({("*", "*", "*")}))}
AXE = (importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text()


class Stage(NamedTuple):
    page: Page
    url: str
    cluster: MemoryCluster


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    now = datetime.now(UTC)
    fleet = Fleet(now)
    with Limiter(width=1) as limiter:
        planned = repository.knows(fleet, tmp_path_factory.mktemp("repository"), limiter, now)
        knows = told.told(fleet, planned, now)
        async with (
            chromium(tmp_path_factory.mktemp("chromium")) as page,
            shown(fleet.cluster, holders=HOLDERS, knows=knows, kinds=(*KINDS, GitRepository)) as client,
        ):
            yield Stage(page, str(client.make_url("/")).rstrip("/"), fleet.cluster)
            assert page.complaints == []


async def where(page: Page) -> str:
    return str(await page.run("location.pathname + location.search"))


async def test_everything_is_reached_by_keyboard(stage: Stage) -> None:
    page, url, _ = stage
    await page.size(DESKTOP)
    await page.open(f"{url}/")
    await page.press("j", "j", "k")
    assert "payments/ledger" in await page.run("document.activeElement.textContent")
    async with page.loading():
        await page.press("Enter")
    assert await where(page) == "/objects/ImageRepository/payments/ledger"
    async with page.loading():
        await page.press("g", "i")
    assert await where(page) == "/images"
    for key, path in (("r", "/rollouts"), ("s", "/registries"), ("h", "/holds")):
        async with page.loading():
            await page.press("g", key)
        assert await where(page) == path
    await page.press("/", *"checkout")
    async with page.loading():
        await page.press("Enter")
    assert await where(page) == "/images?q=checkout"
    assert await page.run("document.querySelectorAll('main .row').length") == 1
    await page.press("?")
    assert await page.run("document.getElementById('keys').open")
    await page.press("Escape")
    assert not await page.run("document.getElementById('keys').open")
    await page.press("Tab")
    assert await page.run("document.activeElement.matches('.skip, a, button, input')")


async def test_nothing_is_wider_than_a_phone(stage: Stage) -> None:
    page, url, _ = stage
    await page.size(PHONE)
    for path in PAGES:
        await page.open(url + path)
        assert (path, await page.run("document.documentElement.scrollWidth")) == (path, PHONE[0])
        wide = "[...document.querySelectorAll('.row')].filter((row) => row.scrollWidth > row.clientWidth).length"
        assert (path, await page.run(wide)) == (path, 0)


async def test_rows_out_of_sight_are_found_and_told_to_screen_readers(stage: Stage) -> None:
    page, url, cluster = stage
    await page.size((PHONE[0] * 2, 120))
    rows = sum(kind == "ImagePolicy" for kind, _, _ in cluster.objects)
    table = {"table": 1, "columnheader": 5, "row": rows + 1, "rowheader": rows, "cell": 4 * rows}
    await page.open(f"{url}/images")
    await page.until("document.documentElement.classList.contains('painted')")
    assert await told_to_screen_readers(page, table) == table
    assert await page.run("find('shop/checkout')")
    await page.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        await page.open(f"{url}/images")
        assert await told_to_screen_readers(page, table) == table
    finally:
        await page.ask("Emulation.setScriptExecutionDisabled", value=False)


async def told_to_screen_readers(page: Page, roles: Iterable[str]) -> dict[str, int]:
    """Return how much of each role there is on a page."""
    tree = (await page.ask("Accessibility.getFullAXTree"))["nodes"]
    counts = Counter(node["role"]["value"] for node in tree if not node["ignored"])
    return {role: counts[role] for role in roles}


@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, False), (PHONE, True)])
async def test_axe_finds_nothing_serious(stage: Stage, size: tuple[int, int], dark: bool) -> None:
    page, url, _ = stage
    await page.size(size, dark=dark)
    for path in PAGES:
        await page.open(url + path)
        await page.run(AXE)
        found = await page.run("axe.run().then((found) => JSON.parse(JSON.stringify(found.violations)))")
        bad = [each for each in found if each["impact"] in {"serious", "critical"}]
        assert [(path, each["id"], each["nodes"][0]["html"]) for each in bad] == []


async def test_what_changes_is_seen_without_loading_the_page_again(stage: Stage) -> None:
    page, url, cluster = stage
    await page.size(DESKTOP)
    await page.open(f"{url}/images")
    await page.until("document.getElementById('pill').textContent === 'live'")
    await page.run("window.same = true; document.getElementById('shop/cart').tabIndex = -1;"
                   "document.getElementById('shop/cart').focus()")  # fmt: skip
    cluster.change("ImagePolicy", "shop", "cart", {"status": {"latestRef": {"tag": "2.4.0"}}})
    await page.until("document.getElementById('shop/cart').querySelector('.tag').textContent === '2.4.0'")
    cluster.delete("ImagePolicy", "web", "frontend")
    await page.until("!document.getElementById('web/frontend')")
    assert await page.run("window.same")
    assert await page.run("document.activeElement.id") == "shop/cart"


async def test_one_signs_in_suspends_and_signs_out(stage: Stage) -> None:
    page, url, cluster = stage
    await page.size(DESKTOP)
    place = "/objects/ImageRepository/platform/ingress"
    await sign_in(page, url, place)
    assert await where(page) == place
    assert await page.run("document.querySelector('.me').textContent") == "olga@example.com"
    async with page.loading():
        await page.run("document.querySelector('button[value=suspend]').click()")
    await page.until("document.querySelector('button[value=resume]')")
    assert suspended(cluster)
    async with page.loading():
        await page.run("document.querySelector('button[value=resume]').click()")
    await page.until("document.querySelector('button[value=suspend]')")
    assert not suspended(cluster)
    async with page.loading():
        await page.run("document.querySelector('.who button').click()")
    assert await page.run("document.querySelector('.who a').textContent") == "Sign in"


def suspended(cluster: MemoryCluster) -> Any:
    return cluster.objects["ImageRepository", "platform", "ingress"]["spec"].get("suspend", False)


async def sign_in(page: Page, url: str, place: str) -> None:
    await page.open(f"{url}/login?next={place}")
    await page.run("document.getElementById('token').focus()")
    await page.press(*"operator")
    async with page.loading():
        await page.run("document.querySelector('.card button').click()")


async def test_one_approves_by_keyboard_alone(stage: Stage) -> None:
    page, url, cluster = stage
    await page.size(DESKTOP)
    await sign_in(page, url, "/")
    async with page.loading():
        await page.press("g", "a")
    await page.press("j", *["Tab"] * 3)
    assert await page.run("document.activeElement.textContent.trim()") == "Approve payments/ledger 5.0.1"
    async with page.loading():
        await page.press("Enter")
    await page.run(AXE)
    found = await page.run("axe.run().then((found) => JSON.parse(JSON.stringify(found.violations)))")
    assert [each["id"] for each in found if each["impact"] in {"serious", "critical"}] == []
    assert await page.run("document.activeElement.name") == "reason"
    await page.press(*"works")
    async with page.loading():
        await page.press("Enter")
    assert await where(page) == "/approvals"
    told = "image policy ledger: 5.0.1 is approved by olga@example.com: works"
    assert await page.run("document.querySelector('.notes').textContent") == told
    await page.until("document.querySelector('#awaited-payments-images-ledger .words').textContent.includes('olga')")
    assert (
        "olga@example.com" in cluster.objects["ImagePolicy", "payments", "ledger"]["metadata"]["annotations"][DECISIONS]
    )
    await page.size(PHONE)
    await page.open(f"{url}/act?act=rollback&kind=ImageUpdateAutomation&namespace=shop&name=images")
    assert await page.run("document.documentElement.scrollWidth - innerWidth") <= 0
    async with page.loading():
        await page.run("document.querySelector('.who button').click()")


async def test_one_freezes_an_automation_and_lets_it_write_again(stage: Stage) -> None:
    page, url, cluster = stage
    await page.size(PHONE)
    await sign_in(page, url, "/holds")
    await page.run("document.querySelector('details').open = true")
    await page.run(AXE)
    found = await page.run("axe.run().then((found) => JSON.parse(JSON.stringify(found.violations)))")
    assert [each["id"] for each in found if each["impact"] in {"serious", "critical"}] == []
    assert await page.run("document.documentElement.scrollWidth - innerWidth") <= 0
    async with page.loading():
        await page.run("document.querySelector('details a[href*=platform]').click()")
    await page.until("document.activeElement.name === 'reason'")
    await page.press(*"sale")
    async with page.loading():
        await page.press("Enter")
    assert await where(page) == "/holds"
    frozen = cluster.objects["ImageUpdateAutomation", "platform", "images"]["metadata"]["annotations"]
    assert "olga@example.com" in frozen[FREEZE]
    unfreeze = "document.querySelector('#frozen a[href*=unfreeze]')"
    await page.until(unfreeze)
    async with page.loading():
        await page.run(f"{unfreeze}.click()")
    await page.until("document.activeElement.value === 'unfreeze'")
    async with page.loading():
        await page.press("Enter")
    assert "image update images is frozen no more" in await page.run("document.querySelector('.notes').textContent")
    thawed = cluster.objects["ImageUpdateAutomation", "platform", "images"]["metadata"]["annotations"]
    assert FREEZE not in thawed
    async with page.loading():
        await page.run("document.querySelector('.who button').click()")


async def test_one_tries_an_alert_and_reads_events_and_rights_on_a_phone(stage: Stage) -> None:
    page, url, _ = stage
    await page.size(PHONE)
    await sign_in(page, url, "/notifications")
    assert "404 Not Found" in await page.run("document.getElementById('provider-shop-on-call').textContent")
    async with page.loading():
        await page.run("document.querySelector('#provider-shop-chat .offers a').click()")
    await page.until("document.activeElement.matches('button')")
    async with page.loading():
        await page.press("Enter")
    assert "has taken the test" in await page.run("document.querySelector('.notes').textContent")
    await page.open(f"{url}/events?type=warning")
    async with page.loading():
        await page.run("document.querySelector('[name=namespace]').value = 'payments';"
                       "document.querySelector('.filters button').click()")  # fmt: skip
    assert await page.run("document.querySelectorAll('.happened .row').length") == 1
    await page.open(f"{url}/access")
    assert await page.run("document.querySelectorAll('.rights .no').length") == 0
    async with page.loading():
        await page.run("document.querySelector('.who button').click()")


#: Something that each page says of the cluster, in words that no script has to make.
SAID = {
    "/": "scan failed: 401 Unauthorized",
    "/images": "1.14.2",
    "/images/shop/cart": "apps/shop/cart.yaml",
    "/changes": "apps/shop/checkout.yaml",
    "/holds": "apps/payments/gateway.yaml",
    "/approvals": "ledger",
    "/notifications": "404 Not Found",
    "/events": "UTC</time>",
    "/access": "approve, reject, allow, pin",
    "/rollouts": "cert-manager",
    "/rollouts/Kustomization/shop/cart": "Available: 0/1",
    "/plan": "shop",
    "/plan/shop/images": "apps/shop/checkout.yaml:16",
    "/registries": "registry.example.com",
    "/files": "shop",
    "/files/shop/images": "apps/shop/cart.yaml",
    "/files/shop/images/apps/shop/cart.yaml": "written by Ada Lovelace",
    "/objects/ImageRepository/shop/cart": "the last list lacks 41 of 96 tags",
    "/images?q=shop": "2.3.0",
    "/login": 'name="token"',
}


async def test_every_page_is_read_without_javascript(stage: Stage) -> None:
    page, url, _ = stage
    await page.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        told = {}
        for path in PAGES:
            await page.open(url + path)
            root = (await page.ask("DOM.getDocument", depth=0))["root"]["nodeId"]
            html = (await page.ask("DOM.getOuterHTML", nodeId=root))["outerHTML"]
            told[path] = SAID[path] in html and 'class="pill" role="status" hidden' in html
        assert told == dict.fromkeys(PAGES, True)
    finally:
        await page.ask("Emulation.setScriptExecutionDisabled", value=False)


async def signed_in(page: Page, url: str, place: str) -> None:
    """Sign in as the operator, and stand at a place."""
    await page.open(f"{url}/login?next={place}")
    await page.run("document.getElementById('token').focus()")
    await page.press(*"operator")
    async with page.loading():
        await page.run("document.querySelector('.card button').click()")


async def test_a_plan_is_read_and_exactly_it_is_written_by_keyboard(stage: Stage) -> None:
    page, url, cluster = stage
    await page.size(DESKTOP)
    await signed_in(page, url, "/")
    async with page.loading():
        await page.press("g", "p")
    assert await where(page) == "/plan"
    row = "document.getElementById('shop-images')"
    await page.run(f"{row}.tabIndex = -1; {row}.focus()")
    async with page.loading():
        await page.press("Enter")
    assert await where(page) == "/plan/shop/images"
    added = await page.run("[...document.querySelectorAll('.diff .plus')].map((line) => line.textContent).join('')")
    assert "shop/checkout:1.14.2" in added
    await page.run("document.querySelector('button[name=plan]').focus()")
    async with page.loading():
        await page.press("Enter")
    assert await page.run("document.querySelector('button[name=plan]')") is None
    assert "Nothing is to be written" in await page.run("document.getElementById('main').textContent")
    pushed = cluster.objects["ImageUpdateAutomation", "shop", "images"]["status"]["lastPushCommit"]
    async with page.loading():
        await page.press("g", "f")
    assert await where(page) == "/files"
    await page.open(f"{url}/files/shop/images/apps/shop/checkout.yaml#L16")
    boxes = await page.run("[...document.querySelectorAll('#L16 mark')].map((box) => box.textContent)")
    assert boxes == ["registry.example.com/shop/checkout:1.14.2"]
    assert pushed[:12] in await page.run("document.getElementById('main').textContent")
    assert await page.run("getComputedStyle(document.getElementById('L16')).backgroundColor") != "rgba(0, 0, 0, 0)"


async def test_a_rollout_that_fails_says_what_its_pod_wrote_last(stage: Stage) -> None:
    page, url, cluster = stage
    await page.size(PHONE)
    await signed_in(page, url, "/rollouts/Kustomization/shop/cart")
    assert "no such host" in await page.run("document.querySelector('main pre').textContent")
    await page.until("document.getElementById('pill').textContent === 'live'")
    await page.run("window.same = true")
    counts = {"readyReplicas": 1, "availableReplicas": 1, "conditions": [{"type": "Available", "status": "True"}]}
    cluster.change("Deployment", "shop", "cart", {"status": counts})
    cluster.change("Kustomization", "shop", "cart", {"metadata": {"labels": {"seen": "again"}}})
    await page.until("!document.querySelector('main pre')")
    assert await page.run("window.same")
