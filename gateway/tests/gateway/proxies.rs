//! Behind a proxy, wrong passwords are counted by the addresses of clients, and nobody lends itself another's.
//!
//! Planted fault that this test was seen to catch: the address of the connection counted in any case.

use crate::support::{Caller, LISTENERS, Program, configuration};

const LIMITS: &str =
    "[limits]\nfailures_per_agent = 1000\nfailures_per_address = 3\nfailure_forgotten_s = 600\n";

/// The status of an attempt to log in, for which somebody claims to ask.
fn attempt(program: &Program, forwarded_for: &str, password: &str) -> u16 {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let authorization = Caller::basic("a1", password).authorization().expect("credentials");
    let request = agent.get(format!("{}/api/v2/me", program.url)).header("authorization", authorization);
    request.header("x-forwarded-for", forwarded_for).call().expect("an answer").status().as_u16()
}

#[test]
fn wrong_passwords_are_counted_by_the_clients_of_a_trusted_proxy() {
    let trusting = format!("{LIMITS}[security]\ntrusted_proxies = [\"127.0.0.0/8\"]\n");
    let program = Program::serve(configuration(LISTENERS, &trusting));
    for expected in [401, 401, 401, 429] {
        assert_eq!(attempt(&program, "203.0.113.9", "guess"), expected);
    }
    assert_eq!(attempt(&program, "198.51.100.1, 203.0.113.9", "guess"), 429, "what it claims is no excuse");
    assert_eq!(attempt(&program, "203.0.113.9, 127.0.0.2", "guess"), 429, "nor is another way");
    assert_eq!(attempt(&program, "203.0.113.8", "a1"), 200, "another client is not slowed down");

    let program = Program::serve(configuration(LISTENERS, LIMITS));
    for (number, expected) in [401, 401, 401, 429].into_iter().enumerate() {
        let claimed = format!("203.0.113.{number}");
        assert_eq!(attempt(&program, &claimed, "guess"), expected, "nobody is trusted");
    }
}
