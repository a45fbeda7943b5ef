import base64
import json

from yarl import URL

from gotk.api.core import Secret
from gotk.api.meta import ObjectMeta
from gotk.cloud.azure import Azure
from gotk.sources import blob_access
from tests.gotk.cloud import certificates
from tests.gotk.cloud.standin import now, services

ENDPOINT = URL("https://fleet.blob.core.windows.net")
METADATA = "/metadata/identity/oauth2/token"


def secret(**data: bytes) -> Secret:
    return Secret(api_version="v1", kind="Secret", metadata=ObjectMeta(name="azure", namespace="apps"), data=data)


async def test_the_first_credential_of_a_secret_counts() -> None:
    token = {"access_token": "entra", "expires_in": 3599}
    async with services({"POST /t/oauth2/v2.0/token": token, f"GET {METADATA}": token}) as cloud:
        environment = {"AZURE_AUTHORITY_HOST": cloud.url, "AZURE_POD_IDENTITY_AUTHORITY_HOST": cloud.url}
        azure = Azure(cloud.caller, environment=environment, now=now)
        application = secret(tenantId=b"t", clientId=b"c", clientSecret=b"s3cret", accountKey=b"a2V5")
        found = await blob_access.by_secret(application, ENDPOINT, azure, None)
        assert found.token is not None
        assert (found.token.value, found.key) == ("entra", b"")
        await blob_access.by_secret(secret(clientId=b"c", accountKey=b"a2V5"), ENDPOINT, azure, None)
        by_key = await blob_access.by_secret(secret(accountKey=b"a2V5", sasKey=b"sig=x"), ENDPOINT, azure, None)
    assert (by_key.account, by_key.key, by_key.token) == ("fleet", b"key", None)
    application_asked, identity_asked = cloud.asked
    assert application_asked.form["scope"] == "https://storage.azure.com/.default"
    assert application_asked.form["client_secret"] == "s3cret"
    assert identity_asked.query["client_id"] == "c"
    assert identity_asked.query["resource"] == "https://storage.azure.com"


async def test_an_application_may_show_a_certificate() -> None:
    made = certificates.make()
    async with services({"POST /t/oauth2/v2.0/token": {"access_token": "entra", "expires_in": 3599}}) as cloud:
        azure = Azure(cloud.caller, environment={"AZURE_AUTHORITY_HOST": cloud.url}, now=now)
        shown = secret(
            tenantId=b"t",
            clientId=b"c",
            clientCertificate=made.packed(b"s3cret"),
            clientCertificatePassword=b"s3cret",
            clientCertificateSendChain=b"True",
        )
        found = await blob_access.by_secret(shown, ENDPOINT, azure, None)
    assert found.token is not None
    assert found.token.value == "entra"
    (asked,) = cloud.asked
    assert asked.form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    head, claims, _ = (part + "=" * (-len(part) % 4) for part in asked.form["client_assertion"].split("."))
    assert len(json.loads(base64.urlsafe_b64decode(head))["x5c"]) == 2
    assert json.loads(base64.urlsafe_b64decode(claims))["aud"] == f"{cloud.url}/t/oauth2/v2.0/token"
    assert "client_secret" not in asked.form
