terraform {
  required_providers {
    flespi = { source = "Mixser/flespi" }
  }
}

variable "token" {
  type      = string
  sensitive = true
}

provider "flespi" {
  token = var.token
}

resource "flespi_limit" "fleet" {
  name          = "Fleet of a customer"
  description   = "made by Terraform"
  api_calls     = 200
  devices_count = 50
  tokens_count  = 20
}

module "customer" {
  source   = "./account"
  for_each = toset(["acme", "globex"])
  name     = each.key
  limit    = flespi_limit.fleet.id
}

resource "flespi_token" "reader" {
  for_each = toset(["eu", "us"])
  info     = "Reader ${each.key}"
  enabled  = true
  ttl      = 2592000
  access   = jsonencode({ type = 2, acl = [{ uri = "gw/devices", methods = ["GET"], ids = "all" }] })
}

resource "flespi_webhook" "alarm" {
  name     = "Alarm"
  type     = "single"
  triggers = [{ topic = "flespi/log/#", filter = null }]
  configurations = [{
    type     = "custom-server"
    uri      = "https://hooks.example.com/alarm"
    method   = "POST"
    body     = "%payload%"
    ca       = null
    cid      = null
    validate = null
    headers  = [{ name = "X-Key", value = "a-key-of-the-hook" }]
  }]
}

resource "flespi_limit" "doubted" {
  name = "Doubted"
}

resource "flespi_device" "truck" {
  name           = "Truck"
  device_type_id = 745
  configuration  = jsonencode({ ident = "352625333222111" })
}

resource "terraform_data" "note" {
  input = "of another provider"
}

output "reader" {
  value     = flespi_token.reader["eu"].key
  sensitive = true
}
