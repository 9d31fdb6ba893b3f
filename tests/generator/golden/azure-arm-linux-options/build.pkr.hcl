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

  provisioner "shell" {
    name   = "The prepare step"
    script = "${path.root}/scripts/01-prepare.sh"
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
      VMOFFER_STEP   = "\"The cleanup step\""
    }
  }

  provisioner "shell" {
    name             = "The cleanup step"
    script           = "${path.root}/scripts/02-cleanup.sh"
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
    script           = "${path.root}/scripts/03-generalize.sh"
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
  }
}
