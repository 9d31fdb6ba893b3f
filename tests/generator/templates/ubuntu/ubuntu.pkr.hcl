packer {
  required_plugins {
    azure = {
      source  = "github.com/hashicorp/azure"
      version = "~> 2"
    }
  }
}

variable "client_id" {
  type    = string
  default = env("ARM_CLIENT_ID")
}

variable "client_secret" {
  type      = string
  default   = "hunter2-hunter2"
  sensitive = true
}

variable "location" {
  type    = string
  default = "westeurope"
}

variable "app" {
  type = object({ name = string, port = number })
  default = {
    name = "shop"
    port = 8443
  }
}

locals {
  greeting = "Welcome to ${var.app.name}"
}

source "azure-arm" "ubuntu" {
  client_id       = var.client_id
  client_secret   = var.client_secret
  subscription_id = "00000000-0000-4000-8000-000000000000"

  os_type         = "Linux"
  image_publisher = "Canonical"
  image_offer     = "0001-com-ubuntu-server-jammy"
  image_sku       = "22_04-lts-gen2"

  location        = var.location
  vm_size         = "Standard_D4s_v5"
  os_disk_size_gb = 64

  storage_account        = "shopimages"
  resource_group_name    = "shop-images"
  capture_container_name = "vhds"
  capture_name_prefix    = "shop"

  azure_tags = {
    team = "shop"
  }

  ssh_username = "builder"
  ssh_password = "pa55-word-of-the-build"
}

build {
  sources = ["source.azure-arm.ubuntu"]

  provisioner "shell" {
    name             = "packages"
    environment_vars = ["DEBIAN_FRONTEND=noninteractive", "PORT=${var.app.port}"]
    inline = [
      "apt-get update",
      "apt-get install --yes nginx",
      "echo \"${local.greeting}\" >/etc/motd # costs $${PRICE}",
    ]
  }

  provisioner "file" {
    source      = "${path.root}/scripts/shop.conf"
    destination = "/etc/shop.conf"
  }

  provisioner "shell" {
    execute_command = "chmod +x {{ .Path }}; {{ .Vars }} sudo -E sh '{{ .Path }}'"
    scripts         = ["${path.root}/scripts/install.sh", "${path.root}/scripts/missing.sh"]
  }

  provisioner "shell" {
    inline          = ["/usr/sbin/waagent -force -deprovision+user && export HISTSIZE=0 && sync"]
    inline_shebang  = "/bin/sh -x"
    execute_command = "chmod +x {{ .Path }}; {{ .Vars }} sudo -E sh '{{ .Path }}'"
  }

  post-processor "manifest" {
    output = "manifest.json"
  }
}
