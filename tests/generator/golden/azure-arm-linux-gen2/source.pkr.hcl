# Written by `vmoffer generate` from a SKU definition. Change the definition: changes here are lost.

source "azure-arm" "gen2" {
  # By the names of the Azure CLI, by which storage is found as well; another cloud by its own.
  cloud_environment_name = lookup({ "" = "Public", AzureCloud = "Public", AzureChinaCloud = "China", AzureUSGovernment = "USGovernment" }, var.azure_cloud, var.azure_cloud)
  use_azure_cli_auth     = local.sign_in == "azure-cli"
  subscription_id        = var.subscription_id
  tenant_id              = contains(["azure-cli", "managed-identity"], local.sign_in) ? null : var.tenant_id
  client_id              = local.sign_in == "azure-cli" ? null : var.client_id
  client_secret          = local.sign_in == "client-secret" ? var.client_secret : null
  client_cert_path       = local.sign_in == "client-certificate" ? var.client_cert_path : null
  client_cert_password   = local.sign_in == "client-certificate" ? var.client_cert_password : null
  client_jwt             = local.sign_in == "client-jwt" ? var.client_jwt : null
  oidc_request_url       = local.sign_in == "oidc" ? var.oidc_request_url : null
  oidc_request_token     = local.sign_in == "oidc" ? var.oidc_request_token : null

  os_type         = "Linux"
  image_publisher = "Debian"
  image_offer     = "debian-12"
  image_sku       = "12-gen2"
  image_version   = "latest"

  location = var.location
  # A name of its own, so that whoever gave it finds what a build that was killed leaves behind.
  temp_resource_group_name     = var.build_name == "" ? null : "${var.build_name}-gen2"
  vm_size                      = var.vm_size
  allowed_inbound_ip_addresses = compact(split(",", replace(var.allowed_inbound, " ", "")))

  # The version in a gallery says which project it is of.
  dynamic "azure_tag" {
    for_each = compact([var.project])
    content {
      name  = "vmoffer-project"
      value = azure_tag.value
    }
  }
  os_disk_size_gb        = 30
  disk_caching_type      = "ReadWrite"
  disk_additional_size   = [4, 8]
  disk_additional_luns   = [0, 2]
  accelerated_networking = true
  disk_controller_type   = "NVMe"
  security_type          = "TrustedLaunch"
  secure_boot_enabled    = true
  vtpm_enabled           = true

  # The blob of the OS disk is called like its disk below, with .vhd at the end. The blobs of data disks are
  # called after the temporary name of this build (TempDataDiskName), with -1.vhd, -2.vhd … at the end.
  storage_account          = var.storage_account
  resource_group_name      = var.resource_group_name
  capture_container_name   = var.container
  temp_os_disk_name        = "basic-1.2.3-gen2-os"
  polling_duration_timeout = "2h"

  shared_image_gallery_timeout = "2h"
  shared_image_gallery_destination {
    resource_group       = "rg"
    gallery_name         = "gallery"
    image_name           = "basic"
    image_version        = "1.2.3"
    storage_account_type = "Standard_LRS"

    # A version is in the region that it was built in, whatever other regions get copies.
    dynamic "target_region" {
      for_each = distinct(concat([lower(replace(var.location, " ", ""))], ["eastus", "westus"]))
      content {
        name     = target_region.value
        replicas = 1
      }
    }
  }

  communicator = "ssh"
  ssh_username = "packer"
  ssh_timeout  = "15m"
}
