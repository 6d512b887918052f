"""A guard between an MCP client and a server: each reads only what was judged."""
