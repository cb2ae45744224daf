"""The object store: one port, one S3 adapter over a small portable subset, one fake in memory."""
