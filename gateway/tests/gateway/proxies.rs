//! Behind a proxy, wrong passwords are counted by the addresses of clients, and nobody lends itself another's.
//!
//! Planted faults that these tests were seen to catch: the address of the connection counted in any case; the proxies'
//! word about encryption not looked at, or anybody's believed.

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

/// The cookie that a login gets, over plain connections to the gateway.
fn cookie(program: &Program, header: &str, value: &str) -> String {
    let authorization = Caller::basic("a1", "a1").authorization().expect("credentials");
    let request = ureq::get(format!("{}/api/v2/me", program.url)).header("authorization", authorization);
    let response = request.header(header, value).call().expect("an answer");
    response.headers()["set-cookie"].to_str().expect("text").to_owned()
}

#[test]
fn a_cookie_keeps_to_encrypted_connections_if_a_trusted_proxy_tells_of_one() {
    const TRUSTING: &str = "[security]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";
    let secure = |cookie: String| cookie.ends_with("; SameSite=Strict; Secure");
    let program = Program::serve(configuration(LISTENERS, TRUSTING));
    assert!(secure(cookie(&program, "x-forwarded-proto", "https")));
    assert!(!secure(cookie(&program, "x-forwarded-proto", "http")));
    assert!(!secure(cookie(&program, "forwarded", "proto=https")), "the other header is the client's own");

    let standard = format!("{TRUSTING}forwarding_header = \"Forwarded\"\n");
    let program = Program::serve(configuration(LISTENERS, &standard));
    assert!(secure(cookie(&program, "forwarded", "for=203.0.113.9;proto=https")));

    let program = Program::serve(configuration(LISTENERS, ""));
    assert!(!secure(cookie(&program, "x-forwarded-proto", "https")), "nobody is trusted");
}
