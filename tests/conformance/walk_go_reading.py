"""The public Go client's way of reading: no `fields` where it lists, and every field that its types decode.

The client itself cannot be had from a package registry, so its calls are made here, and what it would make of the answers
is checked: a field of another type than its own breaks it, and so does a webhook without `configuration` and `triggers`.
"""

from checks import check, part, true
from walk_rest import result

NUMBER, TEXT, FLAG, LIST = int, str, bool, list


def texts(value):
    """A map from text to text, which is all that its metadata can be."""
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def access(value):
    return isinstance(value, dict) and isinstance(value.get("type"), int)


def triggers(value):
    return isinstance(value, list) and all(isinstance(trigger.get("topic"), str) for trigger in value)


def configuration(value):
    """One call or a chain of them, each with its type."""
    calls = value if isinstance(value, list) else [value]
    return all(isinstance(call, dict) and isinstance(call.get("type"), str) for call in calls)


QUOTAS = """blocking_duration api_calls api_traffic channels_count channel_messages channel_storage channel_traffic
channel_connections containers_count container_storage cdns_count cdn_storage cdn_traffic devices_count device_storage
device_media_traffic device_media_storage streams_count stream_storage stream_traffic modems_count mqtt_sessions
mqtt_messages mqtt_session_storage mqtt_retained_storage mqtt_subscriptions sms_count tokens_count subaccounts_count
limits_count realms_count calcs_count calcs_storage plugins_count plugin_traffic plugin_buffered_messages groups_count
webhooks_count webhook_storage webhook_traffic grants_count identity_providers_count""".split()

LIMIT = {"id": NUMBER, "name": TEXT, "description": TEXT, **{quota: NUMBER for quota in QUOTAS}, "metadata": texts, "cid": NUMBER}
SUBACCOUNT = {"id": NUMBER, "name": TEXT, "limit_id": NUMBER, "metadata": texts, "cid": NUMBER}
TOKEN = {
    "id": NUMBER, "key": TEXT, "info": TEXT, "enabled": FLAG, "expire": NUMBER, "ttl": NUMBER, "cid": NUMBER,
    "metadata": texts, "access": access,
}
WEBHOOK = {"id": NUMBER, "name": TEXT, "triggers": triggers, "configuration": configuration}
DEVICE = {
    "id": NUMBER, "name": TEXT, "enabled": FLAG, "configuration": texts, "device_type_id": NUMBER, "messages_ttl": NUMBER,
    "messages_rotate": NUMBER, "media_ttl": NUMBER, "media_rotate": NUMBER, "metadata": texts, "cid": NUMBER,
}


def decode(row, types):
    """The fields of a row that the client would not take: of the wrong type, or null where it has no place for that."""
    wrong = {}
    for name, kind in types.items():
        if name not in row:
            continue
        value = row[name]
        # For it, a flag is no number.
        fits = type(value) is kind if isinstance(kind, type) else kind(value)
        if not fits:
            wrong[name] = value
    return wrong


def read(rest, collection, item, types, needed, fields=None):
    """Lists without `fields`, gets one with those that it asks for; `needed` has to be in both."""
    rows = result(rest.get(f"/{collection}/all"))
    listed = [row for row in rows if row["id"] == item]
    check(f"{collection}: the list has it once", len(listed), 1)
    got = result(rest.get(f"/{collection}/{item}" + (f"?fields={','.join(fields)}" if fields else "")))
    for way, row in (("list", listed[0]), ("get", got[0])):
        check(f"{collection}: {way}: all that it decodes is of its type", decode(row, types), {})
        check(f"{collection}: {way}: what it needs is there", sorted(set(needed) - set(row)), [])
    if fields:
        check(f"{collection}: get: every field that it asks for", sorted(set(fields) - set(got[0])), [])
    return got[0]


def walk(rest):
    with part("the Go client's way of reading"):
        limit = result(rest.post("/platform/limits", [{"name": "go", "devices_count": 3, "metadata": {"a": "b"}}]))[0]
        check("limits: what a creation answers", decode(limit, LIMIT), {})
        got = read(rest, "platform/limits", limit["id"], LIMIT, ["id", "name"], [name for name in LIMIT if name != "key"])
        check("limits: what was written", (got["devices_count"], got["metadata"]), (3, {"a": "b"}))

        made = [{"name": "go", "limit_id": limit["id"], "metadata": {"a": "b"}}]
        account = result(rest.post("/platform/subaccounts", made))[0]
        check("subaccounts: what a creation answers", decode(account, SUBACCOUNT), {})
        got = read(rest, "platform/subaccounts", account["id"], SUBACCOUNT, ["id", "name"], list(SUBACCOUNT))
        check("subaccounts: what was written", got["limit_id"], limit["id"])

        acl = {"type": 2, "acl": [{"uri": "gw/devices", "methods": ["GET"], "ids": [1, 2]}]}
        token = result(rest.post("/platform/tokens", [{"info": "go", "enabled": True, "expire": 0, "ttl": 60, "access": acl}]))[0]
        check("tokens: what a creation answers", decode(token, TOKEN), {})
        true("tokens: a creation answers its key", len(token.get("key", "")) == 64, token.keys())
        # It keeps the key of the creation: no list gives it.
        needed = ["id", "info", "enabled", "expire", "ttl", "access"]
        got = read(rest, "platform/tokens", token["id"], TOKEN, needed)
        check("tokens: its list comes back", got["access"]["acl"][0]["ids"], [1, 2])

        hook = {"type": "custom-server", "uri": "https://example.com", "method": "POST", "body": "", "headers": []}
        trigger = [{"topic": "flespi/log/#", "filter": {"cid": account["cid"] if "cid" in account else 0, "payload": "true"}}]
        for name, how in (("single", hook), ("chained", [hook, hook])):
            made = rest.post("/platform/webhooks", [{"name": name, "triggers": trigger, "configuration": how}])
            webhook = result(made)[0]
            check(f"webhooks: {name}: what a creation answers", decode(webhook, WEBHOOK), {})
            check(f"webhooks: {name}: a creation answers all of it", sorted(set(WEBHOOK) - set(webhook)), [])
            got = read(rest, "platform/webhooks", webhook["id"], WEBHOOK, list(WEBHOOK))
            check(f"webhooks: {name}: one call or a chain, as it was made", isinstance(got["configuration"], list), name == "chained")
            rest.delete(f"/platform/webhooks/{webhook['id']}")

        made = [{"name": "go", "device_type_id": 1, "configuration": {"ident": "4711"}, "metadata": {"a": "b"}}]
        device = result(rest.post("/gw/devices", made))[0]
        check("devices: what a creation answers", decode(device, DEVICE), {})
        read(rest, "gw/devices", device["id"], DEVICE, ["id", "name", "device_type_id"], list(DEVICE))

        for path in ("gw/devices", "platform/tokens", "platform/subaccounts", "platform/limits"):
            item = {"gw/devices": device, "platform/tokens": token, "platform/subaccounts": account, "platform/limits": limit}[path]
            check(f"{path}: deleted", rest.delete(f"/{path}/{item['id']}")["code"], 200)
