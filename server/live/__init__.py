"""The WebSocket `/live`: its wire forms, one session a socket, and who is connected."""
