"""An upstream for large bodies: counts what it is sent, and sends as much as it is asked for.

`python -m bench.bodies` prints its port. POST answers with the number of bytes that came;
GET /N answers with N bytes.
"""

from __future__ import annotations

import asyncio

PIECE = b"x" * 65_536


async def _serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            line, _, lines = head.decode("latin-1").partition("\r\n")
            method, target, _ = line.split(" ")
            if method == "POST":
                seen = await _drop(reader, _length(lines))
                body = str(seen).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            else:
                await _flood(writer, int(target.strip("/") or 0))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # whoever asked has left
    finally:
        writer.close()


def _length(lines: str) -> int:
    values = (
        line.partition(":")[2]
        for line in lines.split("\r\n")
        if line[:15].lower() == "content-length:"
    )
    return int(next(values, "0"))


async def _drop(reader: asyncio.StreamReader, length: int) -> int:
    left = length
    while left:
        left -= len(await reader.readexactly(min(left, len(PIECE))))
    return length


async def _flood(writer: asyncio.StreamWriter, length: int) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % length)
    left = length
    while left:
        writer.write(PIECE[: min(left, len(PIECE))])
        left -= min(left, len(PIECE))
        await writer.drain()


async def _main() -> None:
    server = await asyncio.start_server(_serve_one, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
