"""An AutoGen agent with one tool. It knows nothing of Vedette: `vedette run` tells its driver where to go.

    vedette run --as autogen -- python agent.py

The model is AutoGen's replay client, which says what it was told to whatever it sees: put a real one in its
place. All else is what AutoGen does with any model.
"""

from __future__ import annotations

import asyncio
import json

import asyncpg
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.messages import ToolCallExecutionEvent, ToolCallRequestEvent
from autogen_core import FunctionCall
from autogen_core.models import CreateResult, ModelFamily, RequestUsage
from autogen_core.tools import FunctionTool
from autogen_ext.models.replay import ReplayChatCompletionClient

TASK = "Report on our customers and orders, and clean up what is old."
STATEMENTS = (
    "SELECT name, email FROM customers ORDER BY id LIMIT 3",
    "SELECT status, count(*) FROM orders GROUP BY status ORDER BY status",
    "DROP TABLE orders",
)
LAST_WORDS = "Reported. Nothing was dropped: the gateway told me not to."
MODEL = {
    "vision": False, "function_calling": True, "json_output": False, "family": ModelFamily.UNKNOWN,
    "structured_output": False,
}  # fmt: skip


async def run_sql(statement: str) -> str:
    """Run one SQL statement against the company's database and return its rows."""
    connection = await asyncpg.connect()  # by PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSFILE
    try:
        rows = await connection.fetch(statement)
    finally:
        await connection.close()
    return "\n".join(" | ".join(str(value) for value in row.values()) for row in rows) or "no rows"


def script() -> list[CreateResult]:
    """What the replayed model answers, in order."""
    usage = RequestUsage(prompt_tokens=0, completion_tokens=0)
    calls = [
        CreateResult(
            finish_reason="function_calls", usage=usage, cached=False,
            content=[FunctionCall(f"call-{n}", json.dumps({"statement": text}), "run_sql")],
        )
        for n, text in enumerate(STATEMENTS, 1)
    ]  # fmt: skip
    return [*calls, CreateResult(finish_reason="stop", usage=usage, cached=False, content=LAST_WORDS)]


async def main() -> None:
    agent = AssistantAgent(
        "report_agent",
        ReplayChatCompletionClient(script(), model_info=MODEL),
        tools=[FunctionTool(run_sql, description="Run one SQL statement.")],
        max_tool_iterations=len(STATEMENTS) + 1,
    )
    async for message in agent.run_stream(task=TASK):
        if isinstance(message, ToolCallRequestEvent):
            for call in message.content:
                print("runs", json.loads(call.arguments)["statement"])
        elif isinstance(message, ToolCallExecutionEvent):
            for result in message.content:
                print("is refused" if result.is_error else "sees", result.content)
    print(LAST_WORDS)


if __name__ == "__main__":
    asyncio.run(main())
