"""The runtime without a database."""
