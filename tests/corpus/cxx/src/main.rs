unsafe extern "C" {
    safe fn third_of_sorted() -> i32;
}

fn main() {
    println!("sorted in C++: {}", third_of_sorted());
}
