"""What patches make of an object, and who owns which field: server-side apply, strategic merge, JSON patches. Pure.

Answers to structured-merge-diff, and to `managedfields` and `strategicpatch` of `apimachinery/pkg/util`.
"""
