"""The edge: HTTP, WebSocket, SQLite and pages around the actors. Parts meet in `engine.py` and `app.py`."""
