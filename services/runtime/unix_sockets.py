"""Unix sockets that nobody but the front proxy can reach: a service behind one believes the `Client-Cert` it is told.

The rule is enforced where the socket is opened, because a mode that is only written in a manual is wrong somewhere:
the socket is 0660; its folder lets in owner and group only, and no one but the owner makes entries in it; no folder
above can be swapped by anybody but root or the service's own user. The group is the front proxy's; a set-group-id
folder (2750) hands it on to the sockets.

Source: RFC 9440 §2.4 ("Security Considerations": the field must not be settable by others); DESIGN 6; THREATS.
"""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Final

MODE: Final = 0o660
_OTHERS: Final = stat.S_IRWXO
_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class SocketExposed(OSError):
    """Others than the front proxy could reach or replace the socket; the message names the folder and the remedy."""


def open_private(path: Path, backlog: int) -> socket.socket:
    """A listening socket at `path`; one that a killed process left behind is replaced.

    Raises:
        SocketExposed: the folder, or one above it, lets others in.
        OSError: the address cannot be used.
    """
    demand_private(path.parent)
    if path.is_symlink() or (path.exists() and not path.is_socket()):
        raise SocketExposed(f"{path}: something that is no socket stands there")
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(str(path))
        path.chmod(MODE)  # until here the folder alone has kept others out
        listening.listen(backlog)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def demand_private(folder: Path) -> None:
    """See the module.

    Raises:
        SocketExposed: the folder, or one above it, lets others in, or is not there.
    """
    place = folder.resolve()
    try:
        found = place.stat()
    except OSError as error:
        raise SocketExposed(f"{place}: the folder of the socket is not there") from error
    _demand_owner(place, found)
    if found.st_mode & (_OTHERS | stat.S_IWGRP):
        raise SocketExposed(
            f"{place} has mode {stat.S_IMODE(found.st_mode):o}: others could reach the socket; chmod 2750 (or 700) it"
        )
    for above in place.parents:
        found = above.stat()
        _demand_owner(above, found)
        if found.st_mode & _WRITE and not found.st_mode & stat.S_ISVTX:
            raise SocketExposed(
                f"{above} has mode {stat.S_IMODE(found.st_mode):o}: others could swap the folder of the socket; "
                "take the write permission of group and others away"
            )


def _demand_owner(folder: Path, found: os.stat_result) -> None:
    if not stat.S_ISDIR(found.st_mode):
        raise SocketExposed(f"{folder} is no folder")
    if found.st_uid not in (0, os.geteuid()):
        raise SocketExposed(f"{folder} belongs to another user, who could swap the socket")
