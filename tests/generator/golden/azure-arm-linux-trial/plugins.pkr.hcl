# Written by `vmoffer generate` from a SKU definition. Change the definition: changes here are lost.

# 2.5.0 writes VHDs from managed disks; 2.6.3 knows the LUNs of data disks.
packer {
  required_version = ">= 1.11.0"
  required_plugins {
    azure = {
      source  = "github.com/hashicorp/azure"
      version = ">= 2.6.3"
    }
  }
}
