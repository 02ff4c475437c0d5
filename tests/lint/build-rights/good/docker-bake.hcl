target "app" {
  target  = "app"
  network = "default"
}
