# How a root module calls modules/traceslo. How to reach the cluster, the
# providers kubernetes and helm say.

variable "elasticsearch_password" {
  description = "Of the user traceslo, who has the role of deploy/elasticsearch."
  type        = string
  sensitive   = true
}

variable "elasticsearch_ca" {
  description = "The certificate of the authority that signed Elasticsearch's, as PEM."
  type        = string
}

variable "image_repository" {
  description = "Where the image of traceslo is."
  type        = string
}

module "traceslo" {
  source = "./modules/traceslo"

  namespace = "tracing"
  image     = { repository = var.image_repository }
  config    = yamldecode(file("${path.module}/traceslo.yaml"))
  secrets   = { "password" = var.elasticsearch_password, "ca.crt" = var.elasticsearch_ca }
  values    = [{ serviceMonitor = { labels = { release = "kube-prometheus-stack" } } }]
}

output "traceslo_url" {
  description = "The daemon's page, as those in the cluster reach it whom networkPolicy.from lets in."
  value       = module.traceslo.url
}
