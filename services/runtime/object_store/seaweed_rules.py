"""SeaweedFS' own rules, of which one matters: whether an upload is acknowledged before it is on disk.

`filer.conf` lies in the filer's own tree; asked with `?metadata=true` the filer tells its content in base64 (asked
without, it answers an empty body for what it keeps inline).
"""

from __future__ import annotations

import base64
import binascii
import json

RULES_ADDRESS = "/etc/seaweedfs/filer.conf"
RULES_QUESTION = f"{RULES_ADDRESS}?metadata=true"
FSYNC_RULE = b'{"version":1,"locations":[{"locationPrefix":"/buckets/","fsync":true}]}'
"""The rules that make every upload to a bucket wait for an fsync of the volume it went to."""


def waits_for_disk(answer: bytes, bucket: str) -> bool:
    """Whether the filer's answer to `RULES_QUESTION` holds a rule that makes writes to `bucket` wait for the disk."""
    try:
        rules = json.loads(base64.b64decode(json.loads(answer)["Content"]))["locations"]
    except (ValueError, KeyError, TypeError, binascii.Error):
        return False
    place = f"/buckets/{bucket}/"
    deciding = [rule for rule in rules if place.startswith(rule.get("locationPrefix", "?"))]
    # The longest prefix decides, and a rule says nothing of fsync unless it says true.
    return bool(deciding) and max(deciding, key=lambda rule: len(rule["locationPrefix"])).get("fsync") is True
