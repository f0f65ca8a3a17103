output "service" {
  description = "The name of the service, whose page and metrics are at port 9924."
  value       = local.service
}

output "url" {
  description = "The daemon's page, as those in the cluster reach it whom networkPolicy.from lets in."
  value       = "http://${local.service}.${var.namespace}.svc:9924"
}
