"""Who asks and what they may do: credentials, certificates, roles, impersonation."""
