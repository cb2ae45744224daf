"""Judging manifests: small ones in a thread of this process, large ones in a child process with bounded memory.

A manifest of 100,000 components takes seconds and hundreds of megabytes to parse; in a child the instance goes on
answering meanwhile, and what such a manifest can use up is limited by the system. The manifest reaches the child
through a pipe: nothing of it is on disk (DESIGN 5.1).
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial

from services.ingest.adapters import judging_child
from services.ingest.adapters.judgement import judge_manifest
from services.ingest.adapters.reading_child import ended, started
from services.ingest.usecases.ports import Judged, Rules
from services.kernel.manifest import MAX_MANIFEST, component_bound
from services.kernel.refusals.manifests import ManifestTooLarge
from services.kernel.refusals.packages import DeclarationLost
from services.kernel.secrecy import DeploymentProfile, Level

LARGE_COMPONENTS = 1000
_LARGE_BYTES = 2 * 1024 * 1024  # a manifest of many documents without components is slow to judge, too
_SECONDS = 600.0


class ManifestJudge:
    """See `usecases.ports.Judge`. At most `children` large manifests are judged at once; others wait their turn."""

    def __init__(self, deployment: DeploymentProfile, *, children: int = 2) -> None:
        self._deployment = deployment
        self._children = asyncio.Semaphore(children)
        # One thread: compiled rules serve any number of threads, but only one after another.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="judging")

    def is_large(self, manifest: bytes) -> bool:
        return len(manifest) > _LARGE_BYTES or component_bound(manifest) > LARGE_COMPONENTS

    async def judge(self, manifest: bytes, rules: Rules, today: date, ceiling: Level) -> Judged:
        if len(manifest) > MAX_MANIFEST:
            raise ManifestTooLarge(limit=MAX_MANIFEST)
        if self.is_large(manifest):
            async with self._children:
                return await self._in_child(manifest, rules, today, ceiling)
        work = partial(
            judge_manifest,
            manifest,
            rules.compiled,
            rules_sha256=rules.sha256,
            today=today,
            deployment=self._deployment,
            ceiling=ceiling,
        )
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _in_child(self, manifest: bytes, rules: Rules, today: date, ceiling: Level) -> Judged:
        """Raises DeclarationLost where the child died; a refusal of the manifest is raised as the child raised it."""
        process = await started(judging_child.__name__, today.isoformat(), self._deployment.value, ceiling.wire)
        try:
            async with asyncio.timeout(_SECONDS):
                answer, _ = await process.communicate(judging_child.question(rules.payload, manifest))
        except TimeoutError:
            raise DeclarationLost from None
        finally:
            await ended(process)
        if process.returncode != 0:
            raise DeclarationLost
        return await asyncio.to_thread(judging_child.judged, answer)
