"""With whose credentials a pass asks registries: those of a docker configuration, and those that the user named."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from gotk.oci import keychain
from gotk.oci.keychain import Keychain


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """A docker configuration, where there is one, and `USER:PASSWORD` by registry, which go before its own."""

    file: Path | None = None
    named: Mapping[str, str] = field(default_factory=dict, repr=False)

    def content(self) -> bytes | None:
        """Return both as one docker configuration; None where nothing is known. Raises OSError, InvalidConfig."""
        held = self.file.read_bytes() if self.file else b""
        if not self.named:
            return held or None
        try:
            config = msgspec.json.decode(held, type=dict[str, object]) if held else {}
        except msgspec.DecodeError:
            keychain.read([(keychain.DOCKER_CONFIG_JSON, held)])  # says what is wrong with it
            raise keychain.InvalidConfig("the docker configuration is no object") from None
        auths = config.get("auths")
        named = {host: {"auth": base64.b64encode(each.encode()).decode()} for host, each in self.named.items()}
        kept = auths if isinstance(auths, dict) else {}
        return msgspec.json.encode({**config, "auths": kept | named})

    def keychain(self) -> Keychain:
        """Return what is known. Raises OSError, InvalidConfig."""
        content = self.content()
        return keychain.read([(keychain.DOCKER_CONFIG_JSON, content)] if content else [])
