const HELP: &str = include_str!("../docs/help.md");

fn main() {
    println!("{HELP}");
}
