"""The HTTP API under `/api/v1`: one noun a file; each handler judges existence, role, body and state in that order."""
