"""What a Receiver says of itself: its path, or why it has none."""

from typing import Any

import msgspec
import pytest

from gotk.api.core import Secret
from gotk.api.meta import ObjectMeta
from gotk.api.notification import Receiver, ReceiverStatus
from gotk.kube import errors
from gotk.runtime.errors import Retry, Stalled
from image_automation.notification.receiver import ReceiverReconciler, path_of
from tests.image_automation.notification.door import a_receiver
from tests.running import Ended, run_once

TERMINALLY = "Reconciliation failed terminally due to configuration error: "
PROVIDER = {"issuerURL": "https://issuer.example.com", "validations": [{"expression": "true", "message": "never"}]}


class Secrets:
    """The secret `apps/hook`, or none."""

    def __init__(self, data: dict[str, bytes] | None) -> None:
        self._data = data

    async def get(self, kind: Any, namespace: str, name: str) -> Any:
        if self._data is None or (namespace, name) != ("apps", "hook"):
            raise errors.NotFound(404, "NotFound", f'secrets "{name}" not found')
        return Secret(
            api_version="v1", kind="Secret", metadata=ObjectMeta(name=name, namespace=namespace), data=self._data
        )


async def run(obj: Receiver, data: dict[str, bytes] | None = {"token": b"s3cret"}) -> Ended[Receiver]:  # noqa: B006 - read
    return await run_once(ReceiverReconciler(objects=Secrets(data)), obj)


def fresh(type_: str = "generic", **spec: Any) -> Receiver:
    """Return a receiver that nobody has looked at yet."""
    return msgspec.structs.replace(a_receiver(type_, **spec), status=ReceiverStatus(observed_generation=-1))


@pytest.mark.parametrize("token", [b"s3cret", b"s3cret\n", b"\x00\xff"], ids=["text", "with its newline", "bytes"])
async def test_a_receiver_with_a_token_has_a_path_and_says_so(token: bytes) -> None:
    ended = await run(fresh(), {"token": token})
    path = path_of(token, "hook", "apps")
    assert ended.conditions == {"Ready": ("True", "Succeeded", f"Receiver initialized for path: {path}")}
    assert ended.obj.status.webhook_path == path
    assert ended.outcome is not None
    assert ended.outcome.event == "Reconciliation finished, next run in 10m0s"


async def test_the_type_without_a_secret_has_a_path_of_an_empty_token() -> None:
    ended = await run(fresh("generic-oidc", oidcProviders=[PROVIDER]), None)
    assert ended.obj.status.webhook_path == path_of(b"", "hook", "apps")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(
            None,
            "unable to read token from secret 'apps/hook' error: secrets \"hook\" not found",
            id="no secret",
        ),
        pytest.param(
            {"password": b"hunter2"}, "invalid 'apps/hook' secret data: required fields 'token'", id="no token in it"
        ),
    ],
)
async def test_without_a_token_the_path_closes_and_is_tried_again(data: dict[str, bytes] | None, message: str) -> None:
    opened = a_receiver("generic")
    assert opened.status.webhook_path
    ended = await run(opened, data)
    assert ended.ready == ("False", "TokenNotFound", message)
    assert isinstance(ended.error, Retry)
    assert ended.obj.status.webhook_path == ""


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        pytest.param({"resourceFilter": "req.tag =="}, "invalid resourceFilter expression", id="the filter of all"),
        pytest.param({"resourceFilter": "claims.sub == 'x'"}, "invalid resourceFilter expression",
            id="claims of a type without"),
        pytest.param(
            {"resources": [{"kind": "ImageRepository", "name": "web"},
                           {"kind": "ImageRepository", "name": "api", "filter": "nobody.knows"}]},
            'invalid filter expression for resources[1] (kind="ImageRepository", name="api")',
                id="the filter of a resource",
        ),
        pytest.param(
            {"type": "generic-oidc", "oidcProviders": [PROVIDER | {"variables": [{"name": "a", "expression": "("}]}]},
            'oidcProviders[0] (issuerURL="https://issuer.example.com"): invalid expression for variable "a"',
                id="a variable",
        ),
        pytest.param(
            {"type": "generic-oidc",
             "oidcProviders": [PROVIDER | {"validations": [{"expression": "req.x", "message": "m"}]}]},
            'oidcProviders[0] (issuerURL="https://issuer.example.com"): invalid expression for validation "m"',
                id="a validation over the body",
        ),
    ],
)  # fmt: skip
async def test_a_bad_expression_stalls_and_is_named(spec: dict[str, Any], where: str) -> None:
    ended = await run(fresh(spec.pop("type", "generic"), **spec))
    stalls(ended, "InvalidCELExpression", f"{TERMINALLY}{where}: ")


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        pytest.param(
            fresh("generic-oidc", oidcProviders=[PROVIDER], secretRef={"name": "hook"}),
            "secretRef cannot be set when type is generic-oidc", id="a secret too many",
        ),
        pytest.param(
            fresh("generic-oidc"), "generic-oidc receiver requires at least one oidcProvider", id="no issuer"
        ),
        pytest.param(
            fresh("generic-oidc", oidcProviders=[PROVIDER, PROVIDER]), 'oidcProviders[1]: duplicate issuerURL "https://issuer.example.com"',
            id="an issuer twice",
        ),
        pytest.param(
            fresh("github", secretRef=None), "secretRef is required when type is not generic-oidc", id="no secret named"
        ),
    ],
)  # fmt: skip
async def test_a_spec_that_makes_no_sense_stalls(obj: Receiver, message: str) -> None:
    stalls(await run(obj), "ValidationFailed", f"{TERMINALLY}{message}")


def stalls(ended: Ended[Receiver], reason: str, begins: str) -> None:
    """Check that nothing is tried again and that both conditions say why."""
    assert isinstance(ended.error, Stalled)
    assert ended.ready[:2] == ("False", reason)
    assert ended.conditions["Stalled"][:2] == ("True", reason)
    assert ended.ready[2].startswith(begins)
    assert ended.conditions["Stalled"][2] == ended.ready[2]
