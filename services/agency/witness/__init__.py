"""A witness for another body's machine: cosigns a log's checkpoints, and never two that contradict each other.

It needs no database and no gateway: a folder with its key, the logs it knows, and what it cosigned last.

Source: C2SP tlog-witness; DESIGN 8.
"""
