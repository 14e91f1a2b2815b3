# SPDX-License-Identifier: MIT
"""One long session of the Python SDK by way of fastmcp, as OpenHands uses it.  It does one thing for
each line that comes in, and writes a line of JSON for it.  URL and token in the environment."""

import asyncio
import json
import os
import sys
import time

from fastmcp import Client
from fastmcp.client.messages import MessageHandler
from fastmcp.client.transports import StreamableHttpTransport


class Handler(MessageHandler):
    def __init__(self) -> None:
        super().__init__()
        self.changed = asyncio.Event()
        self.errors: list[str] = []

    async def on_tool_list_changed(self, message: object) -> None:
        self.changed.set()

    async def on_exception(self, message: Exception) -> None:
        self.errors.append(repr(message))


class Session:
    def __init__(self, client: Client, handler: Handler) -> None:
        self.client, self.handler = client, handler
        self.told: list[tuple[float, float | None]] = []

    async def progress(self, done: float, total: float | None, message: str | None) -> None:
        self.told.append((done, total))

    async def call(self, tool: str, arguments: dict[str, object]) -> object:
        self.told.clear()
        began = time.monotonic()
        result = await self.client.call_tool(tool, arguments, progress_handler=self.progress,
                                             raise_on_error=False)
        return {"error": result.is_error, "told": self.told, "s": time.monotonic() - began,
                "text": result.content[0].text if result.content else ""}

    async def list(self) -> object:
        return [tool.name for tool in await self.client.list_tools()]

    async def changed(self, seconds: float) -> object:
        await asyncio.wait_for(self.handler.changed.wait(), seconds)
        self.handler.changed.clear()
        return True

    async def leave(self, tool: str, arguments: dict[str, object], seconds: float) -> object:
        """Give a call up."""
        try:
            await asyncio.wait_for(self.call(tool, arguments), seconds)
        except TimeoutError:
            return True
        return False

    async def together(self, tool: str, arguments: dict[str, object], n: int) -> object:
        return await asyncio.gather(*(self.call(tool, arguments) for _ in range(n)))

    async def errors(self) -> object:
        return self.handler.errors


async def main() -> None:
    transport = StreamableHttpTransport(
        os.environ["MCP_URL"], headers={"Authorization": os.environ["MCP_AUTHORIZATION"]})
    handler = Handler()
    async with Client(transport, message_handler=handler) as client:
        session = Session(client, handler)
        while line := await asyncio.to_thread(sys.stdin.readline):
            name, *arguments = json.loads(line)
            print(json.dumps(await getattr(session, name)(*arguments)), flush=True)


asyncio.run(main())
