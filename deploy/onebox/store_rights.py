"""What each of the store's users may do: the serving one everything but legal holds, the custodian's those as well.

Without the right to PutObjectLegalHold a user can neither set nor lift a hold, and nobody removes a version on hold;
`tests/contract/test_custody_credentials.py` tries it on both stores. On MinIO that is the whole door. On SeaweedFS it
holds for its S3 door only: its filer, master and volume listen without any password, so whoever reaches those ports on
the loopback interface can remove what is held.

Source: DESIGN 7; DECISION-0018.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException
from minio.minioadmin import MinioAdmin

from services.runtime.object_store.s3 import S3Settings

_BUCKET: Final = ("s3:GetBucketLocation", "s3:GetBucketVersioning", "s3:ListBucket", "s3:ListBucketVersions")
_OBJECTS: Final = (
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:GetObjectLegalHold",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
)
_HOLDS: Final = ("s3:PutObjectLegalHold",)


def policy(bucket: str, objects: str, actions: Sequence[str]) -> dict[str, Any]:
    """An S3 policy: these actions on the objects of that form, and what every user may know of the bucket."""
    arn = f"arn:aws:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": list(_BUCKET), "Resource": [arn]},
            {"Effect": "Allow", "Action": list(actions), "Resource": [f"{arn}/{objects}"]},
        ],
    }


def give_minio(owner: S3Settings, *, serving: S3Settings, custody: S3Settings) -> None:
    """Make the two users of MinIO with their policies. Repeatable.

    Raises:
        OSError: MinIO did not take them.
    """
    admin = MinioAdmin(
        endpoint=urlsplit(owner.endpoint).netloc, credentials=StaticProvider(*_keys(owner)), secure=False
    )
    rights = {
        "nopluu-serving": (serving, policy(owner.bucket, "*", _OBJECTS)),
        "nopluu-custody": (custody, policy(owner.bucket, "parts/*", (*_OBJECTS, *_HOLDS))),
    }
    try:
        for name, (user, allowed) in rights.items():
            access, secret = _keys(user)
            admin.policy_add(name, policy=allowed)
            admin.user_add(access, secret)
            admin.policy_set(name, user=access)
    except MinioAdminException as error:
        raise OSError("MinIO does not take its users") from error


def seaweedfs_identities(owner: S3Settings, *, serving: S3Settings, custody: S3Settings) -> list[dict[str, Any]]:
    """The same, as SeaweedFS' configuration has it."""
    bucket = owner.bucket
    daily = [f"{action}:{bucket}" for action in ("Read", "Write", "List")]
    held = [f"{action}:{bucket}" for action in ("GetObjectLegalHold", "PutObjectLegalHold")]
    actions = {"owner": ["Admin", "Read", "Write", "List", "Tagging"], "serving": daily, "custody": [*daily, *held]}
    users = {"owner": owner, "serving": serving, "custody": custody}
    return [
        {
            "name": f"nopluu-{who}",
            "credentials": [dict(zip(("accessKey", "secretKey"), _keys(user), strict=True))],
            "actions": actions[who],
        }
        for who, user in users.items()
    ]


def _keys(settings: S3Settings) -> tuple[str, str]:
    return settings.access_key_file.read_text(), settings.secret_key_file.read_text()
