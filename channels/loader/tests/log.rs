//! What the log shows of an exchange, and that no secret is in it. One test, for the log is the process's.

mod common;
#[path = "common/scripted.rs"]
mod scripted;

use std::fs;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use common::{Point, job};
use scripted::scripted;
use serde_json::json;
use strowger::channel::{Channel, JobKind, Outcome};
use strowger_loader::{
    Http, HttpRequest, HttpResponse, HttpResult, KeptSecret, Options, SecretStore, SecretStoreError,
};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An echo, as platforms are fond of: everything that came stands in the answer.
struct Echo;

impl Http for Echo {
    fn exchange(&self, request: &HttpRequest) -> HttpResult {
        let text = format!(
            "{} {:?} {}",
            request.url,
            request.headers,
            String::from_utf8_lossy(request.body.as_deref().unwrap_or_default())
        );
        match request.method.as_str() {
            "GET" => HttpResult::Broken { message: text },
            "DELETE" => HttpResult::NotSent { message: text },
            _ => HttpResult::Response(HttpResponse {
                status: 200,
                headers: vec![("set-cookie".into(), "S-cookie-back".into()), ("x-plain".into(), "visible".into())],
                body: json!({"error": text, "nip": "S-nip-back", "refresh_token": "S-token-back", "seen": "visible-too"})
                    .to_string()
                    .into_bytes(),
            }),
        }
    }
}

struct Store;

impl SecretStore for Store {
    fn keep(&self, secret: &KeptSecret<'_>) -> Result<(), SecretStoreError> {
        let _ = format!("{secret:?}");
        Ok(())
    }
}

#[test]
fn no_secret_reaches_the_log() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    fs::write(&file, "S-from-file\n").unwrap();
    let config = json!({
        "key": {"file": file},
        "accounts": [{"auth": {"token": "S-account-token"}}],
        "log": "the plugin says S-from-file and S-account-token"});
    let step = |method: &str| {
        let body = if method == "POST" {
            json!({"kind": "json", "json": {"nip": {"deep": "S-json"}, "password": "S-password", "text": "S-from-file?", "ok": "shown"}})
        } else {
            json!({"kind": "none"})
        };
        json!({"step": "request", "request": {
            "method": method,
            "url": "http://127.0.0.1:9/v1/S-from-file?nip=S-query&access_token=S-query-token&a=S%2Dfrom%2Dfile&page=2",
            "headers": [["Authorization", "Bearer S-account-token"], ["cookie", "S-cookie"], ["x-api-key", "S-api-key"],
                        ["x-shown", "header-shown"], ["x-note", "S-kept-value"]],
            "body": body}})
    };
    let form = json!({"step": "request", "request": {"method": "PUT", "url": "http://127.0.0.1:9/v1",
        "body": {"kind": "form", "fields": [["nip", "S-form"], ["b", "field-shown"], ["c", "S-from-file"]]}}});
    let multipart = json!({"step": "request", "request": {"method": "PATCH", "url": "http://127.0.0.1:9/v1",
        "body": {"kind": "multipart", "parts": [{"name": "nip", "text": "S-part"}, {"name": "d", "text": "part-shown"}]}}});
    let steps = [
        json!({"step": "keep-secret", "name": "refresh", "value": "S-kept-value"}),
        step("POST"),
        form,
        multipart,
        step("GET"),
        step("DELETE"),
        json!({"step": "request", "request": {"method": "GET", "url": "http://127.0.0.1:9/elsewhere?nip=S-elsewhere"}}),
    ];
    let options =
        Options { http: Some(Arc::new(Echo)), secrets: Some(Arc::new(Store)), ..Options::default() };
    let (channel, _) = scripted(&steps, &config, &json!({}), &options).unwrap();
    let report = channel.converse(&job(JobKind::Publish, "hello"), &mut Point::default());
    let Outcome::NotSent { message, .. } = &report.outcome else { panic!("{report:?}") };
    assert!(!message.contains("S-"), "{message}");

    // The platform's words in an outcome, with what it was sent.
    let words = json!({"step": "outcome", "outcome": {"outcome": "rejected", "message": "bad token S-account-token"}});
    let (channel, _) = scripted(&[words], &config, &json!({}), &options).unwrap();
    let report = channel.converse(&job(JobKind::Publish, "hello"), &mut Point::default());
    let Outcome::Rejected { message, .. } = &report.outcome else { panic!("{report:?}") };
    assert_eq!(message, "bad token [secret]");

    // With what a request of the conversation held beyond the configuration, and in the user data as well.
    // Planted: an outcome that is compared with the configuration's secrets alone.
    let quoted = "no: S-api-key, S-query, S-query-token, S-json, S-kept-value";
    let words = json!({"step": "outcome", "outcome": {"outcome": "rejected", "message": quoted},
                       "userData": {"said": quoted}});
    let keep = json!({"step": "keep-secret", "name": "refresh", "value": "S-kept-value"});
    let (channel, _) = scripted(&[keep, step("POST"), words], &config, &json!({}), &options).unwrap();
    let report = channel.converse(&job(JobKind::Publish, "hello"), &mut Point::default());
    let Outcome::Rejected { message, .. } = &report.outcome else { panic!("{report:?}") };
    let clean = "no: [secret], [secret], [secret], [secret], [secret]";
    assert_eq!((message.as_str(), &report.user_data["said"]), (clean, &json!(clean)));

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for shown in [
        "POST http://127.0.0.1:9/v1/[secret]?nip=[secret]&access_token=[secret]&a=",
        "&page=2",
        "header-shown",
        "\"ok\":\"shown\"",
        "field-shown",
        "part-shown",
        "visible",
        "visible-too",
        "not sent: ",
        "broken: ",
        "the plugin says [secret] and [secret]",
    ] {
        assert!(log.contains(shown), "{shown} is missing in:\n{log}");
    }
    for line in log.lines() {
        assert!(!line.contains("S-"), "{line}");
    }
}
