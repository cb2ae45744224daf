"""Rebuild: store and KMS give back what the database held."""
