use vergen_gitcl::{Emitter, Gitcl};

fn main() {
    let git = Gitcl::builder().sha(false).build();
    Emitter::default().add_instructions(&git).unwrap().emit().unwrap();
}
