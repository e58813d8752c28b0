"""Configures the server of each user; those who start one without the hub have the same kernels, and no limits."""

import os
from datetime import datetime, timezone

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

c = get_config()  # noqa: F821


class BusyIsNotIdle(AsyncMappingKernelManager):
    """Kernels that compute are activity, also while they say nothing."""

    async def cull_kernels(self):
        """End idle kernels."""
        if any(kernel.execution_state == "busy" for kernel in self._kernels.values()):
            self.last_kernel_activity = datetime.now(timezone.utc)
        await super().cull_kernels()


# Else everybody on this machine reads what kernels say by their ports.
c.KernelManager.transport = "ipc"
c.ServerApp.kernel_manager_class = BusyIsNotIdle
c.MultiKernelManager.default_kernel_name = "footfall"
c.KernelSpecManager.ensure_native_kernel = True

idle, every = (int(os.environ.get(f"FOOTFALL_HUB_{name}_S", 0)) for name in ("IDLE", "EVERY"))
c.MappingKernelManager.cull_idle_timeout = c.TerminalManager.cull_inactive_timeout = idle
c.MappingKernelManager.cull_interval = c.TerminalManager.cull_interval = every or 300
# A page that was left open keeps nothing alive.
c.MappingKernelManager.cull_connected = True
