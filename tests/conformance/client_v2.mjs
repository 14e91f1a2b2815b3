// SPDX-License-Identifier: MIT
// The TypeScript SDK's second generation, which asks first whether the server is
// modern.  URL and token in the environment, or the command of a server to start; JSON of what it
// saw.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const [command, ...args] = JSON.parse(process.env.MCP_COMMAND ?? "[]");
const transport = command ? new StdioClientTransport({ command, args }) :
    new StreamableHTTPClientTransport(new URL(process.env.MCP_URL), {
        requestInit: { headers: { Authorization: process.env.MCP_AUTHORIZATION } },
    });
const client = new Client({ name: "handrail-test", version: "1" },
                          { versionNegotiation: { mode: "auto" } });
await client.connect(transport);
const { tools } = await client.listTools();
const text = await client.callTool({ name: "test_simple_text", arguments: {} });
const error = await client.callTool({ name: "test_error_handling", arguments: {} });
console.log(JSON.stringify({
    version: client.getNegotiatedProtocolVersion(),
    tools: tools.map((tool) => tool.name), text: text.content[0].text, error: error.isError,
}));
await client.close();
