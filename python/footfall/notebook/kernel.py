"""The Jupyter kernel: IPython's, with Footfall in it from the start."""

from __future__ import annotations

from typing import Any

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell
from traitlets import Type

from footfall import _native, notebook
from footfall.notebook import namespace


class FootfallShell(ZMQInteractiveShell):  # type: ignore[misc]
    """A shell that has its first names again after ``%reset``."""

    def init_user_ns(self) -> None:
        """Fill the namespace."""
        super().init_user_ns()
        namespace.register(self)


class FootfallKernel(IPythonKernel):  # type: ignore[misc]
    """IPython's kernel, and what `footfall.notebook.load` gives it."""

    implementation = "footfall"
    implementation_version = _native.__version__
    shell_class = Type(FootfallShell)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        notebook.load(self.shell)

    @property
    def banner(self) -> str:
        """What a console shows first."""
        return f"Footfall {_native.__version__}, `ff`, in IPython\n{super().banner}"


class FootfallKernelApp(IPKernelApp):  # type: ignore[misc]
    """What starts the kernel; settings are those of IPython's kernel."""

    kernel_class = Type(FootfallKernel, klass="ipykernel.kernelbase.Kernel")
    subcommands: dict[str, Any] = {}  # noqa: RUF012


def main() -> None:
    """Run the kernel until it is shut down."""
    FootfallKernelApp.launch_instance()
