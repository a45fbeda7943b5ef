from pathlib import Path

import pytest
from aiohttp import web

from gotk.cloud import azure
from gotk.cloud.azure import Azure
from gotk.cloud.errors import CloudError
from tests.gotk.cloud.standin import account, now, services

SCOPE = "https://management.azure.com/.default"
TOKEN = {"token_type": "Bearer", "expires_in": 3599, "access_token": "entra"}


async def test_a_client_secret_of_the_environment_comes_first():
    async with services({"POST /tenant/oauth2/v2.0/token": TOKEN}) as cloud:
        environment = {
            "AZURE_TENANT_ID": "tenant",
            "AZURE_CLIENT_ID": "client",
            "AZURE_CLIENT_SECRET": "hunter2",
            "AZURE_AUTHORITY_HOST": cloud.url,
        }
        token = await Azure(cloud.caller, environment=environment, now=now).controller(SCOPE, None)
    assert cloud.asked[0].form == {
        "grant_type": "client_credentials",
        "client_id": "client",
        "scope": SCOPE,
        "client_secret": "hunter2",
    }
    assert (token.value, (token.expires - now()).total_seconds()) == ("entra", 3599)


async def test_workload_identity_asserts_the_pods_token(tmp_path: Path):
    (tmp_path / "token").write_text("jwt\n")
    async with services({"POST /tenant/oauth2/v2.0/token": TOKEN}) as cloud:
        environment = {
            "AZURE_TENANT_ID": "tenant",
            "AZURE_CLIENT_ID": "client",
            "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
            "AZURE_AUTHORITY_HOST": f"{cloud.url}/",
        }
        await Azure(cloud.caller, environment=environment, now=now).controller(SCOPE, None)
    form = cloud.asked[0].form
    assert form["client_assertion"] == "jwt"
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.mark.parametrize("client", ["", "client"], ids=["the only identity", "a named one"])
async def test_a_managed_identity_is_asked_of_the_metadata_service(client: str):
    reply = TOKEN | {"expires_in": "86399"}
    async with services({"GET /metadata/identity/oauth2/token": reply}) as cloud:
        environment = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": cloud.url, "AZURE_CLIENT_ID": client}
        token = await Azure(cloud.caller, environment=environment, now=now).controller(SCOPE, None)
    (asked,) = cloud.asked
    expected = {"api-version": "2018-02-01", "resource": "https://management.azure.com"}
    assert asked.query == expected | ({"client_id": client} if client else {})
    assert asked.headers["Metadata"] == "true"
    assert token.value == "entra"


async def test_a_refusal_of_entra_is_said_without_the_secret():
    refusal = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
    async with services({"POST /tenant/oauth2/v2.0/token": web.json_response(refusal, status=401)}) as cloud:
        provider = Azure(cloud.caller, environment={"AZURE_AUTHORITY_HOST": cloud.url}, now=now)
        with pytest.raises(CloudError, match="status 401: invalid_client: AADSTS7000215") as raised:
            await provider.assert_client("tenant", "client", "hunter2", SCOPE, None)
    assert "hunter2" not in str(raised.value)


def test_an_account_names_its_tenant_and_client():
    annotations = {"azure.workload.identity/tenant-id": "t", "azure.workload.identity/client-id": "c"}
    assert azure.identity(account(**annotations)) == ("t", "c")


@pytest.mark.parametrize("missing", ["tenant", "client"])
def test_what_an_account_lacks_is_said_in_flux_words(missing: str):
    annotations = {f"azure.workload.identity/{part}-id": part for part in ("tenant", "client") if part != missing}
    expected = f"azure {missing} ID is not set in the service account annotation azure.workload.identity/{missing}-id"
    with pytest.raises(CloudError, match=f"^{expected}$"):
        azure.identity(account(**annotations))
