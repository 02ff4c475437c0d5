fn main() {
    println!("{}", common::KEY.len());
}
