terraform {
  required_providers {
    flespi = { source = "Mixser/flespi" }
  }
}

variable "name" { type = string }
variable "limit" { type = number }

resource "flespi_subaccount" "customer" {
  name     = var.name
  limit_id = var.limit
}

resource "flespi_token" "backend" {
  info       = "Backend of ${var.name}"
  enabled    = true
  ttl        = 86400
  access     = jsonencode({ type = 0 })
  account_id = flespi_subaccount.customer.id
  metadata   = { team = "fleet" }
}
