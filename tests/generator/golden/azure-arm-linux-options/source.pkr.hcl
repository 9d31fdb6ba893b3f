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

  build_resource_group_name        = "builds"
  vm_size                          = var.vm_size
  allowed_inbound_ip_addresses     = var.allowed_inbound != "" ? compact(split(",", replace(var.allowed_inbound, " ", ""))) : ["203.0.113.7", "198.51.100.0/24"]
  build_key_vault_name             = "vault"
  user_assigned_managed_identities = ["/subscriptions/0/resourceGroups/r/providers/Microsoft.ManagedIdentity/userAssignedIdentities/installer"]
  spot {
    eviction_policy = "Deallocate"
    max_price       = 0.05
  }
  azure_tags = {
    "team"        = "images"
    "cost-center" = "1234"
  }

  # The version in a gallery says which project it is of.
  dynamic "azure_tag" {
    for_each = compact([var.project])
    content {
      name  = "vmoffer-project"
      value = azure_tag.value
    }
  }
  os_disk_size_gb   = 30
  disk_caching_type = "ReadWrite"

  temp_os_disk_name        = "basic-1.2.3-gen2-os"
  polling_duration_timeout = "2h"

  shared_image_gallery_timeout                     = "2h"
  shared_gallery_image_version_exclude_from_latest = true
  shared_gallery_image_version_end_of_life_date    = "2030-12-31T00:00:00Z"
  shared_image_gallery_destination {
    resource_group       = "rg"
    gallery_name         = "gallery"
    image_name           = "basic"
    image_version        = "1.2.3"
    storage_account_type = "Standard_LRS"

    # A version is in the region that it was built in, whatever other regions get copies.
    dynamic "target_region" {
      for_each = distinct(concat([lower(replace(var.location, " ", ""))], ["westeurope"]))
      content {
        name     = target_region.value
        replicas = 3
      }
    }
  }

  communicator = "ssh"
  ssh_username = "packer"
  ssh_timeout  = "15m"
}
