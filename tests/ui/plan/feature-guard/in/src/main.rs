fn main() {
    println!("sqlite: {}", cfg!(feature = "sqlite"));
}
