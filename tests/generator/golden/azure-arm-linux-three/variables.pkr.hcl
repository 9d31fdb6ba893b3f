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

variable "storage_account" {
  type        = string
  description = "Storage account of the container"
  default     = "images"
}

variable "resource_group_name" {
  type        = string
  description = "Resource group of the storage account"
  default     = "group"
}

variable "location" {
  type        = string
  description = "Azure region of the build"
  default     = "eastus"
}

variable "vm_size" {
  type        = string
  description = "Size of the VM of the build"
  default     = "Standard_D2s_v5"
}

variable "vm_size_arm64" {
  type        = string
  description = "Size of the VM of the build"
  default     = "Standard_D2ps_v5"
}

variable "project" {
  type        = string
  description = "Digest of this project, noted in what it publishes; vmoffer build gives it"
  default     = ""
}

variable "build_name" {
  type        = string
  description = "Begins the names of the temporary resource groups; vmoffer build gives it"
  default     = ""
}

variable "allowed_inbound" {
  type        = string
  description = "Addresses or ranges that Packer connects from, with commas between"
  default     = env("VMOFFER_ALLOWED_INBOUND")
  validation {
    condition     = var.allowed_inbound != ""
    error_message = "Say which addresses Packer connects from, with commas between: VMOFFER_ALLOWED_INBOUND=203.0.113.7, or build.allowed_inbound in the definition. Without them, the machine would be open to the whole internet while it is built."
  }
}

variable "azure_cloud" {
  type        = string
  description = "AzureCloud, AzureChinaCloud, AzureUSGovernment, or another by its own name"
  default     = env("AZURE_CLOUD")
}

# How the plugin signs in. Secrets come from the environment only.
variable "use_azure_cli_auth" {
  type        = bool
  description = "Sign in as the user of `az login`"
  default     = false
}

variable "subscription_id" {
  type        = string
  description = "Subscription of the build"
  default     = env("ARM_SUBSCRIPTION_ID")
}

variable "tenant_id" {
  type        = string
  description = "Tenant of the service principal"
  default     = env("ARM_TENANT_ID")
}

variable "client_id" {
  type        = string
  description = "Service principal, or user-assigned identity"
  default     = env("ARM_CLIENT_ID")
}

variable "client_secret" {
  type        = string
  description = "Its secret"
  default     = env("ARM_CLIENT_SECRET")
  sensitive   = true
}

variable "client_cert_path" {
  type        = string
  description = "Its certificate, a PKCS#12 file"
  default     = env("ARM_CLIENT_CERTIFICATE_PATH")
}

variable "client_cert_password" {
  type        = string
  description = "Password of that file"
  default     = env("ARM_CLIENT_CERTIFICATE_PASSWORD")
  sensitive   = true
}

variable "client_jwt" {
  type        = string
  description = "Its assertion, a JWT"
  default     = env("ARM_OIDC_TOKEN")
  sensitive   = true
}

variable "oidc_request_url" {
  type        = string
  description = "Where a pipeline asks for its token"
  default     = env("ACTIONS_ID_TOKEN_REQUEST_URL")
}

variable "oidc_request_token" {
  type        = string
  description = "What it shows there"
  default     = env("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
  sensitive   = true
}

locals {
  # The plugin wants exactly one complete set of these values. This is the first that is complete; `packer inspect`
  # shows it, and the sources pass on what belongs to it.
  sign_in = compact([
    var.use_azure_cli_auth ? "azure-cli" : "",
    var.client_id != "" && var.client_secret != "" ? "client-secret" : "",
    var.client_id != "" && var.client_cert_path != "" ? "client-certificate" : "",
    var.client_id != "" && var.client_jwt != "" ? "client-jwt" : "",
    var.client_id != "" && var.oidc_request_url != "" && var.oidc_request_token != "" ? "oidc" : "",
    "managed-identity",
  ])[0]
}
