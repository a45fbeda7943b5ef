"""Go's text/template with Sprig's hermetic functions, for the templates that Flux users write into their objects."""
