"""Where a process finds the object store, from `NOPLUU_STORE_…` environment variables."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from services.runtime.object_store.s3_requests import S3Settings


class StoreSettings(BaseSettings):
    """Mixed into the settings of every process that uses the store."""

    model_config = SettingsConfigDict(env_prefix="NOPLUU_", env_ignore_empty=True, frozen=True, extra="ignore")

    store_endpoint: str
    """Origin of the S3 service, `https://host:port`; plain http only over loopback."""

    store_bucket: str
    """The bucket; versioning must be on."""

    store_access_key_file: Path
    """File with the access key of the serving credential."""

    store_secret_key_file: Path
    """File with its secret key."""

    store_region: str = "us-east-1"
    """Region name that goes into the signature."""

    store_ca_file: Path | None = None
    """Root certificates of the store; the system's where absent."""

    store_filer: str | None = None
    """SeaweedFS only: address of its filer, where the rule is read that makes writes durable."""

    def s3(self) -> S3Settings:
        """The same, as the adapter takes it."""
        return S3Settings(
            endpoint=self.store_endpoint,
            bucket=self.store_bucket,
            access_key_file=self.store_access_key_file,
            secret_key_file=self.store_secret_key_file,
            region=self.store_region,
            ca_file=self.store_ca_file,
            filer=self.store_filer,
        )
