"""flespi 2.0.1: get, post, put and delete of one class, and how it tells success from failure."""

from checks import check, part, true
from flespi.rest import FlespiClient


def result(answer):
    """The rows of a successful answer of FlespiClient."""
    assert answer["error"] is False, answer
    return answer["message"]["result"]


def walk(rest):
    with part("flespi: FlespiClient"):
        answer = rest.get("/auth/info")
        check("get: the shape of success", (answer["error"], answer["code"]), (False, 200))
        root = result(answer)[0]["cid"]
        check("get: the own account", result(rest.get("/platform/customer"))[0]["id"], root)
        made = rest.post("/platform/limits", [{"name": "basic", "devices_count": 10}])
        limit = result(made)[0]["id"]
        check("post: a limit", (made["code"], result(made)[0]["name"]), (200, "basic"))
        made = rest.post("/platform/subaccounts", [{"name": "ACME", "limit_id": limit}])
        account = result(made)[0]["id"]
        put = rest.put(f"/platform/subaccounts/{account}", {"name": "ACME Ltd", "metadata": {"a": {"b": 1}}})
        check("put: two fields of a subaccount", (put["error"], put["code"]), (False, 200))
        fields = "fields=id,name,limit_id,metadata,cid,enabled"
        check(
            "get: everything that was written",
            result(rest.get(f"/platform/subaccounts/{account}?{fields}")),
            [{"id": account, "name": "ACME Ltd", "limit_id": limit, "metadata": {"a": {"b": 1}}, "cid": root, "enabled": True}],
        )
        made = rest.post("/platform/tokens", [{"info": "t", "ttl": 60, "access": {"type": 0}}])
        key = result(made)[0]["key"]
        check("post: a token's key has 64 characters", len(key), 64)
        standard = FlespiClient(key)
        check("a token that was made answers for itself", result(standard.get("/auth/info"))[0]["info"], "t")
        denied = standard.get("/platform/customer")
        check("a standard token has no platform", (denied["error"], denied["code"]), (True, 403))
        missing = rest.get("/platform/limits/1")
        check("get: what is not there", (missing["error"], missing["code"]), (True, 404))
        true("get: an error has a reason", missing["message"]["errors"][0]["reason"], missing)
        refused = rest.post("/platform/tokens", [{"info": "no end"}])
        check("post: a token that never ends", (refused["error"], refused["code"]), (True, 400))
        refused = FlespiClient("x" * 64).get("/auth/info")
        check("a wrong token", (refused["error"], refused["code"]), (True, 401))
        check(
            "a wrong token: the platform's words",
            refused["message"]["errors"][0]["reason"],
            "invalid or expired access token",
        )
        gone = rest.delete(f"/platform/subaccounts/{account}")
        check("delete: a subaccount", (gone["error"], gone["code"]), (False, 200))
        check("delete: then its limit", rest.delete(f"/platform/limits/{limit}")["code"], 200)
        check("get: an empty list", result(rest.get("/platform/subaccounts/all")), [])
