"""Google's Artifact Registry and Container Registry: `provider: gcp`. Answers to `fluxcd/pkg/auth/gcp`."""

import re

from gotk.cloud import gcp
from gotk.cloud.errors import CloudError
from gotk.cloud.google import Google
from gotk.cloud.registries.ports import RegistryCredentials
from gotk.cloud.token import Token
from gotk.http.proxy import Proxy
from gotk.oci.keychain import Credentials

_PATTERN = r"^(((.+\.)?gcr\.io)|(.+-docker\.pkg\.dev)|(docker\.s3nsregistry\.fr))$"


class Gar(Google):
    """Credentials of Google's registries: the access token itself, the same for all of them."""

    def input(self, registry: str) -> str:
        """Return the provider's name. Raises CloudError for a host that is not Google's."""
        if not re.fullmatch(_PATTERN, registry):
            raise CloudError(f"invalid GCP registry: '{registry}'. must match {_PATTERN}")
        return self.name

    def scope(self, registry_input: str) -> str:
        """Return the scopes, the same for all."""
        del registry_input
        return gcp.SCOPES

    async def registry(self, registry_input: str, token: Token, proxy: Proxy | None) -> RegistryCredentials:
        """Use the access token as it is."""
        del registry_input, proxy
        return RegistryCredentials(
            credentials=Credentials(username="oauth2accesstoken", password=token.value), expires=token.expires
        )
