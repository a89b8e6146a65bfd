"""AutoGen writes shell scripts and runs them on this machine; `kubectl` in them goes through the gateway.

    vedette run --as autogen -- python cluster.py

Nothing here knows of Vedette: AutoGen's code executor starts `kubectl`, and `vedette run` has seen to it that
this finds the clusters behind the gateway, with a token of minutes instead of a kubeconfig of somebody's.
The model is AutoGen's replay client, which says what it was told to whatever it sees: put a real one in its
place.
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

TASK = "Deploy the shop, see that it is there, and clear away what is old."
LAST_WORDS = "The shop is deployed; the namespace stays: the gateway told me not to. DONE"
DEPLOY = """\
kubectl apply -f - <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: "registry.example/shop:1"}]}
YAML"""
LOOK = "kubectl get deployment shop -o jsonpath='replicas wanted: {.spec.replicas}'"
CLEAR = "kubectl delete namespace shop\necho it ended with $?"
SAYS = (
    f"First the shop.\n\n```sh\n{DEPLOY}\n```\n",
    f"Is it there?\n\n```sh\n{LOOK}\n```\n",
    f"Now what is old.\n\n```sh\n{CLEAR}\n```\n",
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
