"""Cancellations that are lost, and some that nobody asked for.

Until Python 3.12 `asyncio.wait_for`, under nats-py and asyncpg, can swallow a cancellation (gh-86296); and whoever
closes a lost connection of asyncpg can be given one that is of a waiter of its own.
"""

import asyncio


def stop_if_cancelled() -> None:
    """Raise CancelledError if this task was told to end, whether or not it has been told so by an exception."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
