"""Ways into the dashboard besides a token, a link and an issuer's form."""
