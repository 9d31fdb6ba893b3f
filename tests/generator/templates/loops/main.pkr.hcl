locals {
  offer    = "debian-${var.release}"
  upper    = upper(var.release)
  stamp    = formatdate("YYYYMMDD", timestamp())
  circle   = local.cycle
  cycle    = local.circle
  packages = [for name in ["nginx", "curl"] : "${name}=*"]
}

source "azure-arm" "debian" {
  use_azure_cli_auth   = true
  os_type              = "Linux"
  image_publisher      = "Debian"
  image_offer          = local.offer
  image_sku            = var.release == "13" ? "13-gen2" : "12-gen2"
  location             = lower("WestEurope")
  vm_size              = var.sizes["small"]
  disk_additional_size = var.disks

  dynamic "azure_tag" {
    for_each = var.ports
    content {
      name  = azure_tag.key
      value = azure_tag.value
    }
  }
}

source "azure-arm" "other" {
  use_azure_cli_auth = true
  os_type            = "Linux"
  image_publisher    = "Debian"
  image_offer        = "debian-12"
  image_sku          = "12-gen2"
  location           = "westeurope"
  vm_size            = "Standard_D2s_v5"
}

source "null" "nothing" {
  communicator = "none"
}

build {
  sources = ["source.azure-arm.debian", "source.null.nothing"]

  provisioner "shell" {
    inline = ["echo http is ${var.ports.http}", "echo https is ${var.ports["https"]}"]
  }

  provisioner "shell" {
    inline = ["apt-get install --yes ${join(" ", local.packages)}"]
  }

  provisioner "shell" {
    env = {
      PASSPHRASE_FILE = "/run/x"
      DB              = "${var.db_password}"
    }
    inline = ["setup-db"]
  }

  provisioner "shell" {
    only   = ["null.nothing"]
    inline = ["echo never"]
  }

  provisioner "shell" {
    except = ["azure-arm.other"]
    inline = [<<-EOT
      # made by ${local.offer}
      echo $${HOME}
    EOT
    ]
  }

  provisioner "shell" {
    inline = ["echo ${build.ID} ${local.circle}"]
  }
}
