fn main() {
    println!("{} books", shelf::together(1, 2));
}
