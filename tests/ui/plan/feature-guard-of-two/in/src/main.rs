mod storage;

fn main() {}
