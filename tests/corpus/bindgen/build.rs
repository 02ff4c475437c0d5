use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=native");
    cc::Build::new().file("native/area.c").compile("area");
    let header = bindgen::builder().header("native/area.h");
    let bindings = header.allowlist_function("area").allowlist_var("ON_GLIBC").generate().unwrap();
    bindings.write_to_file(PathBuf::from(std::env::var("OUT_DIR").unwrap()).join("area.rs")).unwrap();
}
