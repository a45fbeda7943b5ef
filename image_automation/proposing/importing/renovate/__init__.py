"""Renovate: what its configuration says of images in manifests, as policies, windows, groups and pull requests.

`settings` reads the configuration, `rules` what of it holds for one image, `schedules` its times; `policies` makes a
policy of that, `proposals` what the automation is asked for, and `reader` puts them together. Answers to Renovate's
`docs/usage/configuration-options.md`, `string-pattern-matching.md`, and the readmes of its managers and versionings.
"""
