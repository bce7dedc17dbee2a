"""A stand-in for the public provider mixser/flespi: its resource types and attributes, on the sandbox.

Terraform's engine runs it like any provider. The real one is a Go program that talks to https://flespi.io and nothing else.
"""

import json
import os
import urllib.request

from tf import runner, schema, types
from tf.iface import Provider, Resource


class Object(types.TfType):
    """An object of fixed attributes, which the framework has no type for."""

    def __init__(self, **attributes):
        self.attributes = attributes

    def encode(self, value):
        if value is None or value is types.Unknown:
            return value
        return {name: of.encode(value.get(name)) for name, of in self.attributes.items()}

    decode = encode

    def tf_type(self):
        members = ",".join(f'"{name}":{of.tf_type().decode()}' for name, of in self.attributes.items())
        return f'["object",{{{members}}}]'.encode()


TEXT, NUMBER, BOOL = types.String(), types.Number(), types.Bool()
# What a limit has beside its name, with the provider's own defaults.
QUOTAS = {"blocking_duration": 60, "api_calls": 20, "devices_count": -1, "tokens_count": -1, "subaccounts_count": -1}


def call(method, path, body=None, account=None):
    """The result of a call to the platform."""
    headers = {"Authorization": f"FlespiToken {Flespi.token}", "Content-Type": "application/json"}
    if account:
        headers["x-flespi-cid"] = str(account)
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(os.environ["SANDBOX_ADDRESS"] + path, data, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["result"]


class Item(Resource):
    """A resource that is one object of a collection."""

    name = collection = fields = None
    attributes = []
    account = True

    def __init__(self, provider):
        self.provider = provider

    @classmethod
    def get_name(cls):
        return cls.name

    @classmethod
    def get_schema(cls):
        of_all = [schema.Attribute("id", NUMBER, computed=True)]
        if cls.account:
            of_all.append(schema.Attribute("account_id", NUMBER, optional=True, computed=True))
        return schema.Schema(attributes=of_all + cls.attributes)

    def body(self, planned):
        """What is sent for a planned state."""
        skipped = {"id", "key", "account_id"}
        known = {name: value for name, value in planned.items() if value is not None and value is not types.Unknown}
        return {name: value for name, value in known.items() if name not in skipped}

    def state(self, item, before):
        """The state of an object as it is."""
        state = dict(before, id=item["id"])
        if self.account:
            state["account_id"] = item["cid"]
        return state

    def create(self, ctx, planned):
        account = planned.get("account_id")
        account = account if isinstance(account, int) else None
        path = f"{self.collection}?fields={self.fields}"
        return self.state(call("POST", path, [self.body(planned)], account)[0], planned)

    def read(self, ctx, current):
        items = call("GET", f"{self.collection}/{current['id']}?fields={self.fields}")
        return self.state(items[0], current) if items else None

    def update(self, ctx, current, planned):
        call("PUT", f"{self.collection}/{current['id']}", self.body(planned))
        return self.read(ctx, dict(planned, id=current["id"]))

    def delete(self, ctx, current):
        call("DELETE", f"{self.collection}/{current['id']}")

    # Before an update, what the object already has stays known.
    def plan(self, ctx, current, planned):
        return planned


class Limit(Item):
    name, collection = "limit", "/platform/limits"
    fields = ",".join(["id", "cid", "name", "description", *QUOTAS])
    attributes = [
        schema.Attribute("name", TEXT, required=True),
        schema.Attribute("description", TEXT, optional=True, computed=True, default=""),
        *(schema.Attribute(name, NUMBER, optional=True, computed=True, default=least) for name, least in QUOTAS.items()),
    ]

    def state(self, item, before):
        quotas = {name: item.get(name, least) for name, least in QUOTAS.items()}
        more = {"name": item["name"], "description": item.get("description", "")}
        return {**super().state(item, before), **more, **quotas}


class Subaccount(Item):
    name, collection, fields = "subaccount", "/platform/subaccounts", "id,cid,name,limit_id"
    attributes = [schema.Attribute("name", TEXT, required=True), schema.Attribute("limit_id", NUMBER, required=True)]

    def state(self, item, before):
        return {**super().state(item, before), "name": item["name"], "limit_id": item["limit_id"]}


class Token(Item):
    name, collection = "token", "/platform/tokens"
    fields = "id,cid,key,info,enabled,expire,ttl,access,metadata"
    attributes = [
        schema.Attribute("key", TEXT, computed=True, sensitive=True),
        schema.Attribute("info", TEXT, required=True),
        schema.Attribute("enabled", BOOL, required=True),
        schema.Attribute("expire", NUMBER, optional=True, computed=True),
        schema.Attribute("ttl", NUMBER, optional=True, computed=True),
        schema.Attribute("metadata", types.Map(TEXT), optional=True, computed=True),
        schema.Attribute("access", types.NormalizedJson(), optional=True, computed=True),
    ]

    def state(self, item, before):
        key = before.get("key")
        return {
            **super().state(item, before),
            "key": key if isinstance(key, str) else item["key"],
            "info": item["info"],
            "enabled": item["enabled"],
            "expire": item.get("expire", 0),
            "ttl": item.get("ttl", 0),
            "metadata": item.get("metadata", {}),
            "access": item["access"],
        }


class Webhook(Item):
    name, collection = "webhook", "/platform/webhooks"
    fields, account = "id,cid,name,triggers,configuration", False
    attributes = [
        schema.Attribute("name", TEXT, required=True),
        schema.Attribute("type", TEXT, required=True),
        schema.Attribute(
            "triggers",
            types.List(Object(topic=TEXT, filter=Object(cid=NUMBER, payload=TEXT))),
            required=True,
        ),
        schema.Attribute(
            "configurations",
            types.List(
                Object(
                    type=TEXT,
                    uri=TEXT,
                    method=TEXT,
                    body=TEXT,
                    ca=TEXT,
                    cid=TEXT,
                    headers=types.List(Object(name=TEXT, value=TEXT)),
                    validate=Object(expression=TEXT, action=TEXT),
                )
            ),
            required=True,
        ),
    ]

    def body(self, planned):
        def given(members):
            return {name: value for name, value in members.items() if value is not None}

        calls = [given(one) for one in planned["configurations"]]
        return {
            "name": planned["name"],
            "triggers": [given(trigger) for trigger in planned["triggers"]],
            "configuration": calls if planned["type"] == "chained" else calls[0],
        }


class Device(Item):
    name, collection, fields, account = "device", "/gw/devices", "id,cid,name", False
    attributes = [
        schema.Attribute("name", TEXT, required=True),
        schema.Attribute("device_type_id", NUMBER, required=True),
        schema.Attribute("configuration", types.NormalizedJson(), required=True),
    ]


class Flespi(Provider):
    token = None

    def get_model_prefix(self):
        return "flespi_"

    def full_name(self):
        return "registry.terraform.io/mixser/flespi"

    def get_provider_schema(self, diags):
        return schema.Schema(attributes=[schema.Attribute("token", TEXT, required=True, sensitive=True)])

    def validate_config(self, diags, config):
        pass

    def configure_provider(self, diags, config):
        Flespi.token = config["token"]

    def get_data_sources(self):
        return []

    def get_resources(self):
        return [Limit, Subaccount, Token, Webhook, Device]


if __name__ == "__main__":
    runner.run_provider(Flespi())
