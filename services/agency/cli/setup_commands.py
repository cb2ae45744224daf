"""`nopluu keygen`, `nopluu key-offer` and `nopluu profile …`: what is done once on a machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from services.agency import key_offers, keys
from services.agency.cli.context import Json, context_of, terminal_for
from services.agency.cli.terminal import Terminal
from services.agency.errors import UsageError
from services.agency.profile import DEFAULT_NAME, Profile, config_path, read_config
from services.kernel.refusals.registry import Text
from services.kernel.signing.keys import thumbprint

profile_app = typer.Typer(no_args_is_help=True, help="Cấu hình kết nối tới cổng / Profiles of gateways")


def register(app: typer.Typer) -> None:
    """Add the commands to `nopluu`."""
    app.command("keygen")(keygen)
    app.command("key-offer")(key_offer)
    app.add_typer(profile_app, name="profile")


Issuer = Annotated[
    str | None,
    typer.Option("--issuer", help="https://… của dịch vụ auth / origin of auth, to which the key is offered"),
]
Agency = Annotated[
    str | None,
    typer.Option("--agency", help="Khóa đầu: mã định danh cơ quan / first key: the agency's code"),
]
ForClient = Annotated[
    UUID | None, typer.Option("--client", help="Thay khóa: mã ứng dụng đã có / further key: the client id there is")
]
OfferFile = Annotated[
    Path | None, typer.Option("--offer", help="Ghi bản chào khóa ra tệp / write the offer into a file")
]


def keygen(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="Nơi đặt khóa riêng (PEM) / where the private key goes")],
    kind: Annotated[str, typer.Option("--type", help="ed25519 | p256")] = "ed25519",
    public: Annotated[
        Path | None, typer.Option("--public", help="Ghi khóa công khai ra tệp / write the public key")
    ] = None,
    issuer: Issuer = None,
    agency: Agency = None,
    client: ForClient = None,
    offer: OfferFile = None,
    json: Json = False,
) -> None:
    """Tạo cặp khóa và, khi có --issuer, bản chào khóa để gửi quản trị viên. Đọc kid cho quản trị viên qua điện thoại.

    Make a key pair and, with --issuer, the offer to send to the registrar. Tell the registrar the kid by telephone.
    """
    terminal = terminal_for(context, json)
    party = None
    if issuer is not None:
        party = key_offers.party_of(agency, client)
    elif agency is not None or client is not None or offer is not None:
        raise _issuer_missing()
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
    if issuer is not None and party is not None:
        _print_offer(terminal, key_offers.offer(keys.load(path), party, issuer), offer)


def key_offer(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="Khóa riêng đã có (PEM) / the private key there is")],
    issuer: Issuer = None,
    agency: Agency = None,
    client: ForClient = None,
    offer: OfferFile = None,
    json: Json = False,
) -> None:
    """Tạo lại bản chào của một khóa đã có (bản chào có hạn 7 ngày). / Offer a key anew; an offer is good for 7 days."""
    terminal = terminal_for(context, json)
    if issuer is None:
        raise _issuer_missing()
    party, key = key_offers.party_of(agency, client), keys.load(path)
    kid = thumbprint(key.public_key())
    terminal.data("key", f"kid: {kid}", key_file=str(path), kid=kid)
    _print_offer(terminal, key_offers.offer(key, party, issuer), offer)


def _print_offer(terminal: Terminal, line: str, path: Path | None) -> None:
    if path is not None:
        path.write_text(line + "\n", "ascii")
    terminal.data("key_offer", line, proof=line, offer_file=None if path is None else str(path))


def _issuer_missing() -> UsageError:
    return UsageError(
        "key-offer-issuer",
        Text("Thiếu --issuer: khóa được chào cho ai", "--issuer is missing: to whom the key is offered"),
        Text("Hỏi quản trị viên địa chỉ của dịch vụ auth", "Ask the registrar for the origin of auth"),
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
