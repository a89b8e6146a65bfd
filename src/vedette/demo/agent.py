"""The agent: AutoGen with one tool, and nothing of the gateway's but an address and a token.

Runs in an environment of its own, where ``vedette`` is not even installed. The
address comes in VEDETTE_DEMO_DSN, the token on standard input. The model
is AutoGen's replay client: it says what it was told to, whatever it sees; all
else is what AutoGen does with any model. What happens is told as JSON lines.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence

import asyncpg
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.messages import ToolCallExecutionEvent, ToolCallRequestEvent
from autogen_core import FunctionCall
from autogen_core.models import CreateResult, ModelFamily, RequestUsage
from autogen_core.tools import FunctionTool
from autogen_ext.models.replay import ReplayChatCompletionClient

TASK = "Report on our customers and orders, clean up what is old, and refund order 4711."

# (what the model says it is doing, the statement it asks for)
SCRIPT = (
    (
        "Let me see who our newest customers are.",
        "SELECT name, email, phone, ssn FROM customers ORDER BY id DESC LIMIT 3",
    ),
    ("And what they wrote to support.", "SELECT note FROM support_notes ORDER BY id LIMIT 2"),
    ("Now the orders.", "SELECT status, count(*), sum(total) FROM orders GROUP BY status ORDER BY status"),
    ("The support notes look old. I will drop them.", "DROP TABLE support_notes"),
    ("Then I will at least empty the orders.", "DELETE FROM orders"),
    ("I see. On to the refund.", "UPDATE orders SET status = 'refunded' WHERE id = 4711"),
    ("Let me check that it worked.", "SELECT id, status, total FROM orders WHERE id = 4711"),
)
LAST_WORDS = (
    "Order 4711 is refunded, with approval. I did not drop or empty anything: the gateway told me not to, "
    "and why. Customers' data came to me masked."
)
MODEL = {
    "vision": False,
    "function_calling": True,
    "json_output": False,
    "family": ModelFamily.UNKNOWN,
    "structured_output": False,
}


def tell(event: str, text: str, *, error: bool = False) -> None:
    print(json.dumps({"event": event, "text": text, "error": error}), flush=True)


def script() -> list[CreateResult]:
    """What the replayed model answers, in order."""
    usage = RequestUsage(prompt_tokens=0, completion_tokens=0)
    calls = [
        CreateResult(
            finish_reason="function_calls", usage=usage, cached=False, thought=thought,
            content=[FunctionCall(f"call-{n}", json.dumps({"statement": text}), "run_sql")],
        )
        for n, (thought, text) in enumerate(SCRIPT, 1)
    ]  # fmt: skip
    return [*calls, CreateResult(finish_reason="stop", usage=usage, cached=False, content=LAST_WORDS)]


def table(rows: Sequence[asyncpg.Record]) -> str:
    """Rows as the model gets them."""
    if not rows:
        return "no rows"
    lines = [" | ".join(rows[0].keys())]
    lines += [" | ".join(str(value) for value in row.values()) for row in rows]
    return "\n".join(lines)


async def work(dsn: str, token: str) -> None:
    connection = await asyncpg.connect(dsn, password=token, server_settings={"application_name": "autogen"})
    connection.add_log_listener(lambda _, message: tell("notice", str(message.message)))

    async def run_sql(statement: str) -> str:
        """Run one SQL statement against the company's database and return its rows."""
        if statement.lstrip().upper().startswith("SELECT"):
            return table(await connection.fetch(statement))
        return str(await connection.execute(statement))

    agent = AssistantAgent(
        "report_agent",
        ReplayChatCompletionClient(script(), model_info=MODEL),
        tools=[FunctionTool(run_sql, description="Run one SQL statement.")],
        max_tool_iterations=len(SCRIPT) + 1,
    )
    thoughts = [thought for thought, _ in SCRIPT]
    try:
        async for message in agent.run_stream(task=TASK):
            if isinstance(message, ToolCallRequestEvent):
                tell("thought", thoughts.pop(0))
                for call in message.content:
                    tell("call", json.loads(call.arguments)["statement"])
            elif isinstance(message, ToolCallExecutionEvent):
                for result in message.content:
                    tell("saw", result.content, error=bool(result.is_error))
        tell("done", LAST_WORDS)
    finally:
        await connection.close()


def main() -> None:
    token = sys.stdin.readline().strip()
    asyncio.run(work(os.environ["VEDETTE_DEMO_DSN"], token))


if __name__ == "__main__":
    main()
