fn main() {
    let _ = (fnv::FnvHasher::default(), itoa::Buffer::new());
    let revision = option_env!("APP_REVISION").unwrap_or("none");
    let voice = if cfg!(feature = "loud") { "LOUD" } else { "quiet" };
    println!("{voice} shared-{} {} {} app-0 {revision}", shared::number(), made::FILES, embed::note!());
}
