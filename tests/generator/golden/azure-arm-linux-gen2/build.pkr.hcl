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
      VMOFFER_STEP   = "\"first\""
    }
  }

  provisioner "shell" {
    name             = "first"
    script           = "${path.root}/scripts/01-own-first.sh"
    execute_command  = "sudo sh -c '. {{.EnvVarFile}} && exec {{.Path}}'"
    use_env_var_file = true
    timeout          = "1h"
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

  provisioner "shell" {
    name   = "The prepare step"
    script = "${path.root}/scripts/02-prepare.sh"
    env = {
      "LEVEL" = "1"
    }
    execute_command  = "sudo sh -c '. {{.EnvVarFile}} && exec {{.Path}}'"
    use_env_var_file = true
    timeout          = "5m"
  }

  provisioner "shell-local" {
    inline = ["sh \"$VMOFFER_NOTE\""]
    env = {
      VMOFFER_NOTE   = "${path.root}/note.sh"
      VMOFFER_OUT    = local.out
      VMOFFER_SOURCE = source.name
      VMOFFER_STEP   = "\"app\""
    }
  }

  provisioner "shell" {
    name   = "app"
    script = "${path.root}/scripts/03-own-app.sh"
    env = {
      "A"      = "1"
      "LONGER" = "2"
    }
    execute_command  = "sudo sh -c '. {{.EnvVarFile}} && exec {{.Path}}'"
    use_env_var_file = true
    timeout          = "1h"
  }

  provisioner "shell-local" {
    inline = ["sh \"$VMOFFER_NOTE\""]
    env = {
      VMOFFER_NOTE   = "${path.root}/note.sh"
      VMOFFER_OUT    = local.out
      VMOFFER_SOURCE = source.name
      VMOFFER_STEP   = "\"config: upload\""
    }
  }

  provisioner "file" {
    name        = "config: upload"
    source      = "${path.root}/files/04-sku-yaml"
    destination = "/tmp/vmoffer-upload-04"
    timeout     = "1h"
  }

  provisioner "shell-local" {
    inline = ["sh \"$VMOFFER_NOTE\""]
    env = {
      VMOFFER_NOTE   = "${path.root}/note.sh"
      VMOFFER_OUT    = local.out
      VMOFFER_SOURCE = source.name
      VMOFFER_STEP   = "\"config: place\""
    }
  }

  provisioner "shell" {
    name   = "config: place"
    script = "${path.root}/scripts/04-own-config.sh"
    env = {
      "SOURCE"      = "/tmp/vmoffer-upload-04"
      "NAME"        = "sku.yaml"
      "DESTINATION" = "/etc/app.conf"
    }
    execute_command  = "sudo sh -c '. {{.EnvVarFile}} && exec {{.Path}}'"
    use_env_var_file = true
    timeout          = "1h"
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

  provisioner "shell" {
    name             = "The cleanup step"
    script           = "${path.root}/scripts/05-cleanup.sh"
    execute_command  = "sudo sh -c '. {{.EnvVarFile}} && exec {{.Path}}'"
    use_env_var_file = true
    timeout          = "5m"
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

  provisioner "shell" {
    name             = "The generalize step"
    script           = "${path.root}/scripts/06-generalize.sh"
    execute_command  = "sudo sh -c '. {{.EnvVarFile}} && exec {{.Path}}'"
    use_env_var_file = true
    # Nothing follows: the build user is gone and the guest is on its way down.
    skip_clean        = true
    expect_disconnect = true
    timeout           = "5m"
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
        system      = "Debian 12"
      }
    }

    post-processor "shell-local" {
      name   = "finalize"
      only   = ["azure-arm.gen2"]
      inline = ["sh \"$VMOFFER_NOTE\" vmoffer finalize \"$VMOFFER_SKU\" --generation gen2 --raw \"$VMOFFER_OUT\"/gen2/raw --out \"$VMOFFER_OUT\" --data-only"]
      env = {
        VMOFFER_NOTE          = "${path.root}/note.sh"
        VMOFFER_STEP          = "\"finalize\""
        VMOFFER_SOURCE        = "gen2"
        VMOFFER_SKU           = var.sku
        VMOFFER_OUT           = local.out
        VMOFFER_CONTAINER     = var.container
        AZURE_STORAGE_ACCOUNT = var.storage_account
        VMOFFER_DATA_DISK     = build.TempDataDiskName
      }
    }

    post-processor "shell-local" {
      name   = "validate"
      only   = ["azure-arm.gen2"]
      inline = ["sh \"$VMOFFER_NOTE\" vmoffer validate --sku \"$VMOFFER_SKU\" --container \"$VMOFFER_CONTAINER\" --generation gen2 --record --out \"$VMOFFER_OUT\"/report.json --out \"$VMOFFER_OUT\"/report.html --out \"$VMOFFER_OUT\"/report.xml --out \"$VMOFFER_OUT\"/report.sarif --blob basic-1.2.3-gen2-os.vhd --blob 0=\"$VMOFFER_DATA_DISK-1.vhd\" --blob 2=\"$VMOFFER_DATA_DISK-2.vhd\" \"$VMOFFER_OUT\"/basic-1.2.3-gen2-data-1.vhd"]
      env = {
        VMOFFER_NOTE          = "${path.root}/note.sh"
        VMOFFER_STEP          = "\"validate\""
        VMOFFER_SOURCE        = "gen2"
        VMOFFER_SKU           = var.sku
        VMOFFER_OUT           = local.out
        VMOFFER_CONTAINER     = var.container
        AZURE_STORAGE_ACCOUNT = var.storage_account
        VMOFFER_DATA_DISK     = build.TempDataDiskName
      }
    }

    post-processor "shell-local" {
      name   = "upload"
      only   = ["azure-arm.gen2"]
      inline = var.publish ? ["sh \"$VMOFFER_NOTE\" vmoffer upload --sku \"$VMOFFER_SKU\" --container \"$VMOFFER_CONTAINER\" \"$VMOFFER_OUT\"/basic-1.2.3-gen2-data-1.vhd"] : ["echo 'not published, as asked'"]
      env = {
        VMOFFER_NOTE          = "${path.root}/note.sh"
        VMOFFER_STEP          = "\"upload\""
        VMOFFER_SOURCE        = "gen2"
        VMOFFER_SKU           = var.sku
        VMOFFER_OUT           = local.out
        VMOFFER_CONTAINER     = var.container
        AZURE_STORAGE_ACCOUNT = var.storage_account
        VMOFFER_DATA_DISK     = build.TempDataDiskName
      }
    }

    post-processor "shell-local" {
      name   = "sas"
      only   = ["azure-arm.gen2"]
      inline = var.publish ? ["sh \"$VMOFFER_NOTE\" vmoffer sas make --sku \"$VMOFFER_SKU\" --container \"$VMOFFER_CONTAINER\" --quiet --out \"$VMOFFER_OUT\"/sas.json basic-1.2.3-gen2-os.vhd 0=\"$VMOFFER_DATA_DISK-1.vhd\" 2=\"$VMOFFER_DATA_DISK-2.vhd\" basic-1.2.3-gen2-data-1.vhd"] : ["echo 'not published, as asked'"]
      env = {
        VMOFFER_NOTE          = "${path.root}/note.sh"
        VMOFFER_STEP          = "\"sas\""
        VMOFFER_SOURCE        = "gen2"
        VMOFFER_SKU           = var.sku
        VMOFFER_OUT           = local.out
        VMOFFER_CONTAINER     = var.container
        AZURE_STORAGE_ACCOUNT = var.storage_account
        VMOFFER_DATA_DISK     = build.TempDataDiskName
      }
    }
  }
}
