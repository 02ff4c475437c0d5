fn main() {
    println!("revision {}", env!("REVISION"));
}
