"""Clients in a process of their own, on bare sockets, so that they cost the measured loop nothing.

`python clients.py post PORT CLIENTS` reads a JSON list of [path, body] and prints how often each status came.
`python clients.py watch PORT CLIENTS CALENDAR` opens sockets that offer compression, says `ready`, and reads.
"""

import base64
import json
import selectors
import socket
import sys
from collections import Counter

HOST = "127.0.0.1"


def post(port: int, clients: int) -> None:
    """A closed loop: each connection sends its next request when it has its answer."""
    requests = iter([_request(port, path, body) for path, body in json.load(sys.stdin)])
    selector, waiting, statuses = selectors.DefaultSelector(), {}, Counter()
    for _ in range(clients):
        first = next(requests, None)
        if first is not None:
            connection = socket.create_connection((HOST, port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(first)
            selector.register(connection, selectors.EVENT_READ)
            waiting[connection] = b""
    while waiting:
        for key, _ in selector.select():
            connection = key.fileobj
            waiting[connection] += connection.recv(65_536)
            if not _is_whole(waiting[connection]):
                continue
            statuses[waiting[connection][9:12].decode()] += 1
            following = next(requests, None)
            if following is None:
                selector.unregister(connection)
                del waiting[connection]
                connection.close()
            else:
                waiting[connection] = b""
                connection.sendall(following)
    print(json.dumps(statuses))


def watch(port: int, clients: int, calendar: str) -> None:
    """Sockets that watch one calendar and read whatever comes, until the server closes them."""
    selector = selectors.DefaultSelector()
    for _ in range(clients):
        connection = socket.create_connection((HOST, port))
        connection.sendall(_handshake(port))
        _read_until(connection, b"\r\n\r\n")
        connection.sendall(_masked(json.dumps({"op": "watch", "calendar": calendar}).encode()))
        selector.register(connection, selectors.EVENT_READ)
    print("ready", flush=True)
    left = clients
    while left:
        for key, _ in selector.select():
            if not key.fileobj.recv(262_144):
                selector.unregister(key.fileobj)
                left -= 1


def _request(port: int, path: str, body: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def _is_whole(answer: bytes) -> bool:
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    place = answer.lower().find(b"content-length: ") + 16
    return len(answer) >= end + 4 + int(answer[place : answer.find(b"\r\n", place)])


def _handshake(port: int) -> bytes:
    key = base64.b64encode(b"holdfast-watcher").decode()
    return (
        f"GET /live HTTP/1.1\r\nHost: {HOST}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    ).encode()


def _read_until(connection: socket.socket, mark: bytes) -> None:
    read = b""
    while mark not in read:
        read += connection.recv(4_096)
    if b"permessage-deflate" in read:
        raise SystemExit("the server took up compression")


def _masked(payload: bytes) -> bytes:
    mask = b"mask"
    hidden = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    return bytes((0x81, 0x80 | len(payload))) + mask + hidden


if __name__ == "__main__":
    if sys.argv[1] == "post":
        post(int(sys.argv[2]), int(sys.argv[3]))
    else:
        watch(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
