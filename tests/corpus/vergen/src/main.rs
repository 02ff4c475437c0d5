fn main() {
    println!("revision {}", env!("VERGEN_GIT_SHA"));
}
