# Written by `vmoffer generate` from a SKU definition. Change the definition: changes here are lost.

build {
  description = "Basic\nThe basic shop"
  sources = [
    "source.azure-arm.gen2",
  ]

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
    script = "${path.root}/scripts/01-prepare.ps1"
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
      VMOFFER_STEP   = "\"The cleanup step\""
    }
  }

  provisioner "powershell" {
    name    = "The cleanup step"
    script  = "${path.root}/scripts/02-cleanup.ps1"
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
    script           = "${path.root}/scripts/03-generalize.ps1"
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
      inline = ["sh \"$VMOFFER_NOTE\" vmoffer validate --sku \"$VMOFFER_SKU\" --container \"$VMOFFER_CONTAINER\" --generation gen2 --record --out \"$VMOFFER_OUT\"/report.json --out \"$VMOFFER_OUT\"/report.html --out \"$VMOFFER_OUT\"/report.xml --out \"$VMOFFER_OUT\"/report.sarif --blob basic-1.2.3-gen2-os.vhd"]
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
      inline = var.publish ? ["sh \"$VMOFFER_NOTE\" vmoffer sas make --sku \"$VMOFFER_SKU\" --container \"$VMOFFER_CONTAINER\" --quiet --out \"$VMOFFER_OUT\"/sas.json basic-1.2.3-gen2-os.vhd"] : ["echo 'not published, as asked'"]
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
  }
}
