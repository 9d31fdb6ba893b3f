# Written by `vmoffer generate` from a SKU definition. Change the definition: changes here are lost.

variable "sku" {
  type        = string
  description = "offer/plan, or the path of the definition"
  default     = "shop/basic"
}

variable "out" {
  type        = string
  description = "Folder of the results; empty: two levels above this project"
  default     = ""
}

variable "publish" {
  type        = bool
  description = "Upload the VHDs and make SAS URIs after the build"
  default     = true
}

variable "container" {
  type        = string
  description = "Storage container of the VHDs"
  default     = "vhds"
}

locals {
  out = var.out != "" ? var.out : "${path.root}/../.."
}

variable "base_image" {
  type        = string
  description = "Disk image the build starts from"
  default     = "https://example.org/a.img"
}

variable "accelerator" {
  type        = string
  description = "kvm, tcg, …; empty: what the plugin finds"
  default     = ""
}

variable "cpu_model" {
  type        = string
  description = "CPU of the guest"
  default     = "max"
}

variable "qemu_binary" {
  type        = string
  description = "QEMU of the guest's architecture"
  default     = "qemu-system-x86_64"
}

variable "efi_firmware_code" {
  type        = string
  description = "UEFI firmware"
  default     = "/usr/share/OVMF/OVMF_CODE_4M.fd"
}

variable "efi_firmware_vars" {
  type        = string
  description = "Its empty variable store"
  default     = "/usr/share/OVMF/OVMF_VARS_4M.fd"
}

variable "headless" {
  type        = bool
  description = "No window for the guest's screen"
  default     = true
}

variable "ssh_timeout" {
  type        = string
  description = "How long the guest may take to boot"
  default     = "20m"
}

variable "ssh_private_key_file" {
  type        = string
  description = "Key of the build user, made for this build"
}

variable "ssh_public_key" {
  type        = string
  description = "Its public half, as in authorized_keys"
}
