"""Calling others: with a deadline for the whole of it, to an address that was looked at, believing nothing they say."""

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.parse import SplitResult, urlsplit

from flask import current_app
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from ofektom.config import ENVIRONMENTS
from ofektom.errors import Problem

SECONDS = 15
CONNECT_SECONDS = 5
MOST_BYTES = 65_536
LONGEST_URL = 500
# IPv6 addresses that stand for an IPv4 one behind a translator.
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
# Nobody's, whatever the Python at hand takes them for: protocol assignments, 6to4 relays, documentation (RFC 9637), and
# what sites used for themselves before fc00::/7 and some still route (RFC 3879).
_NOBODYS = [ipaddress.ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "fec0::/10")]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class UrlRefused(Problem):
    code, status, title = "outgoing.url_refused", 422, "This address cannot be called"


class UnknownHost(Exception):
    """A name has no address, or none that this process can find out."""


class Unreachable(Exception):
    """Nothing that makes sense came back in time. The other side may have acted all the same."""


@dataclass(frozen=True)
class Reply:
    """What came back, whatever it is: headers by lower-case name, the first MOST_BYTES of the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def retry_after(self) -> float | None:
        """The seconds that a Retry-After header asks for."""
        said = self.headers.get("retry-after", "")
        if said.isascii() and said.isdecimal():
            return float(said[:9])
        try:
            return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
        except (TypeError, ValueError):
            return None


def check_url(url: str) -> SplitResult:
    """The parts of an address that others gave us. Raises UrlRefused unless it is plainly one of https.

    Outside of production it may be http on this machine, where developers have their receivers.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UrlRefused("it is no URL") from None
    if len(url) > LONGEST_URL or not url.isascii() or any(character <= " " for character in url):
        raise UrlRefused("it has characters that no URL has, or too many")
    if not parts.hostname or parts.username is not None or parts.fragment or port == 0:
        raise UrlRefused("it must be https://host/path, without a user or a fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and _may_stay_here()):
        raise UrlRefused("it must begin with https://")
    return parts


def _may_stay_here() -> bool:
    return current_app.config["ENVIRONMENT"] in ENVIRONMENTS[1:]


def resolve(parts: SplitResult) -> Address:
    """The address behind a checked URL. Raises UnknownHost, or UrlRefused when any of its addresses is not public.

    Whoever calls must call the address returned: asked again, the name may lead elsewhere.
    """
    try:
        found = socket.getaddrinfo(parts.hostname, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        if parts.scheme == "http":
            raise UrlRefused("it must begin with https://") from None
        raise UnknownHost("its host is not known") from None
    addresses = [ipaddress.ip_address(item[4][0].partition("%")[0]) for item in found]
    on_this_machine = _may_stay_here() and all(address.is_loopback for address in addresses)
    if parts.scheme == "http" and not on_this_machine:
        raise UrlRefused("it must begin with https://")
    if not addresses or not (on_this_machine or all(map(is_public, addresses))):
        raise UrlRefused("it leads to an address that is not public")
    return addresses[0]


def is_public(address: Address) -> bool:
    """Whether an address is one of the open Internet, and not a way back to this machine or its neighbours."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if address in _TRANSLATED:
            inner = ipaddress.IPv4Address(address.packed[-4:])
        if inner:
            return is_public(inner)
    if any(address in network for network in _NOBODYS):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def post(url: str, body: bytes, headers: dict, *, address: Address | None = None, seconds: float = SECONDS) -> Reply:
    """POST `body` and return the reply, of whatever status; redirects are not followed. Raises Unreachable.

    `address` is where to connect to; the host's name is then only what the certificate must be for.
    """
    parts = urlsplit(url)
    connection = _connection(parts, address)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    sent = {"Host": host + (f":{parts.port}" if parts.port else ""), "User-Agent": "Ofektom"} | headers
    try:
        with cut_off(lambda: connection.sock, seconds):
            connection.connect()
            connection.sock.settimeout(seconds)
            connection.request("POST", target, body=body, headers=sent, preload_content=False, decode_content=False)
            response = connection.getresponse()
            text = response.read(MOST_BYTES, decode_content=False)
        return Reply(response.status, {name.lower(): value for name, value in response.headers.items()}, text)
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        raise Unreachable(type(error).__name__) from None
    finally:
        connection.close()


def _connection(parts: SplitResult, address: Address | None) -> HTTPConnection:
    host = str(address or parts.hostname)
    if parts.scheme == "http":
        return HTTPConnection(host, parts.port or 80, timeout=CONNECT_SECONDS)
    proof = {"ssl_context": ssl.create_default_context(), "server_hostname": parts.hostname}
    return HTTPSConnection(host, parts.port or 443, timeout=CONNECT_SECONDS, **proof)


@contextlib.contextmanager
def cut_off(find_socket: Callable[[], socket.socket | None], seconds: float) -> Iterator[None]:
    """Shut the socket that the block uses when it takes longer than `seconds`; what waits for it then fails.

    A timeout of a socket begins anew with every byte, and somebody who sends one a second keeps us for ever.
    """

    def cut() -> None:
        with contextlib.suppress(OSError, AttributeError):
            find_socket().shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
