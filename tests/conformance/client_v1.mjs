// SPDX-License-Identifier: MIT
// The TypeScript SDK's first generation.  URL and token in the environment; JSON of what it saw.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const transport = new StreamableHTTPClientTransport(new URL(process.env.MCP_URL), {
    requestInit: { headers: { Authorization: process.env.MCP_AUTHORIZATION } },
});
const client = new Client({ name: "handrail-test", version: "1" });
await client.connect(transport);
const { tools } = await client.listTools();
const text = await client.callTool({ name: "test_simple_text", arguments: {} });
const error = await client.callTool({ name: "test_error_handling", arguments: {} });
console.log(JSON.stringify({
    version: transport.protocolVersion,
    tools: tools.map((tool) => tool.name), text: text.content[0].text, error: error.isError,
}));
await client.close();
