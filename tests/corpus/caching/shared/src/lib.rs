pub fn number() -> u32 {
    0
}
