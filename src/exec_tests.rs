use super::*;

#[test]
fn a_child_gets_what_it_is_given_and_nothing_else() {
    let given = Command::new("cat", "repeat").input("a\nb").output().unwrap();
    assert_eq!(given.stdout, "a\nb\n");
    assert_eq!(Command::new("cat", "repeat").output().unwrap().stdout, "");
    // One that does not want it is judged by its status.
    assert!(Command::new("true", "ignore").input("a").output().unwrap().status.success());
}

#[test]
fn a_child_is_fed_more_than_a_pipe_holds_while_its_output_is_read() {
    let line = [b'x'; 1023].iter().chain(b"\n").copied().collect::<Vec<u8>>();
    let output = Command::new("cat", "repeat").feed(|to| (0..2048).try_for_each(|_| to.write_all(&line))).unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout.len(), 2048 * 1024);
}

#[test]
fn a_child_that_stops_reading_is_judged_by_its_status() {
    let endless = |to: &mut dyn Write| loop {
        to.write_all(&[0; 4096])?;
    };
    assert!(Command::new("true", "ignore").feed(endless).unwrap().status.success());
    let failed = Command::new("sh", "fail").args(["-c", "echo why >&2; exit 3"]).feed(endless).unwrap();
    assert_eq!((failed.status.code(), failed.stderr.as_str()), (Some(3), "why\n"));
}

#[test]
fn what_cannot_be_written_is_the_failure() {
    let broken = || io::Error::other(Failure::new(Kind::Verify, "a blob is gone"));
    let failure = Command::new("cat", "repeat").feed(|_| Err(broken())).unwrap_err();
    assert_eq!((failure.kind(), failure.to_string().as_str()), (Kind::Verify, "a blob is gone"));
}

#[test]
fn a_line_says_the_same_to_a_shell() {
    let words = ["plain", "", "it's", "a b", "-C\u{1f}x=\\1\u{1f}it's 5%\u{1b}[0m", "two\nlines", "$HOME `x`"];
    let command = Command::new("printf", "repeat").arg("<%s>").args(words);
    let line = command.shell_line();
    assert!(line.chars().all(|c| c == '\n' || !c.is_control()), "{line:?}");
    let said = Command::new("sh", "run it").args(["-c", &line]).output().unwrap();
    let expected = format!("<{}>", words.join("><"));
    assert_eq!(said.stdout.trim_end(), expected);
}

#[test]
fn a_group_that_does_not_listen_ends_all_the_same() {
    // What the child started is deaf, and outlives it.
    let command = Command::new("sh", "be deaf").args(["-c", "(trap '' INT; exec sleep 60) & echo started; wait"]);
    let stop = AtomicBool::new(false);
    let began = Instant::now();
    command
        .stream_apart(&stop, |_, line| {
            assert_eq!(line, "started");
            stop.store(true, Ordering::SeqCst);
        })
        .unwrap();
    assert!(began.elapsed() < Duration::from_secs(30), "it was waited for");
}

#[test]
fn a_child_that_does_not_answer_is_ended_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    // The grandchild has the pipe as well: who waits for its end would wait long.
    let script = format!("sleep 600 & echo $! >{}; wait", pids.display());
    let command = Command::new("sh", "wait").args(["-c", &script]).within(Some(Duration::from_millis(500)));
    assert_eq!(command.output().unwrap_err().to_string(), "`sh` does not answer");
    let pid: i32 = std::fs::read_to_string(pids).unwrap().trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    // Whoever inherits it takes a moment to bury it.
    while rustix::process::test_kill_process(pid).is_ok() && !is_zombie(pid) {
        std::thread::sleep(POLL);
    }
}

fn is_zombie(pid: rustix::process::Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).unwrap_or_default();
    stat.contains(") Z ")
}
