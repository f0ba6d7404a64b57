"""The pages that people see: server-rendered HTML that works as plain forms. One noun a file."""
