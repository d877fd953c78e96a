"""A client of another library: shakes hands, subscribes, and prints what happens, one line of JSON each.

python cometd.py URL TRANSPORT NAME PASSWORD; ends when its standard input does.
"""

import asyncio
import base64
import json
import sys

from aiocometd_ng import AuthExtension, Client, ConnectionType


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
    async for message in client:
        say({"event": "message", "message": message})


async def main() -> None:
    url, transport, name, password = sys.argv[1:]
    kind = ConnectionType.WEBSOCKET if transport == "websocket" else ConnectionType.LONG_POLLING
    async with Client(url, kind, auth=Basic(name, password)) as client:
        say({"event": "handshake", "successful": True})
        for topic in ["/v2/me/twitter", "/v2/me/facebook"]:
            await client.subscribe(topic)
            say({"event": "subscribed", "topic": topic, "successful": True})
        receiving = asyncio.create_task(receive(client))
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        receiving.cancel()
    say({"event": "disconnected", "successful": True})


asyncio.run(main())
