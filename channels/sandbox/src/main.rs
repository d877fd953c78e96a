//! `strowger-sandbox`: the sandbox as a program.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};
use serde_json::Value;
use strowger_sandbox::{Fault, Limits, OAuth1Secrets, Options, RateLimit, Sandbox, help};

/// A local stand-in for X API v2, the Facebook Graph API and OneAll, with faults on request.
///
/// Point a channel plugin's `base_url` at the printed address, publish, and ask /_sandbox/posts what really
/// happened. When it is ready it prints one line, `strowger-sandbox listening on http://ADDRESS`, and runs
/// until it is killed. Exit codes: 1 when it can not listen, 2 for wrong arguments.
///
/// Credentials given here are visible to every user of this machine: use made-up ones.
#[derive(Parser)]
#[command(name = "strowger-sandbox", version)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// Allow an address that is not loopback; the control endpoints ask nobody for credentials
    #[arg(long)]
    allow_remote: bool,

    /// The X user that a bearer or OAuth 1.0a token stands for; may be repeated
    ///
    /// Without it, the digits before the `-` of an OAuth 1.0a token are the user, and any other token stands
    /// for a number derived from its hash, which gives way to the user named in a path.
    #[arg(long, value_name = "TOKEN=USER_ID")]
    x_account: Vec<String>,

    /// Keys whose OAuth 1.0a signatures are verified; may be repeated
    ///
    /// Once one is given, OAuth 1.0a requests with other keys are answered 401. Without any, the header
    /// must only be complete and well-formed.
    #[arg(long, value_name = "CONSUMER_KEY:CONSUMER_SECRET:TOKEN:TOKEN_SECRET")]
    x_oauth1: Vec<String>,

    /// Requests that one account may make to one X endpoint in a window; then 429
    #[arg(long, value_name = "N", default_value_t = Options::default().x_rate.requests)]
    x_rate_limit: u32,

    /// Length of that window
    #[arg(long, value_name = "SECONDS", default_value_t = Options::default().x_rate.window.as_secs())]
    x_rate_window_s: u64,

    /// How long X refuses the same text of the same account; 0 is never
    #[arg(long, value_name = "SECONDS", default_value_t = Options::default().duplicate_window.as_secs())]
    duplicate_window_s: u64,

    /// The page that a Facebook access token stands for; may be repeated
    ///
    /// Without it, a token may act for every page.
    #[arg(long, value_name = "TOKEN=PAGE_ID")]
    facebook_account: Vec<String>,

    /// Require `appsecret_proof` on every Graph request, made with this secret
    #[arg(long, value_name = "SECRET")]
    facebook_app_secret: Option<String>,

    /// Requests that one token may make to Graph in an hour; then error 4
    #[arg(long, value_name = "N", default_value_t = Options::default().facebook_rate.requests)]
    facebook_rate_limit: u32,

    /// The site's keys that every OneAll request must carry; without it, any two are accepted
    #[arg(long, value_name = "PUBLIC:PRIVATE")]
    oneall_keys: Option<String>,

    /// Arm a fault at the start, as POST /_sandbox/faults; may be repeated
    #[arg(long, value_name = "JSON", value_parser = parse_fault)]
    fault: Vec<Fault>,

    /// Connections open at once; one more is answered 503
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    max_connections: usize,

    /// Bytes of request line and headers; more is answered 431
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().head_bytes)]
    max_head_bytes: usize,

    /// Bytes of a request body; more is answered 413
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().body_bytes)]
    max_body_bytes: usize,

    /// Time for a request's head from its first byte; then 408
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    head_timeout_ms: u64,

    /// Time for a request's body; then 408
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    body_timeout_ms: u64,

    /// How long a connection may wait for its next request
    #[arg(long, value_name = "MS", default_value_t = 60_000)]
    idle_timeout_ms: u64,
}

impl Arguments {
    fn options(self) -> Result<Options, String> {
        let defaults = Options::default();
        Ok(Options {
            x_accounts: accounts("--x-account", &self.x_account)?,
            oauth1_secrets: self.x_oauth1.iter().map(|text| parse_oauth1(text)).collect::<Result<_, _>>()?,
            x_rate: RateLimit {
                requests: self.x_rate_limit,
                window: Duration::from_secs(self.x_rate_window_s),
            },
            duplicate_window: Duration::from_secs(self.duplicate_window_s),
            facebook_accounts: accounts("--facebook-account", &self.facebook_account)?,
            facebook_app_secret: self.facebook_app_secret,
            facebook_rate: RateLimit { requests: self.facebook_rate_limit, ..defaults.facebook_rate },
            oneall_keys: self.oneall_keys.as_deref().map(parse_keys).transpose()?,
            allow_remote: self.allow_remote,
            limits: Limits {
                connections: self.max_connections,
                head_bytes: self.max_head_bytes,
                body_bytes: self.max_body_bytes,
                head_timeout: Duration::from_millis(self.head_timeout_ms),
                body_timeout: Duration::from_millis(self.body_timeout_ms),
                idle_timeout: Duration::from_millis(self.idle_timeout_ms),
                ..defaults.limits
            },
        })
    }
}

/// Credentials are read here and not by the argument parser, whose complaints repeat the value.
fn accounts(flag: &str, texts: &[String]) -> Result<BTreeMap<String, String>, String> {
    let account = |text: &String| {
        let (token, id) = text.rsplit_once('=')?;
        let is_id = (1..=19).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
        (is_id && !token.is_empty()).then(|| (token.to_owned(), id.to_owned()))
    };
    let accounts = texts.iter().map(account).collect::<Option<_>>();
    accounts.ok_or_else(|| format!("{flag}: expected TOKEN=ID with an id of 1 to 19 digits"))
}

fn parse_oauth1(text: &str) -> Result<OAuth1Secrets, String> {
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        [key, key_secret, token, token_secret] if parts.iter().all(|part| !part.is_empty()) => {
            Ok(OAuth1Secrets {
                consumer_key: key.to_owned(),
                consumer_secret: key_secret.to_owned(),
                token: token.to_owned(),
                token_secret: token_secret.to_owned(),
            })
        }
        _ => Err("--x-oauth1: expected four values with `:` between them".to_owned()),
    }
}

fn parse_keys(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((public, private)) if !public.is_empty() && !private.is_empty() => {
            Ok((public.to_owned(), private.to_owned()))
        }
        _ => Err("--oneall-keys: expected two keys with `:` between them".to_owned()),
    }
}

fn parse_fault(text: &str) -> Result<Fault, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| format!("this is no JSON: {error}"))?;
    Fault::from_json(&document).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    // The endpoints and faults stand in the library; --help shows the same text as GET /_sandbox.
    let matches = Arguments::command().after_long_help(help()).get_matches();
    let mut arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let listen = arguments.listen;
    let faults = std::mem::take(&mut arguments.fault);
    let options = arguments.options().unwrap_or_else(|why| {
        Arguments::command().error(ErrorKind::ValueValidation, why).exit();
    });
    match run(listen, faults, options) {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("strowger-sandbox: can not listen on {listen}: {error}");
            ExitCode::from(1)
        }
    }
}

fn run(listen: SocketAddr, faults: Vec<Fault>, options: Options) -> io::Result<std::convert::Infallible> {
    let sandbox = Sandbox::start(listen, options)?;
    for fault in faults {
        sandbox.inject(fault).map_err(io::Error::other)?;
    }
    let mut out = io::stdout().lock();
    writeln!(out, "strowger-sandbox listening on http://{}", sandbox.addr())?;
    out.flush()?;
    loop {
        thread::park();
    }
}
