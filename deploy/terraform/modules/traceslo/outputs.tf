output "service" {
  description = "The name of the service, whose page and metrics are at port 9924."
  value       = local.service
}

output "url" {
  description = "The daemon's page, as others in the cluster reach it."
  value       = "http://${local.service}.${var.namespace}.svc:9924"
}
