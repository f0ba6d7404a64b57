"""A WebSocket client by hand, for what no library would send, and for one that does not read."""

import asyncio
import base64
import json
import socket
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class RawSocket:
    """A connected socket on `/live`. Frames are (opcode, payload)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        self.reader, self.writer, self.head = reader, writer, head

    @classmethod
    async def connect(cls, url: str, *, headers: str = "", receive_buffer: int | None = None) -> "RawSocket":
        """Do the handshake; a small receive buffer makes the server feel at once that nobody reads."""
        raw = socket.socket()
        if receive_buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.setblocking(False)
        address = urlsplit(url)
        await asyncio.get_running_loop().sock_connect(raw, (address.hostname, address.port))
        reader, writer = await asyncio.open_connection(sock=raw, limit=4096)
        key = base64.b64encode(bytes(16)).decode()
        writer.write(
            f"GET /live HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{headers}\r\n".encode()
        )
        socket_made = cls(reader, writer, "")
        try:
            socket_made.head = (await reader.readuntil(b"\r\n\r\n")).decode()
            assert socket_made.head.startswith("HTTP/1.1 101 "), socket_made.head
        except BaseException:
            await socket_made.close()
            raise
        return socket_made

    def send(self, opcode: int, payload: bytes, *, first: int = 0x80, masked: bool = True) -> None:
        """Send one frame; `first` is 0 for a fragment that more follow, 0x80 for a whole or last one."""
        mask = bytes(4) if masked else b""
        size = len(payload)
        if size < 126:
            length = bytes((size | (0x80 if masked else 0),))
        elif size < 65_536:
            length = bytes((126 | (0x80 if masked else 0),)) + size.to_bytes(2, "big")
        else:
            length = bytes((127 | (0x80 if masked else 0),)) + size.to_bytes(8, "big")
        self.writer.write(bytes((first | opcode,)) + length + mask + payload)  # a mask of zeros changes nothing

    def say(self, message: Any) -> None:
        """Send JSON as text."""
        self.send(TEXT, json.dumps(message).encode())

    async def frame(self) -> tuple[int, bytes]:
        """The next frame. Raises IncompleteReadError at the end of the connection."""
        first, size = await self.reader.readexactly(2)
        assert first & 0x80, "the server does not send fragments"
        assert not size & 0x80, "the server does not mask"
        if size >= 126:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        return first & 0x0F, await self.reader.readexactly(size)

    async def closing(self) -> tuple[int, str]:
        """Code and reason of the server's closing frame."""
        opcode, payload = await self.frame()
        while opcode != CLOSE:
            opcode, payload = await self.frame()
        return int.from_bytes(payload[:2], "big"), payload[2:].decode()

    async def ended(self) -> None:
        """Read away whatever still comes, until the connection is gone."""
        with suppress(ConnectionError):
            while await self.reader.read(65_536):
                pass

    async def close(self) -> None:
        """Let go without a word, whatever was still to be sent."""
        self.writer.transport.abort()
        with suppress(ConnectionError):
            await self.writer.wait_closed()
