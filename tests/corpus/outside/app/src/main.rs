fn main() {
    shared::greet();
}
