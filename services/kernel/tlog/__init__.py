"""The log: leaves, tree, tiles, signed notes, checkpoints, proofs and receipts. Pure: no clock, no I/O.

Source: FORMATS "Log", "Receipt"; RFC 9162 §2.1; C2SP tlog-tiles, signed-note, tlog-checkpoint, tlog-cosignature,
tlog-proof.
"""
