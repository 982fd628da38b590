"""E-mail, handed to a real SMTP server."""

import ssl
from datetime import timedelta
from email import message_from_string
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from ofektom.extensions import db
from tests.conf.processes import free_port
from tests.outside.conftest import House

MAIL_FROM = "Ofektom <news@ofektom.example>"


class Mailbox:
    """What an SMTP server does with what it gets: says what it is told to, and keeps it."""

    def __init__(self):
        self.messages, self.plan, self.secrets = [], [], []

    async def handle_DATA(self, server, session, envelope):
        self.messages.append((envelope.rcpt_tos, envelope.content.decode(), bool(session.ssl)))
        return self.plan.pop(0) if self.plan else "250 taken"

    def authenticate(self, server, session, envelope, mechanism, data):
        self.secrets.append(data)
        return AuthResult(success=True)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def serve(mailbox):
    """Starts an SMTP server; returns its port."""
    running = []

    def start(**options) -> int:
        port = free_port()
        where = {"hostname": "127.0.0.1", "port": port}
        controller = Controller(mailbox, authenticator=mailbox.authenticate, **where, **options)
        controller.start()
        running.append(controller)
        return port

    yield start
    for controller in running:
        controller.stop()


@pytest.fixture
def reader(furnished):
    """Funke has an e-mail address and wants e-mail. Returns her account."""
    quiet, cast, _ = furnished
    address = db.text("UPDATE users SET email = 'funke@example.com' WHERE id = :id")
    with quiet.app_context(), db.engine.begin() as connection:
        connection.execute(address, {"id": cast.funke.user_id})
    cast.funke.ok("PATCH", "/notifications/preferences", {"email": True})
    return cast.open_account(cast.funke)


def test_a_marking_is_told_by_mail_once_it_is_taken(furnished, reader, mailbox, serve):
    house = House(*furnished)
    with house.connected(smtp_url=f"smtp://127.0.0.1:{serve()}", mail_from=MAIL_FROM):
        mailbox.plan = ["451 come back later"]
        receipt = house.cast.mark(reader)
        house.deliver()
        assert house.states() == [("markings.collected", "waiting", 1, "message refused: 451")]
        house.deliver(after=timedelta(minutes=1))
    (to, first, _), (_, second, _) = mailbox.messages
    assert to == ["funke@example.com"]
    for line in ("Subject: Ada Thrift: Payment received", f"From: {MAIL_FROM}", "Dear Funke Bello,"):
        assert line in second
    assert receipt["check_code"] in message_from_string(second, policy=default).get_content()
    names = [line for text in (first, second) for line in text.splitlines() if line.startswith("Message-ID")]
    assert names[0] == names[1]
    assert names[0].endswith("@ofektom.example>")


def test_a_mailbox_that_does_not_exist_is_given_up_at_once(furnished, reader, mailbox, serve):
    house = House(*furnished)
    with house.connected(smtp_url=f"smtp://127.0.0.1:{serve()}", mail_from=MAIL_FROM):
        mailbox.plan = ["550 no such user"]
        house.cast.mark(reader)
        house.deliver()
        assert house.states() == [("markings.collected", "dead", 1, "message refused: 550")]


def test_a_password_is_sent_by_tls_only(furnished, reader, mailbox, serve, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    house, login = House(*furnished), "smtp://ada:pa%20ss@localhost"
    with house.connected(smtp_url=f"{login}:{serve(auth_require_tls=False)}", mail_from=MAIL_FROM):
        house.cast.mark(reader)
        house.deliver()
        assert house.states()[0][3] == "no answer: SMTPNotSupportedError"
        assert mailbox.secrets == []
        house.app.config["SMTP_URL"] = f"{login}:{serve(tls_context=context)}"
        house.deliver(after=timedelta(minutes=1))
        assert house.states()[0][1] == "sent"
    [(_, _, was_private)] = mailbox.messages
    assert was_private
    assert mailbox.secrets[0].password == b"pa ss"


def test_a_server_that_is_not_there_is_tried_again(furnished, reader):
    house = House(*furnished)
    with house.connected(smtp_url="smtp://127.0.0.1:1", mail_from=MAIL_FROM):
        house.cast.mark(reader)
        house.deliver()
        assert house.states() == [("markings.collected", "waiting", 1, "no answer: ConnectionRefusedError")]
