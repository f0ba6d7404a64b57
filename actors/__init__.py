"""Pure decisions and the actors that carry them out; nothing here knows HTTP, SQL or any third-party package."""
