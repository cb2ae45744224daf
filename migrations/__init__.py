"""The history of the database's schemas, one linear line for all services."""
