"""A repository with a hundred thousand tags costs a bounded multiple of its answer, and gives it back."""

import json
import tracemalloc

from aiohttp import web

from gotk.oci.client import RegistryClient
from reflector.image_repository import ImageRepositoryReconciler
from reflector.store import TagStore
from tests.gotk.oci.serving import serving
from tests.reflector.cluster import Cache, Cluster, repository
from tests.running import run_once


async def test_a_long_list_takes_ten_times_its_answer_at_most_and_is_let_go():
    body = json.dumps({"name": "app", "tags": [f"v1.{n // 1000}.{n % 1000}" for n in range(100_000)]}).encode()

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    async with serving(handler) as address, RegistryClient() as client:
        with TagStore(None) as store:
            reconciler = ImageRepositoryReconciler(cache=Cache(), objects=Cluster(), registry=client, store=store)
            tracemalloc.start()
            try:
                ended = await run_once(reconciler, repository(f"{address}/app"))
                left, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    assert ended.obj.status.last_scan_result is not None
    assert ended.obj.status.last_scan_result.tag_count == 100_000
    assert peak <= 10 * len(body)
    assert left <= len(body)
