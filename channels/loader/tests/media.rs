//! The Twitter plugin, loaded from its library: attachments, from end to end, against the sandbox.

mod common;
#[path = "common/twitter.rs"]
mod twitter;

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use strowger::channel::{Channel, JobKind, Outcome};
use strowger_loader::LoadedChannel;
use strowger_sandbox::{Answer, Effect, Fault};
use tempfile::TempDir;

use common::Point;
use twitter::{Told, account, assert_discreet, load, raw, sandbox};

const LIMIT: Duration = Duration::from_secs(10);
/// Two pieces, the second one a byte long.
const PICTURE_BYTES: usize = (2 << 20) + 1;

fn files() -> (TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut picture = b"\x89PNG\r\n\x1a\n".to_vec();
    picture.extend((0_u32..).flat_map(u32::to_le_bytes).take(PICTURE_BYTES - picture.len()));
    fs::write(directory.path().join("menu"), &picture).expect("a file");
    fs::write(directory.path().join("film"), b"\0\0\0\x18ftypmp42 and so on").expect("a file");
    fs::write(directory.path().join("script"), b"#!/bin/sh").expect("a file");
    let mut digest = String::new();
    for byte in Sha256::digest(&picture) {
        write!(digest, "{byte:02x}").expect("a string takes everything");
    }
    (directory, digest)
}

fn publish(channel: &LoadedChannel, extras: &Value) -> Outcome {
    let told = Told { extras: raw(extras), ..Told::default() };
    let mut point = Point::default();
    let report = channel.converse(&told.job(JobKind::Publish), &mut point);
    assert!(point.crossed <= 1);
    assert_discreet(&format!("{report:?}"));
    report.outcome
}

fn is_published(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Published { id: Some(_), .. })
}

#[test]
fn pictures_arrive_byte_for_byte_in_both_encodings() {
    let (directory, digest) = files();
    for encoding in ["multipart", "json"] {
        let sandbox = sandbox();
        let mut account = account();
        account["media_encoding"] = json!(encoding);
        let channel = load(&sandbox, &account, LIMIT, Some(directory.path()));
        let menu = json!({ "file": "menu", "alt_text": "A menu" });
        let outcome = publish(&channel, &json!({ "attachments": [menu] }));
        assert!(is_published(&outcome), "{encoding}: {outcome:?}");
        let media = sandbox.media();
        assert_eq!(media.len(), 1);
        assert_eq!(media[0].sha256.as_ref(), Some(&digest), "{encoding}");
        assert_eq!((media[0].media_type.as_str(), media[0].category.as_str()), ("image/png", "tweet_image"));
        assert_eq!(media[0].alt_text.as_deref(), Some("A menu"));
        assert_eq!(sandbox.posts()[0].details["media"], json!([media[0].id]));

        let outcome = publish(&channel, &json!({ "to": "77", "attachments": [{ "file": "film" }] }));
        assert!(is_published(&outcome), "{encoding}: {outcome:?}");
        assert_eq!(sandbox.media()[1].category, "dm_video");
        assert_eq!(channel.faults(), 0);
    }
}

#[test]
fn what_can_not_be_attached_is_not_published_without_it() {
    let (directory, _) = files();
    let sandbox = sandbox();
    let channel = load(&sandbox, &account(), LIMIT, Some(directory.path()));
    for file in ["script", "missing", "../menu", "/etc/passwd"] {
        let outcome = publish(&channel, &json!({ "attachments": [{ "file": file }] }));
        assert!(matches!(&outcome, Outcome::Rejected { code, .. } if code == "attachment"), "{outcome:?}");
    }
    let blind = load(&sandbox, &account(), LIMIT, None);
    let outcome = publish(&blind, &json!({ "attachments": [{ "file": "menu" }] }));
    assert!(matches!(&outcome, Outcome::Rejected { code, .. } if code == "attachment"), "{outcome:?}");
    assert!(sandbox.requests().is_empty(), "nothing was asked of X");
}

/// A fault at each step of an upload: nothing is in doubt, and the next attempt publishes once.
#[test]
fn an_upload_that_breaks_is_begun_anew() {
    let (directory, _) = files();
    let sandbox = sandbox();
    let channel = load(&sandbox, &account(), LIMIT, Some(directory.path()));
    let extras = json!({ "attachments": [{ "file": "menu", "alt_text": "A menu" }] });
    for path in [
        "/2/media/upload/initialize",
        "/2/media/upload/*/append",
        "/2/media/upload/*/finalize",
        "/2/media/metadata",
    ] {
        for (effect, retried) in [
            (Effect::CloseBefore, true),
            (Effect::ResetAfter, true),
            (Effect::StatusAfter(Answer::status(500)), true),
            (Effect::StatusBefore(Answer::status(429)), false),
            (Effect::Html { status: 502, perform: false }, true),
            (Effect::Truncated { perform: true }, true),
        ] {
            let case = format!("{path} {effect:?}");
            sandbox.reset();
            sandbox.inject(Fault::new(effect).path(path)).expect("a fault");
            let first = publish(&channel, &extras);
            // A piece is sent again at once; and of pieces and descriptions the status alone counts.
            if is_published(&first) {
                assert!(retried && (path.contains("append") || path.contains("metadata")), "{case}");
            } else {
                assert!(
                    matches!(first, Outcome::NotSent { .. } | Outcome::RateLimited { .. }),
                    "{case}: {first:?}"
                );
                assert!(sandbox.posts().is_empty(), "{case}");
                let again = publish(&channel, &extras);
                assert!(is_published(&again), "{case}, again: {again:?}");
            }
            assert_eq!(sandbox.posts().len(), 1, "{case}");
        }
    }
    assert_eq!(channel.faults(), 0);
}
