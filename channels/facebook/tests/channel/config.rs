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
    let cases: [(Change, &str, &str); 13] = [
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
            "accounts[0].transport",
            "not available",
        ),
        (|c| c["accounts"][0]["webhook"] = json!({}), "accounts[0].webhook", "not available"),
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
