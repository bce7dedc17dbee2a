"""Both clients: devices as far as accounts and tokens need them."""

from checks import check, fails, part, refused
from flespi_sdk.modules.devices.device import Device
from walk_accounts import ids, make
from walk_rest import result


async def walk(account, rest, token):
    with part("flespi_sdk: Devices"):
        await devices(account, rest)
    with part("flespi: devices"):
        plain(rest)


async def devices(account, rest):
    child = result(rest.post("/platform/subaccounts", [{"name": "depot"}]))[0]["id"]
    depot = await account.subaccounts.get(child)
    body = {"name": "van", "device_type_id": 1, "configuration": {"ident": "123456"}}
    van = await make(account, "/gw/devices", body)
    bus = await make(depot, "/gw/devices", {"name": "bus", "device_type_id": 1, "configuration": {"ident": "777"}})
    check("list: only the own", ids(await account.devices.list()), [van])
    check("list: recursive", ids(await account.devices.list(recursive=True)), sorted([van, bus]))
    check("list: of a child", ids(await depot.devices.list()), [bus])
    device = await account.devices.get(van, fields=["name", "cid", "configuration", "enabled"])
    check("get", (device.id, device.name, device.cid, device.configuration), (van, "van", account.id, {"ident": "123456"}))
    check("list: by a nested field", ids(await account.devices.list("configuration.ident=1234*")), [van])
    check("list: by expression", ids(await account.devices.list('{configuration.ident=="777"}')), [])
    fields = await device.get_fields(Device.FIELDS)
    check("get_fields: nothing that it does not know", sorted(set(fields) - set(Device.FIELDS)), [])
    await device.set_metadata({"plate": "AB 12"})
    check("metadata", await device.get_metadata_value("plate", ignore_cache=True), "AB 12")
    await device.delete_metadata_value("plate")
    check("delete_metadata_value", await device.get_metadata(), {})
    fails("get: another account's device", await refused(account.devices.get(bus)), "IndexError")
    rest.delete(f"/gw/devices/{van},{bus}")
    check("list: none left", await account.devices.list(recursive=True), [])
    rest.delete(f"/platform/subaccounts/{child}")


def plain(rest):
    made = rest.post("/gw/devices", [{"name": "one", "device_type_id": 1, "configuration": {"ident": "1"}}])
    device = result(made)[0]["id"]
    rest.put(f"/gw/devices/{device}", {"name": "two"})
    check("put and get", result(rest.get(f"/gw/devices/{device}"))[0]["name"], "two")
    check("telemetry answers", rest.get(f"/gw/devices/{device}/telemetry")["code"], 200)
    check("messages answer", result(rest.get(f"/gw/devices/{device}/messages")), [])
    check("delete", rest.delete(f"/gw/devices/{device}")["code"], 200)
