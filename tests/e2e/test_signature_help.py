"""On the running development gateway every service tells an integrator which line of his signature base differs."""

from __future__ import annotations

import pytest

from deploy.onebox.stack import OneBox
from services.agency import keys
from tests.support.enrolled import Enrolled
from tests.support.wired import Wired


@pytest.mark.parametrize("service", ["auth", "ingest", "catalog"])
def test_a_wrong_address_is_found(box: OneBox, service: str) -> None:
    profile, auth = box.profile("agency"), box.origins.origin("auth")
    known = Enrolled(profile.client_id, keys.load(profile.key_file), auth, auth.removeprefix("https://"))
    wired = Wired(box, known)
    assert wired.obtain().status == 200
    right, wrong = wired.url(service, "/v1/x?a=1"), wired.url(service, "/v1/x?a=2")
    head = wired.signed("GET", wrong).replace(b"a=2 HTTP/1.1", b"a=1 HTTP/1.1", 1)
    mine = f'"@method": GET\n"@target-uri": {wrong}\n"authorization": Bearer {wired.token}'.encode()
    with wired.talk(right) as talk:
        talk.send(head)
        problem = talk.reply().json()
        assert problem["code"] == "signature-invalid"
        host = right.split("/")[2]
        ask = f"POST {problem['signature_base']} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(mine)}\r\n\r\n"
        talk.send(ask.encode() + mine)
        reply = talk.reply()
    assert reply.status == 200, reply.body
    told = reply.json()
    assert (told["first_difference"], told["client"]) == (2, f'"@target-uri": {wrong}')
    assert told["lines"][1]["server"] == f'"@target-uri": {right}'
    assert wired.token.encode() not in reply.body
