"""The queue of inspections of content: its own, for one of them may take hours and no receipt waits behind it."""

from typing import Final

CONTENT_QUEUE: Final = "ingest_content"
INSPECT: Final = "inspect_content"
"""The task that looks into a sealed package."""

CONTENT_JOBS: Final = {INSPECT: CONTENT_QUEUE}
