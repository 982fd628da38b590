"""What a developer's machine needs around the service: its own PostgreSQL and one command to start all."""
