//! `[limits]`, `[cometd]`, `[security]`, `[delivery]` and `[stop]`: how the gateway behaves.

use super::section::Section;
use crate::http::{ForwardingHeader, Network, TrustedProxies};
use crate::settings::Settings;

const MANY: u64 = 10_000_000;
const A_DAY_S: u64 = 24 * 60 * 60;

pub(super) fn read(root: &Section<'_>) -> Settings {
    let mut settings = Settings::default();
    if let Some(security) = root.section("security") {
        settings.csrf = security.flag("csrf").unwrap_or(settings.csrf);
        settings.proxies = read_proxies(&security);
        security.refuse_unknown();
    }
    if let Some(delivery) = root.section("delivery") {
        delivery.set_number("workers", 1..=256, &mut settings.delivery_workers);
        delivery.refuse_unknown();
    }
    if let Some(stop) = root.section("stop") {
        stop.set_seconds("timeout_s", 0..=3600, &mut settings.stop_timeout);
        stop.refuse_unknown();
    }
    if let Some(section) = root.section("limits") {
        let limits = &mut settings.limits;
        section.set_number("connections", 1..=1_000_000, &mut limits.connections);
        section.set_number("body_bytes", 1024..=64 << 20, &mut limits.body_bytes);
        section.set_seconds("head_timeout_s", 1..=3600, &mut limits.head_timeout);
        section.set_seconds("body_timeout_s", 1..=3600, &mut limits.body_timeout);
        section.set_number("logins_per_agent", 1..=10_000, &mut limits.logins_per_agent);
        section.set_seconds("login_idle_s", 1..=A_DAY_S, &mut limits.login_idle);
        section.set_seconds("login_lifetime_s", 1..=30 * A_DAY_S, &mut limits.login_lifetime);
        for (name, setting) in [
            ("failures_per_agent", &mut limits.failures_per_agent),
            ("failures_per_address", &mut limits.failures_per_address),
        ] {
            if let Some(number) = section.number(name, 1..=1_000_000) {
                *setting = u32::try_from(number).unwrap_or(u32::MAX);
            }
        }
        section.set_seconds("failure_forgotten_s", 1..=A_DAY_S, &mut limits.failure_forgotten);
        section.set_number("passwords_at_once", 1..=64, &mut limits.passwords_at_once);
        section.set_seconds("password_wait_s", 0..=600, &mut limits.password_wait);
        section.refuse_unknown();
    }
    if let Some(section) = root.section("cometd") {
        let cometd = &mut settings.cometd;
        section.set_milliseconds("timeout_ms", 100..=600_000, &mut cometd.timeout);
        section.set_milliseconds("interval_ms", 0..=600_000, &mut cometd.interval);
        section.set_milliseconds("max_interval_ms", 1000..=600_000, &mut cometd.max_interval);
        section.set_number("sessions", 1..=MANY, &mut cometd.sessions);
        section.set_number("sessions_per_agent", 1..=MANY, &mut cometd.sessions_per_agent);
        section.set_number("session_messages", 1..=MANY, &mut cometd.session_messages);
        section.set_number("session_bytes", 1024..=1 << 30, &mut cometd.session_bytes);
        section.set_number("batch", 1..=10_000, &mut cometd.batch);
        section.refuse_unknown();
    }
    settings
}

fn read_proxies(security: &Section<'_>) -> TrustedProxies {
    let mut networks = Vec::new();
    for (number, text) in security.texts("trusted_proxies").unwrap_or_default().into_iter().enumerate() {
        match text.parse::<Network>() {
            Ok(network) => networks.push(network),
            Err(error) => {
                let place = format!("trusted_proxies[{number}]");
                let problem = format!("is `{text:.64}`, which {error}");
                security.wrong_at(security.place_of(&place), security.path(&place), problem);
            }
        }
    }
    let headers =
        [("X-Forwarded-For", ForwardingHeader::XForwardedFor), ("Forwarded", ForwardingHeader::Forwarded)];
    let header = security.one_of("forwarding_header", &headers).unwrap_or_default();
    TrustedProxies { networks, header }
}
