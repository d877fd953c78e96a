//! The example server, with desktops that talk to it over TCP and a stand-in for the platform.

mod support;

use std::time::{Duration, Instant};

use strowger_sandbox::{Options, Sandbox};
use support::instrument::Instrument;
use support::session::{Desktop, Server};
use support::{Linking, compile, example, library, linkings, plugin};

/// Desktops that are connected at once.
const CROWD: usize = 50;

fn server(linking: Linking) -> (Sandbox, tempfile::TempDir, Server) {
    let sandbox =
        Sandbox::start("127.0.0.1:0".parse().expect("an address"), Options::default()).expect("a sandbox");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = compile(&example("epoll_server.c"), library(), linking, directory.path());
    let platform = format!("http://{}", sandbox.addr());
    let server = Server::start(&program, &plugin(directory.path()), &platform);
    (sandbox, directory, server)
}

#[test]
fn agents_work_together_over_tcp() {
    let (sandbox, _directory, server) = server(Linking::Dynamic);

    // What is no request is said, and costs nobody the connection.
    let mut anna = server.login("anna");
    assert!(anna.ask("LIST letters").starts_with("ERROR "));
    assert!(anna.ask("DANCE twitter").starts_with("ERROR expected"));
    assert!(anna.ask("LOGIN somebody").starts_with("ERROR you are logged in already"));

    // One writes, and passes it on; the other one sends.
    let mut ben = server.login("ben");
    anna.perform("-", r#"{"operationName":"Create"}"#);
    let id = anna.only_id();
    anna.perform(
        &id,
        r#"{"operationName":"Save","twitter":{"from":"vitaliy_onv","message":"Good morning"}}"#,
    );
    anna.perform(&id, r#"{"operationName":"Transfer","targetPath":"/users/ben"}"#);
    ben.sees("Invited");
    assert_eq!(anna.ask("LIST twitter").trim(), "REPLY []");
    assert_eq!(ben.only_id(), id);
    ben.perform(&id, r#"{"operationName":"Accept"}"#);
    ben.perform(&id, r#"{"operationName":"Send","queuePath":"/queues/outbound"}"#);
    assert!(ben.sees("Completed").contains(&id));
    let texts: Vec<_> = sandbox.posts().into_iter().map(|post| post.text).collect();
    assert_eq!(texts, ["Good morning"]);

    slow_reader(&server, &mut anna);

    assert_eq!(ben.ask("QUIT").trim(), "OK");
    assert_eq!(server.terminate(), Some(0), "SIGTERM ends it cleanly");
}

/// Fifty desktops on one loop, who all send at once, some of whom hang up without a word; and the end comes
/// while the others are connected.
#[test]
fn many_agents_are_served_by_one_loop() {
    for &linking in linkings() {
        let (sandbox, _directory, server) = server(linking);
        let mut desktops: Vec<_> =
            (0..CROWD).map(|number| server.login(&format!("agent-{number}"))).collect();
        for (number, desktop) in desktops.iter_mut().enumerate() {
            desktop.send(r#"PERFORM twitter - {"operationName":"Create"}"#);
            let text = format!("Greetings from {number}");
            assert!(desktop.answer().starts_with("REPLY {\"statusCode\":0,"));
            let id = desktop.only_id();
            desktop.perform(&id, &Desktop::sending(&text));
        }
        for (number, desktop) in desktops.iter_mut().enumerate() {
            let note = desktop.sees("Completed");
            assert!(note.contains(&format!("Greetings from {number}\"")), "another agent's: {note}");
        }
        let mut texts: Vec<_> = sandbox.posts().into_iter().map(|post| post.text).collect();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), CROWD, "each message was published, and once");
        assert_eq!(sandbox.posts().len(), CROWD);
        desktops.truncate(CROWD / 2);
        assert_eq!(desktops[0].ask("LIST twitter").trim(), "REPLY []");
        assert_eq!(server.terminate(), Some(0), "SIGTERM ends it cleanly");
        assert!(desktops[0].is_hung_up(), "whoever is connected is told by the connection's end");
    }
}

/// A desktop that asks for much and reads nothing holds up nobody, costs a bounded amount of memory, and
/// gets everything once it reads.
fn slow_reader(server: &Server, other: &mut Desktop) {
    const ASKED: usize = 3_000;
    let mut slow = server.login("slow");
    for _ in 0..40 {
        slow.perform("-", r#"{"operationName":"Create"}"#);
    }
    let expected = slow.ask("LIST twitter");
    let unread = expected.len() * ASKED;
    assert!(unread > 24 << 20, "not enough to notice: {unread}");
    let before = server.resident();
    slow.send("LIST twitter\n".repeat(ASKED).trim_end());
    // Long enough for everything that the server would do; the other one is served all the while.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        assert_eq!(other.ask("LIST twitter").trim(), "REPLY []");
    }
    let grown = server.resident().saturating_sub(before);
    // An instrument has memory of its own, for what is freed as well.
    if Instrument::chosen() == Instrument::Plain {
        assert!(grown < 8 << 10, "{grown} KiB more for a desktop that does not read");
    }
    for _ in 0..ASKED {
        assert!(slow.answer() == expected, "an answer is missing or broken");
    }
}
