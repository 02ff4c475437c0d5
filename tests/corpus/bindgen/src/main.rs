mod area {
    #![allow(dead_code, unsafe_op_in_unsafe_fn)]
    include!(concat!(env!("OUT_DIR"), "/area.rs"));
}

fn main() {
    let libc = if area::ON_GLIBC == 1 { "glibc" } else { "musl" };
    println!("area in C, on {libc}: {}", unsafe { area::area(6, 7) });
}
