use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=native");
    cc::Build::new().file("native/area.c").compile("area");
    let bindings = bindgen::builder().header("native/area.h").allowlist_function("area").generate().unwrap();
    bindings.write_to_file(PathBuf::from(std::env::var("OUT_DIR").unwrap()).join("area.rs")).unwrap();
}
