"""`trigger receiver` by an address, at the service's own door."""

import asyncio
import time

import pytest
from aiohttp import web

from gotk.runtime import health
from image_automation.cli import root
from tests.image_automation.notification.door import TOKEN, a_receiver, door
from tests.image_automation.notification.issuer import an_ec_key, bearer, issuing

CALL = ("trigger", "receiver", "hook", "-n", "apps", "--retries", "0")


async def run(*arguments: str) -> int:
    return await asyncio.get_running_loop().run_in_executor(None, root.run, [*CALL, *arguments])


@pytest.mark.parametrize("type_", ["generic", "generic-hmac"])
async def test_a_receiver_is_called_without_a_cluster(type_: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with door(a_receiver(type_)) as it:
        assert await run(f"--url={it.url}/", f"--token={TOKEN.decode()}", f"--type={type_}", '--payload={"a":1}') == 0
        assert [name for name, _ in it.cluster.patched] == ["web"]
    said = capsys.readouterr()
    assert said.err == "► triggering Receiver apps/hook\n✔ Receiver apps/hook triggered\n"


@pytest.mark.parametrize(
    "given", ["--oidc-provider=github", "--oidc-token=TOKEN", ""], ids=["fetched", "given", "environment"]
)
async def test_a_job_shows_its_own_token(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key, asked = an_ec_key(), list[tuple[str, str]]()
    async with issuing(key) as issuer:
        made = {"iss": issuer, "aud": "notification-controller", "sub": "ci", "exp": time.time() + 300}
        token = bearer(key, "ES256", **made).removeprefix("Bearer ")

        async def answer(request: web.Request) -> web.Response:
            asked.append((request.query["audience"], request.headers["Authorization"]))
            return web.json_response({"value": token})

        app = web.Application()
        app.router.add_get("/token", answer)
        rules = {"issuerURL": issuer, "validations": [{"expression": "claims.sub == 'ci'", "message": "not ours"}]}
        async with (
            health.serve("127.0.0.1:0", app) as port,
            door(a_receiver("generic-oidc", oidcProviders=[rules])) as it,
        ):
            monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"http://127.0.0.1:{port}/token?api=1")
            monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "mine")
            monkeypatch.setenv("FLUX_TRIGGER_RECEIVER_OIDC_TOKEN", token)
            arguments = [given.replace("TOKEN", token)] if given else []
            assert await run(f"--url={it.url}", "--type=generic-oidc", *arguments) == 0
            assert [name for name, _ in it.cluster.patched] == ["web"]
    assert asked == ([("notification-controller", "Bearer mine")] if "provider" in given else [])


async def test_what_does_not_help_is_not_tried_again_and_what_may_is(capsys: pytest.CaptureFixture[str]) -> None:
    async with door(a_receiver("generic-hmac")) as it:
        code = await run(f"--url={it.url}", f"--token={TOKEN.decode()}", "--type=generic", "--retries=3")
        refused = capsys.readouterr().err
        again = await run(f"--url={it.url}", "--token=other", "--retries=1", "--retry-delay=1ms")
        unknown = capsys.readouterr().err
        assert it.cluster.patched == []
    assert (code, again) == (1, 1)
    assert "failed with status 400" in refused
    assert "retrying" not in refused
    assert "failed with status 404 Not Found; retrying in 1ms (1/1)" in unknown


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["--url=http://x"], "--token is required for --type=generic"),
        (["--url=http://x", "--type=github"], 'invalid --type "github", must be one of: generic, generic-hmac'),
        (["--token=x"], "--token is for a call without a cluster: name the address with --url"),
        (["--url=http://x", "--type=generic-oidc", "--token=x"], "the Receiver of this type has no secret"),
        (["--url=http://x", "--token=x", "--oidc-token=y"], "can only be set for --type=generic-oidc"),
        (["--url=http://x", "--type=generic-oidc", "--oidc-provider=gitlab"], 'invalid --oidc-provider "gitlab"'),
        (["--url=http://x", "--type=generic-oidc", "--oidc-audience=a"], "only be set together with --oidc-provider"),
        (["--url=http://x", "--type=generic-oidc"], "no OIDC token provided"),
        (["--url=http://x", "--type=generic-oidc", "--oidc-provider=github"], "the job needs the permission `id-token"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    arguments: list[str], cause: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert root.run([*CALL, *arguments]) == 1
    assert cause in capsys.readouterr().err
