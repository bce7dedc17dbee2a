"""All that flespi-sdk 0.2.2 and flespi 2.0.1 offer for accounts, realms, users, metadata and devices.

Both clients are used as they come from PyPI. Where they are, whom they trust and what `flespi.io` means is decided by
the environment (see run.sh). The older client, which is a thin layer over the REST API, also makes the things that the
newer one can only read: there is no other way in Python to create a subaccount, a realm, a user or a device.
"""

import asyncio
import logging
import os
import sys
import time

import checks
import walk_accounts
import walk_devices
import walk_go_reading
import walk_realms
import walk_rest
from flespi.rest import FlespiClient
from flespi_sdk import token_login

TOKEN = os.environ["SANDBOX_TOKEN"]


async def sdk(rest):
    account = await token_login(TOKEN)
    try:
        for walk in (walk_accounts.walk, walk_realms.walk, walk_devices.walk):
            await walk(account, rest, TOKEN)
    finally:
        await account.stop()


def main():
    started = time.monotonic()
    # The clients log what they cannot do, which is part of what is checked here.
    logging.disable(logging.CRITICAL)
    rest = FlespiClient(TOKEN)
    walk_rest.walk(rest)
    walk_go_reading.walk(rest)
    asyncio.run(sdk(rest))
    return checks.finish(started)


if __name__ == "__main__":
    sys.exit(main())
