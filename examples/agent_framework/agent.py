"""A Microsoft Agent Framework agent with one tool. It knows nothing of Vedette:

    vedette run --as reporter -- python agent.py

The model is a script: put a real chat client in its place. All else is what the framework does with any.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from agent_framework import (
    Agent,
    BaseChatClient,
    ChatResponse,
    Content,
    FunctionInvocationLayer,
    Message,
)

TASK = "Report on our customers and orders, and clean up what is old."
STATEMENTS = (
    "SELECT name, email FROM customers ORDER BY id LIMIT 3",
    "SELECT status, count(*) FROM orders GROUP BY status ORDER BY status",
    "DROP TABLE orders",
)
LAST_WORDS = "Reported. Nothing was dropped: the gateway told me not to."


class Scripted(FunctionInvocationLayer[Any], BaseChatClient[Any]):
    """Asks for one statement after the other, whatever it sees."""

    def __init__(self) -> None:
        super().__init__()
        self._left = list(enumerate(STATEMENTS, 1))

    async def _inner_get_response(
        self, *, messages: Sequence[Message], stream: bool, options: Mapping[str, Any], **_: Any
    ) -> ChatResponse:
        if not self._left:
            return ChatResponse(messages=[Message(role="assistant", contents=[LAST_WORDS])])
        number, statement = self._left.pop(0)
        call = Content.from_function_call(f"call-{number}", "run_sql", arguments={"statement": statement})
        return ChatResponse(messages=[Message(role="assistant", contents=[call])])


async def run_sql(statement: str) -> str:
    """Run one SQL statement against the company's database and return its rows."""
    print("runs", statement)
    connection = await asyncpg.connect()  # by PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSFILE
    try:
        rows = await connection.fetch(statement)
    except asyncpg.PostgresError as error:
        print("is refused", error)
        return f"refused: {error}"
    finally:
        await connection.close()
    seen = "\n".join(" | ".join(str(value) for value in row.values()) for row in rows) or "no rows"
    print("sees", seen)
    return seen


async def main() -> None:
    agent = Agent(client=Scripted(), name="reporter", tools=[run_sql])
    print((await agent.run(TASK)).text)


if __name__ == "__main__":
    asyncio.run(main())
