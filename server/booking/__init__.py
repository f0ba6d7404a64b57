"""Use cases that pages and the API share: each asks a calendar and answers with plain records."""
