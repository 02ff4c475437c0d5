fn main() {
    println!("openssl {:x}", openssl_sys::version());
}
