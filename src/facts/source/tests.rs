use super::*;

/// The facts of a program of these files, the first of which is the binary's root; `lib.rs` is a library's.
fn facts_with(files: &[(&str, &str)], features: &[&str], crates: &[&str]) -> ProgramFacts {
    let dir = assert_fs::TempDir::new().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    for (name, text) in files {
        let path = root.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    let features: BTreeSet<String> = features.iter().map(|name| (*name).to_owned()).collect();
    let target = |name: &str| Target { root: root.join(name), features: Some(features.clone()) };
    let libraries: Vec<Target> =
        files.iter().filter(|(name, _)| *name == "lib.rs").map(|(name, _)| target(name)).collect();
    Reader::default().program(&target(files[0].0), &libraries, &|name| crates.contains(&name))
}

fn facts(main: &str) -> ProgramFacts {
    facts_with(&[("main.rs", main)], &[], &["actix-web", "config", "minijinja", "redb", "rusqlite", "warp"])
}

fn reads(main: &str) -> Vec<String> {
    facts(main).reads.into_iter().map(|read| read.path).collect()
}

fn writes(main: &str) -> Vec<String> {
    facts(main).writes.into_iter().map(|write| write.path).collect()
}

fn binds(main: &str) -> Vec<(u16, Option<Host>, Option<String>)> {
    facts(main).binds.into_iter().map(|bind| (bind.port, bind.host, bind.variable)).collect()
}

#[test]
fn a_path_in_a_call_that_opens_it_is_read() {
    for (source, path) in [
        (r#"fn main() { std::fs::read_to_string("config.toml").unwrap(); }"#, "config.toml"),
        (r#"use std::fs; fn main() { fs::read("./data/words.txt").unwrap(); }"#, "data/words.txt"),
        (r#"use std::fs::read_dir; fn main() { for e in read_dir("plugins").unwrap() {} }"#, "plugins"),
        (r#"use std::fs::File as Opened; fn main() { Opened::open("a.bin").unwrap(); }"#, "a.bin"),
        (r#"const PATH: &str = "list.txt"; fn main() { std::fs::read(PATH).unwrap(); }"#, "list.txt"),
        (r#"fn main() { let path = std::path::Path::new("static"); ServeDir::new(path.join("css")); }"#, "static/css"),
        (
            r#"fn main() { let b = std::env::current_dir().expect("x"); let f = b.join("configuration"); File::open(f.join("base.yaml")); }"#,
            "configuration/base.yaml",
        ),
        (r#"fn main() { for f in ["static"] { std::fs::read_dir(f).unwrap(); } }"#, "static"),
        (r#"fn main() { for (f, n) in [("static", 1)] { std::fs::read_dir(f).unwrap(); } }"#, "static"),
        (
            r#"fn open(path: &str) -> String { format!("data/{path}") } fn main() { std::fs::read(open("x.json")); }"#,
            "data/x.json",
        ),
        (
            r#"fn main() { let dir = std::env::var("DIR").unwrap_or_else(|_| "public".to_string()); ServeDir::new(dir); }"#,
            "public",
        ),
        (
            r#"struct Args { #[arg(long, default_value = "conf.yml")] config: PathBuf } fn main() { let args = Args::parse(); File::open(&args.config); }"#,
            "conf.yml",
        ),
        (
            r#"struct S { dir: String } impl Default for S { fn default() -> Self { Self { dir: "pages".into() } } } fn run(s: &S) { std::fs::read_dir(&s.dir); } fn main() { run(&S::default()); }"#,
            "pages",
        ),
        (r#"fn main() { tokio::select! { _ = async { tokio::fs::read("inner.txt").await } => {} } }"#, "inner.txt"),
        (r#"fn main() { println!("{}", std::fs::read_to_string("shown.txt").unwrap()); }"#, "shown.txt"),
        (r#"fn main() { if let Ok(t) = std::fs::read("maybe.txt") {} }"#, "maybe.txt"),
        (
            r#"static T: LazyLock<Tera> = LazyLock::new(|| Tera::new("templates/**/*.html").unwrap()); fn main() { T.render(); }"#,
            "templates",
        ),
        (r#"lazy_static! { static ref T: Tera = Tera::new("views/*").unwrap(); } fn main() {}"#, "views"),
        (r#"fn main() { std::fs::OpenOptions::new().read(true).open("seed.csv").unwrap(); }"#, "seed.csv"),
        (
            r#"fn main() { let a = std::env::var_os("DIR").map_or_else(|| PathBuf::from("."), PathBuf::from); router(a); } fn router(a: PathBuf) { pages(a.join("templates")); } fn pages(p: PathBuf) { std::fs::read_dir(p); }"#,
            "templates",
        ),
        (
            r#"struct S; impl S { fn new(dir: &str) -> S { std::fs::read_dir(dir); S } } fn main() { S::new("given"); }"#,
            "given",
        ),
        (
            r#"macro_rules! here { ($p:expr) => { concat!(env!("CARGO_MANIFEST_DIR"), "/", $p) } } fn main() { std::fs::read(here!("x")); }"#,
            "/x",
        ),
        (
            r#"enum E { A, B } impl E { fn as_str(&self) -> &str { match self { E::A => "a", E::B => "b" } } } fn main() { let e = E::A; std::fs::read(format!("conf/{}.toml", std::env::var("E").unwrap_or("dev".into()))); }"#,
            "conf",
        ),
    ] {
        assert!(reads(source).contains(&path.to_owned()), "{source}: {:?}", reads(source));
    }
}

#[test]
fn the_folder_of_a_manifest_is_told_from_the_working_folder() {
    let source = r#"macro_rules! here { ($p:expr) => { concat!(env!("CARGO_MANIFEST_DIR"), "/", $p) } } fn main() { std::fs::read(here!("x")); std::fs::read("y"); }"#;
    let bases: Vec<Base> = facts(source).reads.into_iter().map(|read| read.base).collect();
    assert_eq!(bases, [Base::Manifest, Base::Working]);
}

#[test]
fn a_path_that_nothing_opens_is_not_read() {
    for source in [
        r#"struct R { root: PathBuf } impl R { fn f(&self) -> PathBuf { self.root.join("config") } } fn main() { R { root: std::env::args().nth(1).unwrap().into() }; }"#,
        r#"struct R { root: PathBuf } impl R { fn f(&self) { std::fs::read(self.root.join("config")).unwrap(); } } fn main() { R { root: std::env::args().nth(1).unwrap().into() }.f(); }"#,
        r#"fn main() { router.route("/static", get(f)); }"#,
        r#"#[cfg(test)] mod tests { fn f() { std::fs::read("fixture.txt").unwrap(); } } fn main() {}"#,
        r#"#[test] fn f() { std::fs::read("fixture.txt").unwrap(); } fn main() {}"#,
        r#"#[cfg(feature = "off")] fn f() { std::fs::read("off.txt").unwrap(); } fn main() {}"#,
        r#"#[cfg(windows)] fn f() { std::fs::read("off.txt").unwrap(); } fn main() {}"#,
        r#"fn main() { let dir = tempfile::tempdir().unwrap(); std::fs::read(dir.path().join("config")).unwrap(); }"#,
        r#"fn main() { let e = std::env::var("X").unwrap(); std::fs::read(format!("{e}/a")).unwrap(); }"#,
    ] {
        assert!(reads(source).is_empty(), "{source}: {:?}", reads(source));
    }
}

#[test]
fn what_is_written_is_told_apart() {
    for (source, path) in [
        (r#"fn main() { std::fs::write("state.json", "x").unwrap(); }"#, "state.json"),
        (r#"fn main() { std::fs::create_dir_all("uploads/images").unwrap(); }"#, "uploads/images"),
        (r#"fn main() { redb::Database::create("todos.redb").unwrap(); }"#, "todos.redb"),
        (r#"use rusqlite::Connection; fn main() { Connection::open("app.db").unwrap(); }"#, "app.db"),
        (r#"fn main() { OpenOptions::new().append(true).create(true).open("log.txt").unwrap(); }"#, "log.txt"),
        (
            r#"fn main() { let url = std::env::var("DATABASE_URL").unwrap_or("sqlite://data/app.db?mode=rwc".into()); SqlitePool::connect(&url); }"#,
            "data/app.db",
        ),
        (r#"fn main() { tracing_appender::rolling::daily("logs", "app.log"); }"#, "logs"),
    ] {
        assert_eq!(writes(source), [path], "{source}");
        assert!(reads(source).is_empty(), "{source}");
    }
}

#[test]
fn an_address_is_followed_to_the_call_that_binds_it() {
    let all = Some(Host::All);
    let port = |name: &str| Some(name.to_owned());
    for (source, expected) in [
        (r#"fn main() { TcpListener::bind("0.0.0.0:3000"); }"#, (3000, all, None)),
        ("fn main() { let a = SocketAddr::from(([0, 0, 0, 0], 5000)); axum::Server::bind(&a); }", (5000, all, None)),
        (r#"fn main() { HttpServer::new(|| App::new()).bind(("0.0.0.0", 9000)).unwrap(); }"#, (9000, all, None)),
        (
            r#"fn main() { let p = std::env::var("PORT").unwrap_or("8080".into()); TcpListener::bind(format!("0.0.0.0:{p}")); }"#,
            (8080, all, port("PORT")),
        ),
        (
            r#"fn main() { let p: u16 = std::env::var("PORT").ok().and_then(|p| p.parse().ok()).unwrap_or(8081); TcpListener::bind(("0.0.0.0", p)); }"#,
            (8081, all, port("PORT")),
        ),
        (
            r#"struct Args { #[arg(long, env = "PORT", default_value_t = 7000)] port: u16 } fn main() { let args = Args::parse(); let a = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), args.port); TcpListener::bind(a); }"#,
            (7000, all, port("PORT")),
        ),
        (
            "const PORT: u16 = 8080; fn main() { let a = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT); tiny_http::Server::http(a); }",
            (8080, Some(Host::Loopback), None),
        ),
        ("fn main() { warp::serve(routes).run(([127, 0, 0, 1], 3030)); }", (3030, Some(Host::Loopback), None)),
        (
            r#"fn main() { let a: SocketAddr = "[::1]:50051".parse().unwrap(); Server::builder().add_service(s).serve(a); }"#,
            (50051, Some(Host::Loopback), None),
        ),
        (
            r#"lazy_static! { static ref ARGS: Args = Args::parse(); } struct Args { #[clap(long, env = "APP_PORT", default_value_t = 8089)] port: u16, #[clap(default_value = "0.0.0.0")] bind: String } fn main() { HttpServer::new(f).bind((ARGS.bind.clone(), ARGS.port)); }"#,
            (8089, all, port("APP_PORT")),
        ),
        (
            r#"static ARGS: LazyLock<Args> = LazyLock::new(Args::parse); struct Args { #[arg(default_value = "[::]:8088")] listen: String } fn main() { TcpListener::bind(&ARGS.listen); }"#,
            (8088, all, None),
        ),
        (
            r#"struct C { addr: String } fn load() -> C { C { addr: std::env::var("ADDR").unwrap_or_else(|_| "0.0.0.0:4000".into()) } } fn main() { let c = load(); TcpListener::bind(&c.addr); }"#,
            (4000, all, port("ADDR")),
        ),
    ] {
        assert_eq!(binds(source), [expected], "{source}");
    }
}

#[test]
fn what_is_no_address_is_none() {
    for source in [
        "fn f(ip: Ipv6Addr) -> bool { matches!(ip.segments(), [0, 0, 0, 0, 0, 0xffff, _, _]) } fn main() {}",
        r#"fn main() { TcpStream::connect("localhost:5432"); }"#,
        r#"fn main() { let p = std::env::var("UPSTREAM_PORT").unwrap_or("5432".into()); connect(p); }"#,
        r#"fn main() { TcpListener::bind("127.0.0.1:0"); }"#,
        r#"fn main() { sql_query("SELECT ?").bind::<Integer, _>(1000); }"#,
    ] {
        assert!(binds(source).is_empty(), "{source}: {:?}", binds(source));
    }
}

#[test]
fn the_default_of_an_argument_is_known() {
    let found =
        facts(r#"fn main() { Command::new("x").arg(Arg::new("port").env("APP_PORT").default_value("5000")); }"#);
    assert_eq!((found.defaults[0].port, found.defaults[0].variable.as_deref()), (5000, Some("APP_PORT")));
}

#[test]
fn calls_of_another_function_of_the_same_name_give_nothing() {
    let main = "mod a; mod b; fn main() { a::run(); b::run(\"x\".into()); }";
    let a = "pub fn run() { open(\"label\"); } fn open(name: &str) -> usize { name.len() }";
    let b =
        "pub fn run(folder: PathBuf) { open(folder); } fn open(folder: PathBuf) { std::fs::create_dir_all(folder); }";
    let found = facts_with(&[("main.rs", main), ("a.rs", a), ("b.rs", b)], &[], &[]);
    let paths: Vec<&str> = found.writes.iter().map(|write| write.path.as_str()).collect();
    assert!(!paths.contains(&"label"), "{paths:?}");
}

#[test]
fn a_name_in_its_own_definition_is_the_one_before() {
    let source = r#"fn main() { let p = PathBuf::from("data"); let p = p.join("a"); let p = p.join("b.txt"); std::fs::read(p); }"#;
    assert_eq!(reads(source), ["data/a/b.txt"]);
}

#[test]
fn of_a_library_that_counts_which_is_named() {
    let library = r#"
        pub mod server { pub fn serve() { TcpListener::bind("0.0.0.0:6432"); } }
        pub mod dump { pub fn write_all() { std::fs::read("dump.txt").unwrap(); } }
    "#;
    let found = facts_with(&[("main.rs", "fn main() { store::server::serve(); }"), ("lib.rs", library)], &[], &[]);
    assert_eq!(found.binds.len(), 1);
    assert!(found.reads.is_empty());
    let found = facts_with(&[("main.rs", "fn main() { store::dump::write_all(); }"), ("lib.rs", library)], &[], &[]);
    assert!(found.binds.is_empty() && found.addresses.is_empty());
    assert_eq!(found.reads.len(), 1);
}

#[test]
fn modules_are_found_as_the_compiler_finds_them() {
    let read = |name: &str| format!("pub fn f() {{ std::fs::read(\"{name}\"); }}");
    let (a, b, c, d, off, lost) = (read("a"), read("b"), read("c"), read("d"), read("off"), read("lost"));
    let found = facts_with(
        &[
            (
                "main.rs",
                r#"mod a; mod b; #[path = "other/c.rs"] mod c; mod inner { pub mod d; } #[cfg(feature = "off")] mod off; fn main() {}"#,
            ),
            ("a.rs", &a),
            ("b/mod.rs", &b),
            ("other/c.rs", &c),
            ("inner/d.rs", &d),
            ("off.rs", &off),
            ("lost.rs", &lost),
        ],
        &[],
        &[],
    );
    let paths: Vec<&str> = found.reads.iter().map(|read| read.path.as_str()).collect();
    assert_eq!(paths, ["a", "b", "c", "d"]);
}

#[test]
fn programs_and_libraries_are_named() {
    let found = facts(
        r#"use std::process::Command; fn cli() { clap::Command::new("app"); } fn main() { for (p, a) in [("git", "x"), ("/bin/sh", "y")] { Command::new(p).arg(a); } libloading::Library::new(path); }"#,
    );
    let names: Vec<&str> = found.spawns.iter().map(|spawn| spawn.name.as_str()).collect();
    assert_eq!(names, ["/bin/sh", "git"]);
    assert!(found.loads.is_some() && found.libraries.is_empty());
}

#[test]
fn bad_input_is_survived() {
    let deep = format!("fn main() {{ {}{} }}", "(".repeat(5000), ")".repeat(5000));
    let deeper = format!("fn main() {{ let x = {}1; }}", "!".repeat(100_000));
    let types = format!("fn f(x: {}u8{}) {{}}", "V<".repeat(20_000), ">".repeat(20_000));
    let chain = format!("fn main() {{ {} {{}} }}", "if a {} else ".repeat(20_000));
    let sum = format!("fn main() {{ let x = {}1; }}", "1 + ".repeat(5_000));
    let circle = "const A: &str = B; const B: &str = A; fn f() -> String { f() } fn main() { std::fs::read(A); std::fs::read(f()); }";
    for source in [
        deep.as_str(),
        &deeper,
        &types,
        &chain,
        &sum,
        circle,
        "fn main( {",
        "\u{feff}fn main() {}",
        "#!/bin/x\nfn main() {}",
    ] {
        facts(source);
    }
    assert_eq!(facts("fn main( {").skipped.len(), 1);
    let missing = facts_with(&[("main.rs", "mod gone; fn main() { std::fs::read(\"x\"); }")], &[], &[]);
    assert_eq!((missing.skipped.len(), missing.reads.len()), (1, 1));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_source_is_too_bad(source in "(fn |let |[a-z]{1,3}|::|\"[a-z0-9.:{}/]{0,9}\"|[0-9]{1,9}|[\\[\\](){};,#!&<>=|.?]| ){0,60}") {
        facts(&source);
        facts(&format!("fn main() {{ {source} }}"));
    }
}
