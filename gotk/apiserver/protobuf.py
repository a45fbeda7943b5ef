"""interim"""


def decode(data: bytes):
    raise ValueError("protobuf")
