fn main() {
    println!("linked by mold");
}
