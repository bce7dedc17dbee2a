"""paho-mqtt: what a program in Python that listens to the platform meets on the sandbox."""

import json
import os
import queue
import ssl
import sys
import time
import urllib.request

import paho.mqtt.client as mqtt
from checks import check, finish, part, true
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

address, token = os.environ["SANDBOX"], os.environ["SANDBOX_TOKEN"]
port, authorities = int(os.environ["MQTT_PORT"]), os.environ["MQTT_CA"]
context = ssl.create_default_context(cafile=authorities or None)
PATIENCE = 20


def call(method, path, body=None, cid=None):
    headers = {"Authorization": f"FlespiToken {token}"}
    if cid is not None:
        headers["x-flespi-cid"] = str(cid)
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, headers, method=method)
    with urllib.request.urlopen(request, context=context if address.startswith("https") else None) as answer:
        return json.load(answer)["result"]


class Ear:
    """A client whose answers and messages wait in queues."""

    def __init__(self, protocol, user=f"FlespiToken {token}", password=None):
        self.connected, self.granted, self.heard = queue.Queue(), queue.Queue(), queue.Queue()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=protocol)
        self.client.username_pw_set(user, password)
        if authorities:
            self.client.tls_set_context(context)
        self.client.on_connect = lambda client, data, flags, reason, properties: self.connected.put((reason, properties))
        self.client.on_subscribe = lambda client, data, mid, reasons, properties: self.granted.put(reasons)
        self.client.on_message = lambda client, data, message: self.heard.put(message)
        self.client.connect("localhost", port, keepalive=30)
        self.client.loop_start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()

    def subscribe(self, *arguments, **options):
        self.client.subscribe(*arguments, **options)
        return self.granted.get(timeout=PATIENCE)

    def message(self):
        return self.heard.get(timeout=PATIENCE)


def walk():
    for name, protocol in (("3.1.1", mqtt.MQTTv311), ("5", mqtt.MQTTv5)):
        with part(f"paho, MQTT {name}"), Ear(protocol) as ear:
            reason, properties = ear.connected.get(timeout=PATIENCE)
            check("connect: taken", reason.is_failure, False)
            granted = ear.subscribe("flespi/log/platform/limits/+/created,updated,deleted", 1)
            check("subscribe: quality 1", granted[0].value, 1)
            limit = call("POST", "/platform/limits", [{"name": "a"}])[0]["id"]
            call("PUT", f"/platform/limits/{limit}", {"name": "b"})
            call("DELETE", f"/platform/limits/{limit}")
            messages = [ear.message() for _ in range(3)]
            topics = [f"flespi/log/platform/limits/{limit}/{event}" for event in ("created", "updated", "deleted")]
            check("every change once and in order", [message.topic for message in messages], topics)
            records = [json.loads(message.payload) for message in messages]
            check("a record: new and old", (records[1]["old"]["name"], records[1]["new"]["name"]), ("a", "b"))
            check("a record: the numbers of events", [record["event_code"] for record in records], [1, 2, 3])
            check("a record: of which item", {record["origin_type"] for record in records}, {4})
            true("no key is in a message", all(token.encode() not in message.payload for message in messages))
            account = call("POST", "/platform/subaccounts", [{"name": "acme"}])[0]["id"]
            ear.subscribe(f"flespi/state/platform/subaccounts/{account}", 0)
            kept = ear.message()
            check("state: kept for later subscribers", (kept.retain, json.loads(kept.payload)["name"]), (True, "acme"))
            call("DELETE", f"/platform/subaccounts/{account}")
            check("state: empty when it is gone", ear.message().payload, b"")
        with part(f"paho, MQTT {name}: refusals"), Ear(protocol, "x" * 64) as ear:
            reason, _ = ear.connected.get(timeout=PATIENCE)
            check("a wrong token", (reason.is_failure, reason.value), (True, 134))
    with part("paho, MQTT 5: what only 5 has"), Ear(mqtt.MQTTv5) as ear:
        _, properties = ear.connected.get(timeout=PATIENCE)
        said = dict(properties.UserProperty)
        root = call("GET", "/auth/info")[0]
        check("connect: what is said of the token", json.loads(said["token"])["cid"], root["cid"])
        account = call("POST", "/platform/subaccounts", [{"name": "acme"}])[0]["id"]
        narrow = Properties(PacketTypes.SUBSCRIBE)
        narrow.UserProperty = [("cid", str(account))]
        narrow.SubscriptionIdentifier = 7
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        ear.subscribe("flespi/log/platform/limits/+/created", options=options, properties=narrow)
        call("POST", "/platform/limits", [{"name": "outside"}])
        call("POST", "/platform/limits", [{"name": "inside"}], account)
        message = ear.message()
        check("the user property cid narrows", json.loads(message.payload)["new"]["name"], "inside")
        check("a message says whose it is", dict(message.properties.UserProperty)["cid"], str(account))
        check("a message says which subscription", message.properties.SubscriptionIdentifier, [7])
        granted = ear.subscribe("$share/g/flespi/log/#", 1)
        check("shared subscriptions are refused", granted[0].value, 0x9E)
        call("DELETE", f"/platform/subaccounts/{account}")
        call("DELETE", "/platform/limits/all")


started = time.monotonic()
walk()
sys.exit(finish(started))
