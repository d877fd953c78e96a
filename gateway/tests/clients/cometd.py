"""A client of another library: shakes hands, subscribes, and prints what happens, one line of JSON each.

python cometd.py URL TRANSPORT NAME PASSWORD; ends when its standard input does.
"""

import asyncio
import base64
import json
import sys

from aiocometd_ng import AuthExtension, Client, ConnectionType
from aiocometd_ng.exceptions import ServerError


class Basic(AuthExtension):
    def __init__(self, name: str, password: str) -> None:
        self.value = "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()

    async def incoming(self, payload, headers=None) -> None:
        pass

    async def outgoing(self, payload, headers) -> None:
        headers["Authorization"] = self.value

    async def authenticate(self) -> None:
        pass


def say(event: dict) -> None:
    print(json.dumps(event), flush=True)


async def receive(client: Client) -> None:
    while True:
        try:
            say({"event": "message", "message": await client.receive()})
        except ServerError:
            # The library tells of every refused message, also of a connect that a restarted gateway does not
            # know; it shakes hands and subscribes again by itself.
            continue


async def main() -> None:
    url, transport, name, password = sys.argv[1:]
    kind = ConnectionType.WEBSOCKET if transport == "websocket" else ConnectionType.LONG_POLLING
    # Without a limit on the time that reconnecting takes: the library's way of watching it no longer works on
    # recent versions of Python.
    async with Client(url, kind, connection_timeout=0, auth=Basic(name, password)) as client:
        say({"event": "handshake", "successful": True})
        for topic in ["/v2/me/twitter", "/v2/me/facebook"]:
            await client.subscribe(topic)
            say({"event": "subscribed", "topic": topic, "successful": True})
        receiving = asyncio.create_task(receive(client))
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        receiving.cancel()
    say({"event": "disconnected", "successful": True})


asyncio.run(main())
