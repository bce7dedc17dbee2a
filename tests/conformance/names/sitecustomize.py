"""Name resolution of a Python process that is to meet the sandbox where it expects the platform.

Python loads a module of this name by itself when its folder is in PYTHONPATH, so neither a client nor the script that
uses it knows: `flespi.io:443` leads to the address in SANDBOX_ADDRESS, and no other name leads anywhere, so that a
mistake cannot reach the real platform.
"""

import os
import socket

HOSTS = {"flespi.io", "mqtt.flespi.io"}
resolve = socket.getaddrinfo


def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
    name = host.decode() if isinstance(host, bytes) else host
    if name in HOSTS and str(port) in ("443", "https"):
        address, sandbox_port = os.environ["SANDBOX_ADDRESS"].rsplit(":", 1)
        return resolve(address, int(sandbox_port), family, type, proto, flags)
    if name in ("127.0.0.1", "localhost", None):
        return resolve(host, port, family, type, proto, flags)
    raise socket.gaierror(socket.EAI_NONAME, f"{name}:{port} is not part of this test")


if "SANDBOX_ADDRESS" in os.environ:
    socket.getaddrinfo = getaddrinfo
