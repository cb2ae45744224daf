"""`nopluu keygen` and `nopluu profile …`: what is done once on a machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from services.agency import keys
from services.agency.cli.context import Json, context_of, terminal_for
from services.agency.errors import UsageError
from services.agency.profile import DEFAULT_NAME, Profile, config_path, read_config
from services.kernel.refusals.registry import Text

profile_app = typer.Typer(no_args_is_help=True, help="Cấu hình kết nối tới cổng / Profiles of gateways")


def register(app: typer.Typer) -> None:
    """Add the commands to `nopluu`."""
    app.command("keygen")(keygen)
    app.add_typer(profile_app, name="profile")


def keygen(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="Nơi đặt khóa riêng (PEM) / where the private key goes")],
    kind: Annotated[str, typer.Option("--type", help="ed25519 | p256")] = "ed25519",
    public: Annotated[
        Path | None, typer.Option("--public", help="Ghi khóa công khai ra tệp / write the public key")
    ] = None,
    json: Json = False,
) -> None:
    """Tạo cặp khóa; in khóa công khai để gửi quản trị viên. / Make a key pair; prints the public key to register."""
    terminal = terminal_for(context, json)
    if kind == "ed25519":
        made = keys.generate(path, "ed25519")
    elif kind == "p256":
        made = keys.generate(path, "p256")
    else:
        raise UsageError("key-type-unknown", Text("Loại khóa: ed25519 hoặc p256", "The key type is ed25519 or p256"))
    if public is not None:
        public.write_text(made.public_pem, "ascii")
    terminal.data(
        "key",
        f"{made.public_pem.strip()}\nkid: {made.thumbprint}",
        key_file=str(path),
        public_key=made.public_pem,
        kid=made.thumbprint,
    )


@profile_app.command("set")
def set_profile(
    context: typer.Context,
    gateway: Annotated[str, typer.Option(help="https://… của cổng tiếp nhận / origin of the receiving service")],
    client_id: Annotated[UUID, typer.Option(help="Mã ứng dụng do quản trị viên cấp / given by the registrar")],
    key: Annotated[Path, typer.Option(help="Tệp khóa riêng / private key file")],
    name: Annotated[str, typer.Argument()] = DEFAULT_NAME,
    ca_cert: Annotated[Path | None, typer.Option(help="Chứng thư CA riêng / extra CA certificates")] = None,
    fonds: Annotated[str | None, typer.Option(help="Mã phông mặc định / default fonds code")] = None,
    creator: Annotated[str | None, typer.Option(help="Mã cơ quan mặc định / default agency code")] = None,
    proxy: Annotated[str | None, typer.Option(help="http://…")] = None,
    state_dir: Annotated[Path | None, typer.Option(help="Thư mục trạng thái / state folder")] = None,
    secrecy_profile: Annotated[str, typer.Option(help="open | independent-lan")] = "open",
    json: Json = False,
) -> None:
    """Ghi một cấu hình (tệp chỉ chủ sở hữu đọc được). / Write a profile into the owner-only config file."""
    shared = context_of(context)
    terminal = terminal_for(context, json)
    profile = Profile(
        gateway=gateway.rstrip("/"),
        client_id=client_id,
        key_file=key.expanduser().absolute(),
        name=name,
        ca_file=None if ca_cert is None else ca_cert.expanduser().absolute(),
        fonds=fonds,
        creator=creator,
        proxy=proxy,
        state_dir=None if state_dir is None else state_dir.expanduser().absolute(),
        secrecy_profile=secrecy_profile,
    )
    profile.require_usable()
    place = profile.save(shared.config or config_path())
    terminal.data("profile", f"{name}: {place}", name=name, config=str(place))


@profile_app.command("list")
def list_profiles(context: typer.Context, json: Json = False) -> None:
    """Liệt kê các cấu hình. / List the profiles."""
    shared = context_of(context)
    terminal = terminal_for(context, json)
    document = read_config(shared.config or config_path())
    profiles = document.get("profiles")
    for name, table in (profiles if isinstance(profiles, dict) else {}).items():
        mark = "*" if name == document.get("default") else " "
        terminal.data(
            "profile",
            f"{mark} {name}  {table.get('gateway', '')}  {table.get('client_id', '')}",
            name=name,
            default=mark == "*",
            **{key: value for key, value in table.items() if key != "name"},
        )
