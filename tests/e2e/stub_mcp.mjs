// An MCP server on stdio with one tool: node stub_mcp.mjs NAME offers NAME_tool.
import readline from "node:readline";

const name = process.argv[2];
const answers = {
  initialize: (params) => ({ protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name, version: "1" } }),
  "tools/list": () => ({ tools: [{ name: `${name}_tool`, description: "does nothing", inputSchema: { type: "object", properties: {} } }] }),
};
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  console.log(JSON.stringify({ jsonrpc: "2.0", id, result: answers[method]?.(params) ?? {} }));
});
