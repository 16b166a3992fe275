"""Messages: two big-endian 32-bit lengths, a JSON object, and bytes. File names are JSON strings with one character per byte."""

import json
import os
import struct

HEADER = struct.Struct('>II')
MAX_JSON = 16 << 20
MAX_BYTES = 64 << 20


class Ended(Exception):
    """The other side is gone."""


def read_exactly(fd, length):
    parts = []
    while length > 0:
        part = os.read(fd, min(length, 1 << 20))
        if not part:
            raise Ended()
        parts.append(part)
        length -= len(part)
    return b''.join(parts)


def receive(fd):
    json_length, byte_length = HEADER.unpack(read_exactly(fd, HEADER.size))
    if json_length > MAX_JSON or byte_length > MAX_BYTES:
        raise Ended()
    message = json.loads(read_exactly(fd, json_length))
    return message, read_exactly(fd, byte_length)


def write_all(fd, data):
    view = memoryview(data)
    while len(view) > 0:
        try:
            view = view[os.write(fd, view):]
        except BrokenPipeError:
            raise Ended() from None


def send(fd, message, data=b''):
    text = json.dumps(message, separators=(',', ':')).encode()
    write_all(fd, HEADER.pack(len(text), len(data)) + text)
    if data:
        write_all(fd, data)


def to_bytes(name):
    return name.encode('latin-1')


def to_text(name):
    return name.decode('latin-1')
