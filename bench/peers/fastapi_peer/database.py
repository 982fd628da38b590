"""The pool and a session for each request. `python -m bench.peers.fastapi_peer.database` makes the tables."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from bench.peers.fastapi_peer.models import Base

SCHEMA = "fastapi_peer"

engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"),
    pool_size=10,
    max_overflow=15,
    pool_pre_ping=True,
    pool_recycle=3600,
    connect_args={"server_settings": {"search_path": SCHEMA}},
)
new_session = async_sessionmaker(engine, expire_on_commit=False)


async def database() -> AsyncIterator[AsyncSession]:
    """A session that lives as long as the request."""
    async with new_session() as session:
        yield session


Database = Annotated[AsyncSession, Depends(database)]


async def create_tables() -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(create_tables())
