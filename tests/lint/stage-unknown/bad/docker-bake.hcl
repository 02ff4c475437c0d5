target "app" {
  context = "."
  target  = "ap"
}
