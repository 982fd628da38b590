"""The application: `uvicorn bench.peers.fastapi_peer.main:app --workers 2`."""

from typing import Annotated

from fastapi import FastAPI, Header, Query, Request, Response

from bench.peers import tokens
from bench.peers.fastapi_peer import login, marking, savings
from bench.peers.fastapi_peer.callers import Reader, Writer
from bench.peers.fastapi_peer.database import Database
from bench.peers.fastapi_peer.schemas import (
    AccountOut,
    AccountPage,
    ActiveOut,
    CardOut,
    CollectIn,
    LoginIn,
    MembershipOut,
    MeOut,
    ReceiptOut,
    TokensOut,
)

app = FastAPI()
Key = Annotated[str, Header(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]


@app.post("/api/v1/auth/login")
async def log_in(session: Database, request: Request, body: LoginIn) -> TokensOut:
    answer = await login.log_in(session, body, request.client.host if request.client else None)
    await session.commit()
    return answer


@app.get("/api/v1/auth/me")
async def me(caller: Reader) -> MeOut:
    active = caller.active
    return MeOut(
        **caller.model_dump(include=set(MeOut.model_fields) - {"active", "permissions", "memberships"}),
        active=ActiveOut(**active.model_dump(include=set(ActiveOut.model_fields))),
        permissions=tokens.PERMISSIONS[active.role],
        memberships=[MembershipOut(**p.model_dump(include=set(MembershipOut.model_fields))) for p in caller.places],
    )


@app.get("/api/v1/savings")
async def accounts(
    session: Database, caller: Reader, limit: Annotated[int, Query(ge=1, le=100)] = 50, cursor: int = 0
) -> AccountPage:
    return await savings.page(session, caller.active, limit, cursor)


@app.get("/api/v1/savings/{account_id}")
async def account(session: Database, caller: Reader, account_id: int) -> AccountOut:
    return await savings.one(session, caller.active, account_id)


@app.get("/api/v1/savings/{account_id}/card")
async def card(session: Database, caller: Reader, account_id: int) -> CardOut:
    return await savings.card(session, caller.active, account_id)


@app.post("/api/v1/savings/{account_id}/markings", status_code=201, response_model=ReceiptOut)
async def collect(
    session: Database, caller: Writer, account_id: int, body: CollectIn, idempotency_key: Key
) -> Response:
    receipt = await marking.collect(session, caller, account_id, body, idempotency_key)
    await session.commit()
    return Response(receipt, status_code=201, media_type="application/json")
