variable "subscription_id" {
  type = string
}

variable "winrm_password" {
  type    = string
  default = "correct-horse-battery"
}

source "azure-arm" "windows2022" {
  subscription_id    = var.subscription_id
  use_azure_cli_auth = true

  os_type         = "Windows"
  image_publisher = "MicrosoftWindowsServer"
  image_offer     = "WindowsServer"
  image_sku       = "2022-datacenter-g2"
  image_version   = "latest"

  managed_image_name                = "app-server"
  managed_image_resource_group_name = "images"

  communicator   = "winrm"
  winrm_use_ssl  = true
  winrm_insecure = true
  winrm_timeout  = "30m"
  winrm_username = "packer"
  winrm_password = var.winrm_password

  location = "East US"
  vm_size  = "Standard_D4s_v5"

  security_type       = "TrustedLaunch"
  secure_boot_enabled = true
  vtpm_enabled        = true
}

build {
  name    = "app"
  sources = ["azure-arm.windows2022"]

  provisioner "powershell" {
    inline = [
      "Install-WindowsFeature -Name Web-Server -IncludeManagementTools",
      "New-Item -Path C:\\inetpub\\app -ItemType Directory -Force",
    ]
  }

  provisioner "windows-restart" {
    restart_timeout = "15m"
  }

  provisioner "windows-update" {
    search_criteria = "IsInstalled=0"
  }

  provisioner "powershell" {
    environment_vars  = ["APP_TOKEN=3f2a9c"]
    elevated_user     = "SYSTEM"
    elevated_password = ""
    inline            = ["Register-App -Token $env:APP_TOKEN"]
  }

  provisioner "powershell" {
    inline = [
      "while ((Get-Service RdAgent).Status -ne 'Running') { Start-Sleep -s 5 }",
      "& $env:SystemRoot\\System32\\Sysprep\\Sysprep.exe /oobe /generalize /quiet /quit",
      "while($true) { $imageState = Get-ItemProperty HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Setup\\State | Select ImageState; if($imageState.ImageState -ne 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE') { Start-Sleep -s 10 } else { break } }",
    ]
  }
}
