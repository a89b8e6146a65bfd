"""The same with the client library: a change that needs approval is tried again once it is approved.

    vedette run --as autogen -- python waiting.py

`vedette.client` has no dependencies: pip install --no-deps vedette. The rule that holds the change has
`mode: ticket`, so the tool's answer names a ticket, and the agent waits for it, not its connection.
"""

from __future__ import annotations

import asyncio
import json
import re

import asyncpg
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.messages import ToolCallExecutionEvent
from autogen_core import FunctionCall
from autogen_core.models import CreateResult, ModelFamily, RequestUsage
from autogen_core.tools import FunctionTool
from autogen_ext.models.replay import ReplayChatCompletionClient

from vedette.client import Client

STATEMENT = "UPDATE orders SET status = 'refunded' WHERE id = 4711"
TICKET = re.compile(r"it waits as ([a-z]{5}-[a-z]{5})")
CLIENT = Client.from_environment()
MODEL = {
    "vision": False, "function_calling": True, "json_output": False, "family": ModelFamily.UNKNOWN,
    "structured_output": False,
}  # fmt: skip


async def run_sql(statement: str) -> str:
    """Run one SQL statement; where it needs approval, wait for that and run it then."""
    connection = await asyncpg.connect(await asyncio.to_thread(CLIENT.dsn, "appdb"))
    try:
        return str(await connection.execute(statement))
    except asyncpg.InsufficientPrivilegeError as refused:
        ticket = TICKET.search(str(refused))
        if ticket is None:
            raise
        print("waits for", ticket[1], flush=True)
        decided = await asyncio.to_thread(CLIENT.wait, ticket[1], 600)
        if not decided.approved:
            return f"people said no: {decided.status}"
        return str(await connection.execute(statement))
    finally:
        await connection.close()


async def main() -> None:
    usage = RequestUsage(prompt_tokens=0, completion_tokens=0)
    call = FunctionCall("call-1", json.dumps({"statement": STATEMENT}), "run_sql")
    script = [
        CreateResult(finish_reason="function_calls", usage=usage, cached=False, content=[call]),
        CreateResult(finish_reason="stop", usage=usage, cached=False, content="Refunded, with approval."),
    ]
    tool = FunctionTool(run_sql, description="Run one SQL statement.")
    model = ReplayChatCompletionClient(script, model_info=MODEL)
    agent = AssistantAgent("refund_agent", model, tools=[tool], max_tool_iterations=2)
    async for message in agent.run_stream(task="Refund order 4711."):
        if isinstance(message, ToolCallExecutionEvent):
            for result in message.content:
                print("is refused" if result.is_error else "sees", result.content)


if __name__ == "__main__":
    asyncio.run(main())
