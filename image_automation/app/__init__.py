"""The composition root: settings, wiring, the embedded control plane. The only place that knows every room."""
