# traceslo in a namespace of a cluster: its secrets, and the Helm release that
# reads them.

locals {
  # With a change of the secrets the daemon needs no restart: it reads the files
  # again.
  secret_name = "${var.release}-elasticsearch"
  has_secrets = nonsensitive(length(var.secrets)) > 0

  # As the chart names what it makes.
  service = strcontains(var.release, "traceslo") ? var.release : "${var.release}-traceslo"
}

resource "kubernetes_secret_v1" "elasticsearch" {
  count = local.has_secrets ? 1 : 0

  metadata {
    name      = local.secret_name
    namespace = var.namespace
    labels = {
      "app.kubernetes.io/name"       = "traceslo"
      "app.kubernetes.io/instance"   = var.release
      "app.kubernetes.io/managed-by" = "Terraform"
    }
  }

  data = var.secrets
}

resource "helm_release" "traceslo" {
  name      = var.release
  namespace = var.namespace
  chart     = coalesce(var.chart, "${path.module}/../../../helm/traceslo")
  version   = var.chart_version

  # A release that does not become ready is taken back.
  atomic  = true
  timeout = var.timeout

  values = concat([
    yamlencode({
      image          = var.image
      config         = var.config
      existingSecret = local.has_secrets ? local.secret_name : ""
      rules          = var.rules
    })
  ], [for further in var.values : yamlencode(further)])

  depends_on = [kubernetes_secret_v1.elasticsearch]
}
