"""Telling people: calendar entries now, mails and webhooks later."""
