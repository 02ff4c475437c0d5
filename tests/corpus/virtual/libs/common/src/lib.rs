#![doc = include_str!("../../../README.md")]

pub const KEY: &str = include_str!("../../../certs/public.pem");
