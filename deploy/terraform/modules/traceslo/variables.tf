variable "namespace" {
  description = "The namespace to run in, which is there already."
  type        = string
}

variable "release" {
  description = "The name of the Helm release, and of what belongs to it."
  type        = string
  default     = "traceslo"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", var.release))
    error_message = "The release is named with up to 40 small letters, digits and hyphens, as traceslo."
  }
}

variable "chart" {
  description = "The chart: a folder, an archive or an OCI reference. Null for the one beside this module."
  type        = string
  default     = null
}

variable "chart_version" {
  description = "The version of a chart that comes from a repository. Null for a folder."
  type        = string
  default     = null
}

variable "image" {
  description = "Where the image is that deploy/Dockerfile builds, with its tag or its digest."
  type = object({
    repository = string
    tag        = optional(string, "")
    digest     = optional(string, "")
  })

  validation {
    condition     = var.image.repository != ""
    error_message = "The image needs its repository: build the image of deploy/Dockerfile and push it where the cluster can pull it."
  }
}

variable "config" {
  description = "The daemon's configuration, as yamldecode(file(\"traceslo.yaml\")); config.example.yaml lists every key."
  type        = any
}

variable "secrets" {
  description = "Files for /etc/traceslo/secret by name, as password and ca.crt, which the configuration names. Terraform keeps them in its state: encrypt it."
  type        = map(string)
  default     = {}
  sensitive   = true
}

variable "rules" {
  description = "What traceslo rules --format=operator makes of the configuration. Empty for no alerts."
  type        = string
  default     = ""
}

variable "values" {
  description = "Further values of the chart, as objects; the later go before the earlier, and all before the other variables."
  # They differ in shape, as the elements of a list(any) must not.
  type    = any
  default = []
}

variable "timeout" {
  description = "Seconds in which the daemon must have become ready."
  type        = number
  default     = 300
}
