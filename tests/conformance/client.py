# SPDX-License-Identifier: MIT
"""The Python SDK by way of fastmcp, as OpenHands uses it.  URL and token in the environment, or the
command of a server to start; JSON of what it saw."""

import asyncio
import json
import os

from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport


def transport_of(environment):
    if "MCP_COMMAND" in environment:
        command = json.loads(environment["MCP_COMMAND"])
        return StdioTransport(command[0], command[1:], keep_alive=False)
    return StreamableHttpTransport(
        environment["MCP_URL"], headers={"Authorization": environment["MCP_AUTHORIZATION"]})


async def main() -> None:
    async with Client(transport_of(os.environ)) as client:
        tools = await client.list_tools()
        text = await client.call_tool("test_simple_text", {})
        error = await client.call_tool("test_error_handling", {}, raise_on_error=False)
        # The newest clients begin with server/discover, and have no result of `initialize`.
        version = getattr(client, "protocol_version", None) or \
            client.initialize_result.protocolVersion
        print(json.dumps({
            "version": version, "tools": [tool.name for tool in tools],
            "text": text.content[0].text, "error": error.is_error}))


asyncio.run(main())
