"""The platform on a real PostgreSQL."""
