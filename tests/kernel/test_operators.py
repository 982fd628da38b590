"""Who is an operator: an address, as far as it can be believed."""

from dataclasses import replace

import pytest

from ofektom.app import create_app
from ofektom.config import load_settings


@pytest.fixture(scope="module")
def at(settings):
    """Whether somebody at an address, with some headers, finds what is for operators."""

    def ask(address: str, hops: int = 0, networks: str | None = None, **headers: str) -> bool:
        changed = replace(settings, proxy_hops=hops)
        if networks is not None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("OPS_NETWORKS", networks)
                read = load_settings({name: value for name, value in vars(settings).items() if name != "ops_networks"})
            changed = replace(changed, ops_networks=read.ops_networks)
        client = create_app(changed, testing=True).test_client()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = client.get("/metrics", headers=named, environ_overrides={"REMOTE_ADDR": address})
        assert answer.status_code == 200 or (answer.status_code, answer.json["code"]) == (404, "not_found")
        return answer.status_code == 200

    return ask


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_inside_by_default(at, address):
    assert at(address)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "203.0.113.9", "2001:db8::1", "::ffff:10.0.0.1", "", "unix:", "unknown"]
)
def test_everybody_else_is_outside_by_default(at, address):
    assert not at(address)


@pytest.mark.parametrize(
    ("networks", "address", "inside"),
    [
        ("10.0.0.0/8, 2001:db8::/32", "10.1.2.3", True),
        ("10.0.0.0/8,2001:db8::/32", "2001:db8::5", True),
        ("10.0.0.0/8", "127.0.0.1", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("", "127.0.0.1", False),
    ],
)
def test_the_networks_are_the_operators_choice(at, networks, address, inside):
    assert at(address, networks=networks) == inside


@pytest.mark.parametrize("header", ["X_Forwarded_For", "Forwarded", "Via", "X_Real_IP"])
def test_a_proxy_nobody_told_us_of_makes_its_callers_strangers(at, header):
    assert not at("127.0.0.1", **{header: "127.0.0.1"})


@pytest.mark.parametrize(
    ("hops", "forwarded", "inside"),
    [
        (1, "203.0.113.9", False),
        (1, "127.0.0.1, 203.0.113.9", False),
        (1, "203.0.113.9, 127.0.0.1", True),
        (2, "127.0.0.1, 203.0.113.9, 10.0.0.1", False),
        (2, "203.0.113.9", False),  # fewer than there should be: the address left is a proxy's
        (1, "", False),
        (1, "somebody", False),
        (1, "127.0.0.1:5000", False),
    ],
)
def test_behind_proxies_the_caller_is_who_they_say(at, hops, forwarded, inside):
    assert at("127.0.0.1", hops, X_Forwarded_For=forwarded) == inside


def test_past_the_proxy_the_caller_is_who_connects(at):
    assert at("127.0.0.1", hops=1)
    assert not at("10.0.0.1", hops=1)
    assert not at("127.0.0.1", hops=1, Forwarded="for=127.0.0.1")
