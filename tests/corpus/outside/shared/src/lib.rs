pub fn greet() {
    println!("hello");
}
