source "azure-arm" "db" {
  use_azure_cli_auth = true
  os_type            = "Linux"

  shared_image_gallery {
    subscription   = "11111111-1111-4111-8111-111111111111"
    resource_group = "golden"
    gallery_name   = "golden_images"
    image_name     = "rhel-9-gen2"
    image_version  = "9.4.2026"
  }

  plan_info {
    plan_name      = "rhel-9"
    plan_product   = "rhel"
    plan_publisher = "redhat"
  }

  disk_caching_type    = "ReadOnly"
  disk_additional_size = [32, 128]
  disk_additional_luns = [0, 1]
  disk_controller_type = "NVMe"

  shared_image_gallery_destination {
    subscription   = "11111111-1111-4111-8111-111111111111"
    resource_group = "products"
    gallery_name   = "products"
    image_name     = "db"
    image_version  = "2.3.4"
    target_region {
      name = "westeurope"
    }
    target_region {
      name = "northeurope"
    }
  }

  location = "westeurope"
  vm_size  = "Standard_E4s_v6"
}

build {
  sources = ["source.azure-arm.db"]

  provisioner "shell" {
    inline_shebang = "/bin/bash -e"
    inline         = ["dnf install -y postgresql-server"]
  }

  provisioner "ansible" {
    playbook_file = "site.yml"
  }
}
