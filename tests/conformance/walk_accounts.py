"""flespi-sdk 0.2.2: log-in, Account and its Item methods, Subaccounts, IdentityProviders."""

from checks import check, fails, part, refused, true
from flespi_sdk import FlespiException, token_login
from flespi_sdk.modules.subaccounts.account import Account
from walk_rest import result


async def walk(account, rest, token):
    with part("flespi_sdk: token_login"):
        root = result(rest.get("/auth/info"))[0]["cid"]
        check("the account of the token", (account.id, account.operate_as), (root, root))
        wrong = await refused(token_login("x" * 64))
        fails("a wrong token", wrong, "FlespiException", 401)
        true("its text names code and reason", "invalid or expired access token" in str(wrong), str(wrong))
    with part("flespi_sdk: Account fields and metadata"):
        await item(account, rest)
    with part("flespi_sdk: Subaccounts"):
        await subaccounts(account, rest)
    with part("flespi_sdk: IdentityProviders"):
        await identity_providers(account, rest)


async def item(account, rest):
    await account.set_metadata({})
    name = result(rest.get("/platform/customer?fields=name"))[0]["name"]
    check("get_name", await account.get_name(), name)
    fields = await account.get_fields(Account.FIELDS)
    check("get_fields: every field that it declares", sorted(fields), sorted(Account.FIELDS))
    true("created, accessed and blocked are numbers", all(isinstance(fields[name], int) for name in ("created", "accessed", "blocked")))
    check("counters is an object", isinstance(account.counters, dict), True)
    check("the object took the values over", (account.enabled, account.limit_id, account.region), (True, 0, fields["region"]))
    check("get_field", await account.get_field("region"), fields["region"])
    check("get_metadata of an account without", await account.get_metadata(), {})
    check("get_metadata_value: default", await account.get_metadata_value("a.b", 7), 7)
    await account.set_metadata({"sys_user_config": {"title": "T"}, "a": {"b": 1}})
    check("set_metadata replaces the whole", await account.get_metadata(), {"sys_user_config": {"title": "T"}, "a": {"b": 1}})
    check("get_metadata_value: a path", await account.get_metadata_value("sys_user_config.title"), "T")
    await account.set_metadata_value("a.c.d", [1, "ü", None, 1.5])
    check(
        "set_metadata_value: a new branch, the rest kept",
        await account.get_metadata_value("a", ignore_cache=True),
        {"b": 1, "c": {"d": [1, "ü", None, 1.5]}},
    )
    await account.delete_metadata_value("a.b")
    await account.delete_metadata_value("nothing.here")
    check("delete_metadata_value", await account.get_metadata(), {"sys_user_config": {"title": "T"}, "a": {"c": {"d": [1, "ü", None, 1.5]}}})
    await account.set_metadata({})


async def subaccounts(account, rest):
    limit = result(rest.post("/platform/limits", [{"name": "small"}]))[0]["id"]
    made = rest.post("/platform/subaccounts", [{"name": "north", "limit_id": limit}, {"name": "south"}])
    north, south = (row["id"] for row in result(made))
    child = await account.subaccounts.get(north, fields=["name", "cid", "limit_id", "enabled"])
    check("get: a child as an Account", (child.id, child.operate_as, child.name, child.cid), (north, north, "north", account.id))
    check("get: its limit", (child.limit_id, child.enabled), (limit, True))
    east = await make(child, "/platform/subaccounts", {"name": "east"})
    check("list: only direct children", ids(await account.subaccounts.list()), [north, south])
    check("list: recursive", ids(await account.subaccounts.list(recursive=True)), sorted([north, south, east]))
    check("list: by field", ids(await account.subaccounts.list("name=no*")), [north])
    check("list: by id list", ids(await account.subaccounts.list(f"{north},{south}")), [north, south])
    check("list: by expression", ids(await account.subaccounts.list('{name=="south"}')), [south])
    check("list: by expression with operators", ids(await account.subaccounts.list(f'{{name~"*th" && id!={south}}}')), [north])
    check("list: no match is no error", await account.subaccounts.list("name=nobody"), [])
    named = await account.subaccounts.list(fields=["name", "email", "metadata"])
    check("list: fields", [(each.name, each.email, each.metadata) for each in named], [("north", "", {}), ("south", "", {})])
    check("a child's own children", ids(await child.subaccounts.list()), [east])
    await child.set_metadata({"owner": {"mail": "a@example.com"}})
    check("a child's metadata, from inside", await child.get_metadata_value("owner.mail", ignore_cache=True), "a@example.com")
    seen = await account.subaccounts.get(north, fields=["metadata"])
    check("a child's metadata, from above", seen.metadata, {"owner": {"mail": "a@example.com"}})
    check("a child's fields, from inside", (await child.get_fields(["name", "cid", "limit_id"])), {"name": "north", "cid": account.id, "limit_id": limit})
    # `get` asks for `id,cid=N`, and a condition that nothing meets is an empty list and no error: the client then
    # misses its first row.
    fails("get: an id that is not there", await refused(account.subaccounts.get(1)), "IndexError")
    fails("get: a grandchild is no direct child", await refused(account.subaccounts.get(east)), "IndexError")
    missing = await refused(account.subaccounts.list("1", recursive=True))
    fails("list: one id that is not there", missing, "FlespiException", 404)
    true("its errors are records", isinstance(missing, FlespiException) and missing.errors[0].reason, missing)
    rest.delete(f"/platform/subaccounts/{east}")
    rest.delete(f"/platform/subaccounts/{north},{south}")
    rest.delete(f"/platform/limits/{limit}")
    fails("a deleted account", await refused(child.get_name()), "FlespiException", 403)


async def identity_providers(account, rest):
    body = {
        "name": "sso",
        "type": "oauth2",
        "configuration": {"client_id": "me"},
        "public_info": {"title": "SSO"},
    }
    made = result(rest.post("/platform/identity-providers", [body]))[0]["id"]
    listed = await account.identity_providers.list()
    check("list", ids(listed), [made])
    check("list: its fields", (listed[0].configuration, listed[0].public_info, listed[0].blocked), ({"client_id": "me"}, {"title": "SSO"}, 0))
    provider = await account.identity_providers.get(made, fields=["name", "type"])
    check("get", (provider.id, provider.name), (made, "sso"))
    await provider.set_metadata_value("a.b", 1)
    check("metadata", await provider.get_metadata_value("a.b", ignore_cache=True), 1)
    true("str", str(provider).startswith(f"IdentityProvider(id={made}, name=sso"), str(provider))
    rest.delete(f"/platform/identity-providers/{made}")
    check("list: none left", await account.identity_providers.list(), [])


def ids(items):
    return sorted(each.id for each in items)


async def make(account, path, body):
    """Creates one item inside an account, over the account's own session and with its own headers: the client has no
    method to create anything."""
    async with account.session.post(path, json=[body], headers=account.get_headers()) as response:
        return (await account.get_result(response))[0]["id"]
