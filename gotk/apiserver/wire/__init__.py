"""What goes over the wire: paths, options, bodies, tables, discovery and OpenAPI."""
