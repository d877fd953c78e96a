//! Many log in at once: memory stays bounded, whoever waits too long is told so, and who is in works on.
//!
//! Planted faults that these tests were seen to catch: memory that is allocated anew for each verification, a
//! login that waits for its turn without end, a wrong password that is not counted when nobody waits for the answer.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{Caller, LISTENERS, Program, ask, configuration, hash};

#[test]
fn first_logins_of_many_agents_take_no_more_memory_than_the_bound_allows() {
    const AGENTS: usize = 48;
    let hash = hash("shift");
    let mut more = "[limits]\npasswords_at_once = 2\npassword_wait_s = 60\n".to_owned();
    for number in 0..AGENTS {
        write!(more, "[[agent]]\nid = \"b{number}\"\npassword_hash = \"{hash}\"\n").expect("text");
    }
    let program = Program::serve(configuration(LISTENERS, &more));
    program.log_in("a1");
    let before = program.resident_bytes();
    std::thread::scope(|scope| {
        for first in 0..8 {
            let program = &program;
            scope.spawn(move || {
                for number in (first..AGENTS).step_by(8) {
                    let answer = program.get(&Caller::basic(&format!("b{number}"), "shift"), "/api/v2/me");
                    assert_eq!(answer.status, 200, "{}", answer.text);
                }
            });
        }
    });
    let after = program.resident_bytes();
    eprintln!("resident: {before} bytes after 1 login, {after} after {AGENTS} more");
    // One piece more than there was, and what a shift's sessions take.
    assert!(after < before + (48 << 20), "{before} bytes became {after}");
}

#[test]
fn whoever_waits_too_long_for_a_verification_is_told_so_and_who_is_in_works_on() {
    // Nobody's password, and it takes seconds to find that out.
    let slow = "[limits]\npasswords_at_once = 1\npassword_wait_s = 0\nfailures_per_agent = 100000\n\
        failures_per_address = 100000\n[[agent]]\nid = \"slow\"\n\
        password_hash = \"$argon2id$v=19$m=262144,t=8,p=1$CPwtmxxfCem0i9XHV8COrQ$+8Zu/DILlKLcEBZ5GF4r8NV9FIVTOMUCcgK5CuPsy90\"\n";
    let program = Program::serve(configuration(LISTENERS, slow));
    let a1 = program.log_in("a1");
    let deadline = Instant::now() + Duration::from_secs(60);
    let refused = loop {
        let waiting = std::thread::scope(|scope| {
            let slow = scope.spawn(|| program.get(&Caller::basic("slow", "guess"), "/api/v2/me"));
            // Time for it to have its turn; if it had none, there is another round.
            std::thread::sleep(Duration::from_millis(200));
            while !slow.is_finished() {
                let answer = program.get(&Caller::basic("a2", "wrong"), "/api/v2/me");
                if answer.status == 503 {
                    assert_eq!(program.get(&a1, "/api/v2/me/tweets").status, 200, "who is in works on");
                    return Some(answer);
                }
                assert_eq!(answer.status, 401, "{}", answer.text);
            }
            None
        });
        if let Some(refused) = waiting {
            break refused;
        }
        assert!(Instant::now() < deadline, "nobody was turned away");
    };
    assert_eq!(refused.header("retry-after").as_deref(), Some("1"));
    assert_eq!(refused.code(), 20, "{}", refused.text);
    assert_eq!(refused.header("set-cookie"), None);
    let metrics = ask(&format!("{}/metrics", program.operator_url()), &Caller::nobody(), "GET", None).text;
    let counted =
        metrics.lines().find_map(|line| line.strip_prefix("strowger_gateway_refused_logins_total "));
    assert!(counted.is_some_and(|count| count != "0"), "{metrics}");
    program.log_in("a2");
}

#[test]
fn whoever_does_not_wait_for_the_answer_is_counted_as_well() {
    // Long enough to go away meanwhile.
    let slow = "[limits]\npasswords_at_once = 1\nfailures_per_agent = 2\nfailure_forgotten_s = 600\n[[agent]]\n\
        id = \"slow\"\npassword_hash = \"$argon2id$v=19$m=131072,t=4,p=1$CPwtmxxfCem0i9XHV8COrQ$+8Zu/DILlKLcEBZ5GF4r8NV9FIVTOMUCcgK5CuPsy90\"\n";
    let program = Program::serve(configuration(LISTENERS, slow));
    for number in 0..6 {
        let authorization =
            Caller::basic("slow", &format!("guess {number}")).authorization().expect("credentials");
        let head = format!("GET /api/v2/me HTTP/1.1\r\nhost: x\r\nauthorization: {authorization}\r\n\r\n");
        let mut stream = TcpStream::connect(program.address()).expect("it listens");
        stream.write_all(head.as_bytes()).expect("sent");
        std::thread::sleep(Duration::from_millis(200));
        drop(stream);
        std::thread::sleep(Duration::from_millis(1_500));
    }
    assert_eq!(program.get(&Caller::basic("slow", "one more"), "/api/v2/me").status, 429);
}
