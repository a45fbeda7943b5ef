"""Confinement by the operating system: what a child that works on strangers' bytes can reach and use up.

The check of what a child is given is one wall; this is the other, and each is enough alone. No privilege is needed:
Landlock keeps files away, a seccomp filter keeps the network, other processes and the kernel's rarer doors away, and
resource limits bound memory, processor time and disk. Everything that runs in the child itself (`launcher`,
`enclosure` and what they import) loads in a few milliseconds, so it imports no more than `ctypes`.
"""
