"""The console without a browser."""

from tests.cast import PASSWORD

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_it(app, cast):
    c = app.test_client()
    r = c.get("/console", headers=HTML)
    assert r.status_code == 303, r.data
    r = c.get(r.location, headers=HTML)
    assert r.status_code == 200
    print(r.headers, r.text)
    r = c.post(
        "/console/session",
        data={"login": cast.ada.phone, "secret": PASSWORD},
        headers=HTML | {"Sec-Fetch-Site": "same-origin"},
    )
    assert r.status_code == 303, r.text
    print(r.headers)
    for p in "/console /console/route /console/approvals /console/cash /console/health /console/route/stops".split():
        r = c.get(p, headers=HTML)
        assert r.status_code == 200, r.text
        print(p, len(r.data))
