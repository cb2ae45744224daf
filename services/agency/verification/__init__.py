"""Proving a deposit offline: from a receipt, public keys, and the deposit's own manifest and files. No network.

Source: FORMATS "`nopluu verify`".
"""
