# Written by `vmoffer generate` from a SKU definition. Change the definition: changes here are lost.

build {
  description = "Basic\nThe basic shop"
  sources = [
    "source.azure-arm.gen2",
    "source.azure-arm.gen1",
  ]

  provisioner "shell-local" {
    inline = ["sh \"$VMOFFER_NOTE\""]
    env = {
      VMOFFER_NOTE   = "${path.root}/note.sh"
      VMOFFER_OUT    = local.out
      VMOFFER_SOURCE = source.name
      VMOFFER_STEP   = "\"first\""
    }
  }

  provisioner "powershell" {
    name    = "first"
    script  = "${path.root}/scripts/01-own-first.ps1"
    timeout = "1h"
  }

  provisioner "shell-local" {
    inline = ["sh \"$VMOFFER_NOTE\""]
    env = {
      VMOFFER_NOTE   = "${path.root}/note.sh"
      VMOFFER_OUT    = local.out
      VMOFFER_SOURCE = source.name
      VMOFFER_STEP   = "\"The prepare step\""
    }
  }

  provisioner "powershell" {
    name   = "The prepare step"
    script = "${path.root}/scripts/02-prepare.ps1"
    env = {
      "LEVEL" = "1"
    }
    timeout = "5m"
  }

  provisioner "shell-local" {
    inline = ["sh \"$VMOFFER_NOTE\""]
    env = {
      VMOFFER_NOTE   = "${path.root}/note.sh"
      VMOFFER_OUT    = local.out
      VMOFFER_SOURCE = source.name
      VMOFFER_STEP   = "\"own step 3: upload\""
    }
  }

  provisioner "file" {
    name        = "own step 3: upload"
    source      = "${path.root}/files/03-sku-yaml"
    destination = "C:\\app\\app.conf"
    timeout     = "1h"
  }

  provisioner "shell-local" {
    inline = ["sh \"$VMOFFER_NOTE\""]
    env = {
      VMOFFER_NOTE   = "${path.root}/note.sh"
      VMOFFER_OUT    = local.out
      VMOFFER_SOURCE = source.name
      VMOFFER_STEP   = "\"The cleanup step\""
    }
  }

  provisioner "powershell" {
    name    = "The cleanup step"
    script  = "${path.root}/scripts/04-cleanup.ps1"
    timeout = "5m"
  }

  provisioner "shell-local" {
    inline = ["sh \"$VMOFFER_NOTE\""]
    env = {
      VMOFFER_NOTE   = "${path.root}/note.sh"
      VMOFFER_OUT    = local.out
      VMOFFER_SOURCE = source.name
      VMOFFER_STEP   = "\"The generalize step\""
    }
  }

  provisioner "powershell" {
    name             = "The generalize step"
    script           = "${path.root}/scripts/05-generalize.ps1"
    skip_clean       = true
    valid_exit_codes = [0, 2300218]
    timeout          = "5m"
  }

  provisioner "shell-local" {
    inline = ["sh \"$VMOFFER_NOTE\""]
    env = {
      VMOFFER_NOTE   = "${path.root}/note.sh"
      VMOFFER_OUT    = local.out
      VMOFFER_SOURCE = source.name
      VMOFFER_STEP   = ""
    }
  }

  post-processors {
    # First, so that a step that fails after it does not make Packer delete the disks.
    post-processor "manifest" {
      output = "${local.out}/packer-manifest.json"
      custom_data = {
        sku         = "shop/basic"
        publisher   = "contoso"
        offer_title = "Shop"
        plan_title  = "Basic"
        version     = "1.2.3"
        system      = "Windows Server 2022"
      }
    }

    post-processor "shell-local" {
      name   = "validate"
      only   = ["azure-arm.gen2"]
      inline = ["sh \"$VMOFFER_NOTE\" vmoffer validate --sku \"$VMOFFER_SKU\" --container \"$VMOFFER_CONTAINER\" --generation gen2 --record --out \"$VMOFFER_OUT\"/report-gen2.json --out \"$VMOFFER_OUT\"/report-gen2.html --out \"$VMOFFER_OUT\"/report-gen2.xml --out \"$VMOFFER_OUT\"/report-gen2.sarif --blob basic-1.2.3-gen2-os.vhd"]
      env = {
        VMOFFER_NOTE          = "${path.root}/note.sh"
        VMOFFER_STEP          = "\"validate\""
        VMOFFER_SOURCE        = "gen2"
        VMOFFER_SKU           = var.sku
        VMOFFER_OUT           = local.out
        VMOFFER_CONTAINER     = var.container
        AZURE_STORAGE_ACCOUNT = var.storage_account
      }
    }

    post-processor "shell-local" {
      name   = "sas"
      only   = ["azure-arm.gen2"]
      inline = var.publish ? ["sh \"$VMOFFER_NOTE\" vmoffer sas make --sku \"$VMOFFER_SKU\" --container \"$VMOFFER_CONTAINER\" --quiet --out \"$VMOFFER_OUT\"/sas-gen2.json basic-1.2.3-gen2-os.vhd"] : ["echo 'not published, as asked'"]
      env = {
        VMOFFER_NOTE          = "${path.root}/note.sh"
        VMOFFER_STEP          = "\"sas\""
        VMOFFER_SOURCE        = "gen2"
        VMOFFER_SKU           = var.sku
        VMOFFER_OUT           = local.out
        VMOFFER_CONTAINER     = var.container
        AZURE_STORAGE_ACCOUNT = var.storage_account
      }
    }

    post-processor "shell-local" {
      name   = "validate"
      only   = ["azure-arm.gen1"]
      inline = ["sh \"$VMOFFER_NOTE\" vmoffer validate --sku \"$VMOFFER_SKU\" --container \"$VMOFFER_CONTAINER\" --generation gen1 --record --out \"$VMOFFER_OUT\"/report-gen1.json --out \"$VMOFFER_OUT\"/report-gen1.html --out \"$VMOFFER_OUT\"/report-gen1.xml --out \"$VMOFFER_OUT\"/report-gen1.sarif --blob basic-1.2.3-gen1-os.vhd"]
      env = {
        VMOFFER_NOTE          = "${path.root}/note.sh"
        VMOFFER_STEP          = "\"validate\""
        VMOFFER_SOURCE        = "gen1"
        VMOFFER_SKU           = var.sku
        VMOFFER_OUT           = local.out
        VMOFFER_CONTAINER     = var.container
        AZURE_STORAGE_ACCOUNT = var.storage_account
      }
    }

    post-processor "shell-local" {
      name   = "sas"
      only   = ["azure-arm.gen1"]
      inline = var.publish ? ["sh \"$VMOFFER_NOTE\" vmoffer sas make --sku \"$VMOFFER_SKU\" --container \"$VMOFFER_CONTAINER\" --quiet --out \"$VMOFFER_OUT\"/sas-gen1.json basic-1.2.3-gen1-os.vhd"] : ["echo 'not published, as asked'"]
      env = {
        VMOFFER_NOTE          = "${path.root}/note.sh"
        VMOFFER_STEP          = "\"sas\""
        VMOFFER_SOURCE        = "gen1"
        VMOFFER_SKU           = var.sku
        VMOFFER_OUT           = local.out
        VMOFFER_CONTAINER     = var.container
        AZURE_STORAGE_ACCOUNT = var.storage_account
      }
    }
  }
}
