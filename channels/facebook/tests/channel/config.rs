use serde_json::{Value, json};
use strowger_channel::Plugin;
use strowger_channel::config::ConfigError;
use strowger_channel::testing::TestHost;
use strowger_facebook::Facebook;

use crate::{NOW_MS, SECRETS, sample};

fn create(config: &Value) -> Result<Facebook, ConfigError> {
    Facebook::create(TestHost::at(NOW_MS).host(), &config.to_string())
}

#[test]
fn a_wrong_member_is_named_and_its_value_is_not() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str, &str); 19] = [
        (|c| c["surplus"] = json!("Jefe-s3cret"), "surplus", "not a member"),
        (|c| c["accounts"][0]["surplus"] = json!(1), "accounts[0].surplus", "not a member"),
        (|c| c["accounts"][0]["auth"]["surplus"] = json!(1), "accounts[0].auth.surplus", "not a member"),
        (
            |c| c["accounts"][0]["auth"]["access_token"] = json!(7),
            "accounts[0].auth.access_token",
            "must be a string",
        ),
        (
            |c| c["accounts"][0]["auth"]["access_token"] = json!("s3cret\r\n"),
            "accounts[0].auth.access_token",
            "white space",
        ),
        (
            |c| c["accounts"][0]["auth"]["app_secret"] = json!({ "env": "S" }),
            "accounts[0].auth.app_secret",
            "must be a string",
        ),
        (
            |c| c["accounts"][0]["transport"] = json!({ "kind": "oneall" }),
            "accounts[0].transport.base_url",
            "missing",
        ),
        (
            |c| c["accounts"][0]["transport"] = json!({ "kind": "s3cret" }),
            "accounts[0].transport.kind",
            "must be `oneall`",
        ),
        (|c| c["accounts"][0]["transport"] = crate::transport::member(), "accounts[0].auth", "of no use"),
        (
            |c| {
                c["accounts"][0]["transport"] = crate::transport::member();
                c["accounts"][0]["transport"]["target"] = json!("s3cret");
            },
            "accounts[0].transport.target",
            "must be",
        ),
        (|c| c["accounts"][0]["webhook"] = json!({}), "accounts[0].webhook.queue_path", "missing"),
        (
            |c| {
                c["accounts"][0]["webhook"] = json!({ "queue_path": "/queues/q" });
                drop(c["accounts"][0]["auth"].as_object_mut().map(|a| a.remove("app_secret")));
            },
            "accounts[0].webhook.secret",
            "missing",
        ),
        (
            |c| c["accounts"][0]["webhook"] = json!({ "queue_path": "s3cret" }),
            "accounts[0].webhook.queue_path",
            "as /queues/social",
        ),
        (|c| c["version_ends"] = json!("s3cret"), "version_ends", "a date"),
        (|c| c["accounts"][0]["page_id"] = json!("a/b"), "accounts[0].page_id", "digits"),
        (|c| c["accounts"][0]["max_text"] = json!(0), "accounts[0].max_text", "at least 1"),
        (|c| c["version"] = json!("26/../s3cret"), "version", "v26.0"),
        (|c| c["base_url"] = json!("http://example.org"), "base_url", "https"),
        (|c| drop(c["accounts"][0].as_object_mut().map(|a| a.remove("auth"))), "accounts[0].auth", "missing"),
    ];
    for (change, path, words) in cases {
        let mut config = sample();
        change(&mut config);
        let error = create(&config).expect_err(path);
        assert_eq!(error.path, path, "{error}");
        assert!(error.problem.contains(words), "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

#[test]
fn printing_the_plugin_shows_no_secret() {
    let printed = format!("{:?}", create(&sample()).expect("the sample is right"));
    assert!(SECRETS.iter().all(|secret| !printed.contains(secret)), "{printed}");
}

#[test]
fn a_version_is_warned_of_before_it_ends_once_a_day() {
    let warnings = |version: &str, ends: Option<&str>, days: u64| {
        let host = TestHost::at(NOW_MS);
        let mut config = sample();
        config["version"] = json!(version);
        if let Some(ends) = ends {
            config["version_ends"] = json!(ends);
        }
        let plugin = Facebook::create(host.host(), &config.to_string()).expect("the sample is right");
        for _ in 0..days {
            for _ in 0..2 {
                let _ = plugin.begin(crate::job("poll", json!({ "handle": 1 })));
            }
            host.advance(24 * 3_600_000);
        }
        host.log_lines().into_iter().map(|(_, line)| line).collect::<Vec<_>>()
    };
    assert!(warnings("v26.0", None, 3).is_empty());
    assert!(warnings("v26.0", Some("2028-05-01"), 3).is_empty());
    // The clock stands in November 2026.
    let lines = warnings("v21.0", None, 3);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].contains("v21.0 ends in 60 days"), "{lines:?}");
    assert!(warnings("v20.0", None, 1)[0].contains("v20.0 has ended"));
    assert!(warnings("v26.0", Some("2026-12-01"), 1)[0].contains("ends in"));
}
