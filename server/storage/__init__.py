"""Everything that speaks SQL: the journal on SQLite, the reads of pages and API, the care of the file."""
