"""flespi-sdk 0.2.2: Realms, their home, token parameters, users, identity providers, and log-in by a realm."""

from checks import check, fails, part, refused, true
from flespi_sdk import realm_login
from flespi_sdk.modules.realms.realm import Realm
from flespi_sdk.modules.realms.users.user import User
from walk_accounts import ids
from walk_rest import result

PASSWORD = "correct horse battery"
ACL = [{"uri": "gw/devices", "methods": ["GET"], "ids": "all"}]


async def walk(account, rest, token):
    with part("flespi_sdk: Realms"):
        realm = await realms(account, rest)
    with part("flespi_sdk: RealmHome"):
        await home(account, rest, realm)
    with part("flespi_sdk: RealmTokenParams"):
        await token_params(realm)
    with part("flespi_sdk: Users"):
        await users(account, rest, realm)
    with part("flespi_sdk: RealmIdentityProviders"):
        await identity_providers(rest, realm)
    with part("flespi_sdk: realm_login"):
        await log_in(account, rest, realm)
    with part("flespi_sdk: Realms, the end"):
        rest.delete(f"/platform/realms/{realm.id}")
        check("list: none left", await account.realms.list(), [])


async def realms(account, rest):
    body = {"name": "people", "token_params": {"access": {"type": 0}, "ttl": 3600}}
    made = rest.post("/platform/realms", [body])
    realm = result(made)[0]["id"]
    listed = await account.realms.list()
    check("list", ids(listed), [realm])
    true("list: a public id", isinstance(listed[0].public_id, str) and listed[0].public_id, listed[0].public_id)
    got = await account.realms.get(realm, fields=["name", *Realm.FIELDS])
    check("get", (got.id, got.name, got.public_id, got.blocked), (realm, "people", listed[0].public_id, 0))
    await got.set_metadata_value("a.b", "c")
    check("metadata", await got.get_metadata_value("a.b", ignore_cache=True), "c")
    check("get_name", await got.get_name(), "people")
    check("list: by name", ids(await account.realms.list("name=peop*")), [realm])
    check("list: by expression", ids(await account.realms.list('{metadata.a.b=="c"}')), [realm])
    return got


async def home(account, rest, realm):
    check("get: the default", await realm.home.get(), {"type": 0})
    inner = result(rest.post("/platform/subaccounts", [{"name": "home"}]))[0]["id"]
    limit = result(rest.post("/platform/limits", [{"name": "guest"}]))[0]["id"]
    await realm.home.set_existing_subaccount(inner)
    check("set_existing_subaccount", await realm.home.get(), {"type": 1, "subaccount_id": inner})
    await realm.home.set_create_new_subaccount()
    check("set_create_new_subaccount: bare", await realm.home.get(), {"type": 2})
    await realm.home.set_create_new_subaccount(inner, limit)
    check("set_create_new_subaccount: where and with which limit", await realm.home.get(), {"type": 2, "subaccount_id": inner, "limit_id": limit})
    await realm.home.set_current_subaccount()
    check("set_current_subaccount", await realm.home.get(), {"type": 0})


async def token_params(realm):
    params = realm.token_params
    got = await params.get()
    check("get: what it was created with", (got["access"], got["ttl"]), ({"type": 0}, 3600))
    await params.set_ttl(7200)
    check("set_ttl", (await params.get())["ttl"], 7200)
    await params.set_ip_addresses(["127.0.0.*", "10.0.0.1"])
    check("set_ip_addresses", (await params.get())["ips"], "127.0.0.*,10.0.0.1")
    await params.set_ip_addresses([])
    check("set_ip_addresses: none", (await params.get())["ips"], "")
    await params.set_origins(["https://*.example.com"], allow_flespi_origins=True)
    check("set_origins", (await params.get())["origins"], ["https://*.example.com", {"preset": "flespi"}])
    await params.allow_all_origins()
    check("allow_all_origins", (await params.get())["origins"], "*")
    await params.set_acl_access(ACL, templating=True)
    check("set_acl_access", (await params.get())["access"], {"type": 2, "acl": ACL, "templating": True})
    await params.set_master_access()
    check("set_master_access", (await params.get())["access"], {"type": 1})
    await params.set_standard_access()
    check("set_standard_access", (await params.get())["access"], {"type": 0})
    check("the time was kept all along", (await params.get())["ttl"], 7200)


async def users(account, rest, realm):
    path = f"/platform/realms/{realm.id}/users"
    made = rest.post(path, [{"name": "ann", "password": PASSWORD}, {"name": "bob"}])
    ann, bob = (row["id"] for row in result(made))
    check("list", ids(await realm.users.list()), sorted([ann, bob]))
    user = (await realm.users.list(str(ann), fields=["name", *User.FIELDS]))[0]
    check("list: one with all fields", (user.id, user.name, user.has_password), (ann, "ann", True))
    true("created is a time", isinstance(user.created, int) and user.created > 0, user.created)
    check("list: by name", ids(await realm.users.list("name=b*")), [bob])
    await user.set_metadata({"shift": "night"})
    check("metadata", await user.get_metadata(), {"shift": "night"})
    check("get_field", await user.get_field("name"), "ann")
    other = (await realm.users.list(str(bob), fields=["name", "has_password"]))[0]
    check("a user without a password", other.has_password, False)
    await other.update_password("a password of some length")
    check("update_password", (await other.get_field("has_password")), True)
    short = await refused(other.update_password("short"))
    fails("update_password: the client's own rule", short, "ValueError")


async def identity_providers(rest, realm):
    made = rest.post("/platform/identity-providers", [{"name": "sso", "type": "oauth2", "configuration": {}}])
    provider = result(made)[0]["id"]
    path = f"/platform/realms/{realm.id}/identity-providers/{provider}"
    linked = rest.post(path, {"enabled": True, "allow_registration": False})
    check("post: a link", (linked["error"], linked["code"]), (False, 200))
    listed = await realm.identity_providers.list()
    check("list", [(each.id, each.enabled, each.allow_registration) for each in listed], [(provider, True, False)])
    rest.put(path, {"allow_registration": True})
    check("get_field", await listed[0].get_field("allow_registration"), True)
    check("delete: the link", rest.delete(path)["code"], 200)
    check("list: none left", await realm.identity_providers.list(), [])
    rest.delete(f"/platform/identity-providers/{provider}")


async def log_in(account, rest, realm):
    # The log-in reads the own account, which only a master token may.
    await realm.token_params.set_master_access()
    user = await realm_login(realm.public_id, "ann", PASSWORD)
    try:
        check("the account of a realm at home here", user.id, account.id)
        check("it works there", await user.get_name(), await account.get_name())
        ann = (await realm.users.list("name=ann", fields=["token_id"]))[0]
        true("the user's token is known", ann.token_id, ann.token_id)
    finally:
        await user.stop()
    fails("a wrong password", await refused(realm_login(realm.public_id, "ann", "nonsense nonsense")), "Exception")
    fails("nothing given", await refused(realm_login("", "", "")), "ValueError")
    await realm.home.set_create_new_subaccount()
    rest.post(f"/platform/realms/{realm.id}/users", [{"name": "cat", "password": PASSWORD}])
    cat = await realm_login(realm.public_id, "cat", PASSWORD)
    try:
        true("an account of its own", cat.id != account.id, cat.id)
        listed = (await realm.users.list("name=cat", fields=["subaccount_id"]))[0]
        check("which the realm knows", listed.subaccount_id, cat.id)
        child = await account.subaccounts.get(cat.id, fields=["cid"])
        check("below the realm's own", child.cid, account.id)
    finally:
        await cat.stop()
