pub const FILES: &str = env!("FILES");
