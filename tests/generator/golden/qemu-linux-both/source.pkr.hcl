# Written by `vmoffer generate` from a SKU definition. Change the definition: changes here are lost.

locals {
  # What cloud-init reads from the CD: a user for the build, gone before the image is generalized.
  user_data = {
    ssh_pwauth = false
    users = [{
      name                = "packer"
      shell               = "/bin/sh"
      sudo                = "ALL=(ALL) NOPASSWD:ALL"
      lock_passwd         = true
      ssh_authorized_keys = [var.ssh_public_key]
    }]
  }
}

source "qemu" "gen2" {
  iso_url          = var.base_image
  iso_checksum     = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
  disk_image       = true
  disk_size        = "30G"
  format           = "raw"
  skip_compaction  = true
  output_directory = "${local.out}/gen2/raw"
  vm_name          = "os.raw"

  # Not q35: its SATA is a controller that cloud kernels have no driver for, and the seed is on a CD.
  machine_type       = "pc"
  efi_boot           = true
  efi_firmware_code  = var.efi_firmware_code
  efi_firmware_vars  = var.efi_firmware_vars
  qemu_binary        = var.qemu_binary
  accelerator        = var.accelerator
  cpu_model          = var.cpu_model
  cpus               = 2
  memory             = 2048
  headless           = var.headless
  disk_interface     = "virtio"
  disk_discard       = "unmap"
  disk_detect_zeroes = "unmap"
  net_device         = "virtio-net"
  qemuargs           = [["-serial", "file:${local.out}/gen2/serial.log"]]

  cd_label = "cidata"
  cd_content = {
    "meta-data" = jsonencode({ "instance-id" = "vmoffer-build", "local-hostname" = "vmoffer-build" })
    "user-data" = "#cloud-config\n${jsonencode(local.user_data)}\n"
  }

  boot_wait              = "-1s"
  communicator           = "ssh"
  ssh_username           = "packer"
  ssh_private_key_file   = var.ssh_private_key_file
  ssh_timeout            = var.ssh_timeout
  ssh_handshake_attempts = 1000

  # The last step powers the guest off. The plugin waits for that only if it has a command to send.
  shutdown_command = "true"
  shutdown_timeout = "30m"
}

source "qemu" "gen1" {
  iso_url          = var.base_image
  iso_checksum     = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
  disk_image       = true
  disk_size        = "30G"
  format           = "raw"
  skip_compaction  = true
  output_directory = "${local.out}/gen1/raw"
  vm_name          = "os.raw"

  # Not q35: its SATA is a controller that cloud kernels have no driver for, and the seed is on a CD.
  machine_type       = "pc"
  qemu_binary        = var.qemu_binary
  accelerator        = var.accelerator
  cpu_model          = var.cpu_model
  cpus               = 2
  memory             = 2048
  headless           = var.headless
  disk_interface     = "virtio"
  disk_discard       = "unmap"
  disk_detect_zeroes = "unmap"
  net_device         = "virtio-net"
  qemuargs           = [["-serial", "file:${local.out}/gen1/serial.log"]]

  cd_label = "cidata"
  cd_content = {
    "meta-data" = jsonencode({ "instance-id" = "vmoffer-build", "local-hostname" = "vmoffer-build" })
    "user-data" = "#cloud-config\n${jsonencode(local.user_data)}\n"
  }

  boot_wait              = "-1s"
  communicator           = "ssh"
  ssh_username           = "packer"
  ssh_private_key_file   = var.ssh_private_key_file
  ssh_timeout            = var.ssh_timeout
  ssh_handshake_attempts = 1000

  # The last step powers the guest off. The plugin waits for that only if it has a command to send.
  shutdown_command = "true"
  shutdown_timeout = "30m"
}
