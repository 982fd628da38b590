"""FastAPI, uvicorn, SQLAlchemy 2 with asyncpg, and redis.asyncio."""
