"""Between asyncpg and the use cases."""

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Conn = asyncpg.Connection | PoolConnectionProxy
"""A transaction's connection, or one of the pool's."""
