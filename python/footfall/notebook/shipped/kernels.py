"""Starts the kernel of this Python, and no other of its name that Jupyter may find elsewhere."""

from __future__ import annotations

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from footfall.notebook import spec


class ThisPython(AsyncKernelManager):  # type: ignore[misc, unused-ignore]
    """A kernel that is installed for other data must not answer for these."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """What is started."""
        return KernelSpec(**spec.content({}))
