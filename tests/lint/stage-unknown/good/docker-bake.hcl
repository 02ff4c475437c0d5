target "app" {
  context = "."
  target  = "app"
}

target "other" {
  dockerfile = "other.Dockerfile"
  target     = "elsewhere"
}
