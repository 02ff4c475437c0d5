#[rustfmt::skip]
mod docker;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("docker") {
        std::process::exit(docker::run(std::env::args().skip(2)));
    }
}
