mod area {
    #![allow(dead_code, unsafe_op_in_unsafe_fn)]
    include!(concat!(env!("OUT_DIR"), "/area.rs"));
}

fn main() {
    println!("area in C: {}", unsafe { area::area(6, 7) });
}
