# Written by `vmoffer generate` from a SKU definition. Change the definition: changes here are lost.

packer {
  required_version = ">= 1.11.0"
  required_plugins {
    qemu = {
      source  = "github.com/hashicorp/qemu"
      version = ">= 1.0.9"
    }
  }
}
