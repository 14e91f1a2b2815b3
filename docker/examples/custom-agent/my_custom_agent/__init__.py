# SPDX-License-Identifier: MIT
from openhands.sdk import Agent


class MySpecializedAgent(Agent):
    """The stock agent with another brief.  It needs one: the stock brief is not a subclass's."""

    system_prompt: str | None = (
        "You look into data that others own. Read, count and compare; change nothing, and say for "
        "each figure which file it comes from."
    )
