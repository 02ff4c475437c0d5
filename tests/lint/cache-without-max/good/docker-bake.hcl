target "app" {
  target   = "app"
  cache-to = ["type=registry,ref=registry.example/cache,mode=max", "type=inline"]
}
