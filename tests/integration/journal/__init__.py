"""The log in a real PostgreSQL."""
