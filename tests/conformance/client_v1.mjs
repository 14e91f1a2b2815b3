// SPDX-License-Identifier: MIT
// The TypeScript SDK's first generation.  URL and token in the environment, or the command of a
// server to start; JSON of what it saw.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const [command, ...args] = JSON.parse(process.env.MCP_COMMAND ?? "[]");
const transport = command ? new StdioClientTransport({ command, args }) :
    new StreamableHTTPClientTransport(new URL(process.env.MCP_URL), {
        requestInit: { headers: { Authorization: process.env.MCP_AUTHORIZATION } },
    });
const client = new Client({ name: "handrail-test", version: "1" });
// The client tells its transport, if that wants to know.
let version;
const setVersion = transport.setProtocolVersion?.bind(transport);
transport.setProtocolVersion = (given) => {
    version = given;
    setVersion?.(given);
};
await client.connect(transport);
const { tools } = await client.listTools();
const text = await client.callTool({ name: "test_simple_text", arguments: {} });
const error = await client.callTool({ name: "test_error_handling", arguments: {} });
console.log(JSON.stringify({
    version,
    tools: tools.map((tool) => tool.name), text: text.content[0].text, error: error.isError,
}));
await client.close();
