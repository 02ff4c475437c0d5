fn main() {
    cc::Build::new().cpp(true).file("src/sorted.cc").compile("sorted");
    println!("cargo::rerun-if-changed=src/sorted.cc");
}
