# SPDX-License-Identifier: MIT
"""The peer of the MCP benchmark: the same echo tool on the Python SDK.  Usage: PORT"""

import sys

from fastmcp import FastMCP

server = FastMCP("echo")


@server.tool
def echo(text: str) -> str:
    """Answers the text it is given."""
    return text


server.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), path="/mcp",
           json_response=True, stateless_http=True, show_banner=False, log_level="error")
