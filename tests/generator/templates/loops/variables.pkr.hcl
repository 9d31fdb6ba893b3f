variable "release" {
  default = "12"
}

variable "disks" {
  default = [16]
}

variable "ports" {
  default = { http = 80, https = 443 }
}

variable "db_password" {
  default = "letmein-letmein"
}
