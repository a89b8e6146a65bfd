"""A LangGraph agent with one tool. It knows nothing of Vedette:

    vedette run --as reporter -- python agent.py

The model is a script: put a real one in its place. All else is what LangGraph does with any model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

TASK = "Report on our customers and orders, and clean up what is old."
STATEMENTS = (
    "SELECT name, email FROM customers ORDER BY id LIMIT 3",
    "SELECT status, count(*) FROM orders GROUP BY status ORDER BY status",
    "DROP TABLE orders",
)
LAST_WORDS = "Reported. Nothing was dropped: the gateway told me not to."


@tool
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


def model(said: Sequence[Any]) -> AIMessage:
    """Asks for one statement after the other, whatever it sees."""
    asked = sum(isinstance(message, AIMessage) for message in said)
    if asked == len(STATEMENTS):
        return AIMessage(LAST_WORDS)
    call = {"name": "run_sql", "args": {"statement": STATEMENTS[asked]}, "id": f"call-{asked + 1}"}
    return AIMessage("", tool_calls=[call])


def think(state: MessagesState) -> dict[str, Any]:
    return {"messages": [model(state["messages"])]}


async def main() -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode([run_sql]))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", tools_condition)
    graph.add_edge("tools", "think")
    found = await graph.compile().ainvoke({"messages": [("user", TASK)]})
    print(found["messages"][-1].content)


if __name__ == "__main__":
    asyncio.run(main())
