// A build in a private network, from a managed image.
source "azure-arm" "private" {
  client_id     = "22222222-2222-4222-8222-222222222222"
  client_secret = "Q~literal-secret-in-the-file"
  tenant_id     = "33333333-3333-4333-8333-333333333333"
  os_type       = "Linux"

  custom_managed_image_name                = "hardened"
  custom_managed_image_resource_group_name = "images"

  virtual_network_name                   = "build"
  virtual_network_subnet_name            = "packer"
  virtual_network_resource_group_name    = "network"
  private_virtual_network_with_public_ip = false
  build_resource_group_name              = "build"

  user_data_file  = "cloud-init.yml"
  storage_account = "images"

  spot {
    eviction_policy = "Delete"
  }
}

build {
  source "azure-arm.private" {
    name = "p"
  }
  provisioner "shell" {
    inline = [
      "curl 'https://x.blob.core.windows.net/c/app.tgz?sv=2024&sig=abc%2Bdef' | tar xz",
    ]
  }
}
