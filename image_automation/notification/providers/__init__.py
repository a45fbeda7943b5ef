"""Providers: what each service is sent. A provider is a generator over requests and answers, without input or output."""
