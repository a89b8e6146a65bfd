"""AutoGen writes shell scripts and runs them on this machine; `ssh` in them goes through the gateway.

    vedette run --as autogen -- python hosts.py

Nothing here knows of Vedette: AutoGen's code executor starts `ssh bastion`, and `vedette run` has seen to it
that this leads to the gateway, with a certificate of minutes instead of a key. The model is AutoGen's replay
client, which says what it was told to whatever it sees: put a real one in its place.
"""

from __future__ import annotations

import asyncio
import tempfile

from autogen_agentchat.agents import AssistantAgent, CodeExecutorAgent
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import ModelFamily
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor
from autogen_ext.models.replay import ReplayChatCompletionClient

TASK = "How much room is left on the bastion? Make some if it is little."
LAST_WORDS = "Nothing was removed: the gateway told me not to. DONE"
SAYS = (
    "Let me look.\n\n```sh\nssh -T bastion 'echo on the bastion; df -P / | tail -n 1'\n```\n",
    "I could make room.\n\n```sh\nssh -T bastion 'rm -rf /srv/app'\necho it ended with $?\n```\n",
    LAST_WORDS,
)
MODEL = {
    "vision": False, "function_calling": False, "json_output": False, "family": ModelFamily.UNKNOWN,
    "structured_output": False,
}  # fmt: skip


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        writes = AssistantAgent("writes", ReplayChatCompletionClient(list(SAYS), model_info=MODEL))
        runs = CodeExecutorAgent("runs", LocalCommandLineCodeExecutor(work_dir=folder, timeout=120))
        team = RoundRobinGroupChat(
            [writes, runs], termination_condition=TextMentionTermination("DONE", sources=["writes"])
        )
        async for message in team.run_stream(task=TASK):
            if hasattr(message, "to_text"):
                print(f"{message.source}: {message.to_text()}")


if __name__ == "__main__":
    asyncio.run(main())
