"""What Prometheus may learn of a process. One registry a process, handed to whoever counts; no global one.

Labels are closed sets: route templates, methods, status codes, refusal codes, names of tasks. Never a title, person,
dossier code, file name, address, key id or level beside an agency.

Source: usability notes D (names, limits D4, D5).
"""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})


class Metrics:
    """The platform's own metrics; a service adds its by passing `registry` to prometheus_client's classes."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.requests = Counter(
            "nopluu_http_requests",
            "Requests answered, by route template.",
            ("route", "method", "code"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "nopluu_http_request_duration_seconds",
            "From the first header to the last byte of the answer.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.requests_in_flight = Gauge(
            "nopluu_http_requests_in_flight", "Requests being answered now.", registry=self.registry
        )
        self.problems = Counter(
            "nopluu_problem", "Refusals answered, by their code.", ("code",), registry=self.registry
        )
        self.pool_in_use = Gauge(
            "nopluu_db_pool_in_use", "Database connections that are lent out now.", registry=self.registry
        )
        self.jobs = Counter(
            "nopluu_jobs", "Attempts of jobs, by how they ended.", ("task", "outcome"), registry=self.registry
        )
        self.job_seconds = Histogram(
            "nopluu_job_duration_seconds", "One attempt of a job.", ("task",), buckets=_SECONDS, registry=self.registry
        )
        self.queue_depth = Gauge("nopluu_queue_depth", "Jobs that wait or run.", ("stage",), registry=self.registry)
        self.queue_oldest_seconds = Gauge(
            "nopluu_queue_oldest_seconds",
            "Age of the oldest job that may start now; 0 where none waits.",
            ("stage",),
            registry=self.registry,
        )
        self.queue_unfinished_seconds = Gauge(
            "nopluu_queue_unfinished_seconds",
            "Since the oldest job that is not done yet was deferred, its retries included; 0 where there is none.",
            ("stage",),
            registry=self.registry,
        )
        self.jobs_failed = Gauge(
            "nopluu_jobs_failed",
            "Jobs that failed for good and stand in the queue's table until an operator decides.",
            ("stage",),
            registry=self.registry,
        )
        build = Gauge("nopluu_build_info", "Always 1.", ("service", "version", "python"), registry=self.registry)
        build.labels(service, version("nopluu"), platform.python_version()).set(1)
