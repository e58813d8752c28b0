"""Spark calls the driver back on a port of loopback, where PySpark lets anybody in: here, only Spark."""

from __future__ import annotations

from typing import Any


def ask_for_a_token(session: Any) -> None:
    """Have Python's side of the driver ask for the secret that Java's side asks for, and Java tell it.

    Py4J knows of tokens in both directions, but its Java drops its own when it is told the port of Python's side.
    """
    from py4j.java_gateway import JavaObject
    from pyspark.java_gateway import ensure_callback_server_started

    gateway = session.sparkContext._gateway
    token = gateway.gateway_parameters.auth_token
    gateway.python_parameters.auth_token = token
    ensure_callback_server_started(gateway)
    java = JavaObject("GATEWAY_SERVER", gateway._gateway_client).getCallbackClient()
    field = gateway.jvm.java.lang.Class.forName("py4j.CallbackClient").getDeclaredField("authToken")
    field.setAccessible(True)
    field.set(java, token)
