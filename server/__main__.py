"""`python -m server COMMAND`."""

from server.cli import main

raise SystemExit(main())
