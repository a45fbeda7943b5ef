"""What a Git forge's REST API is asked: statuses, comments, repositories, deploy keys. Generators, no network.

One file per forge, each a frozen value that knows a repository and how to identify itself; its methods are
conversations (`gotk.http.exchange`) that whoever has a client carries out.
"""
