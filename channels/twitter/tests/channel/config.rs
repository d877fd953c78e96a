use serde_json::{Value, json};
use strowger_channel::Plugin;
use strowger_channel::config::ConfigError;
use strowger_channel::testing::TestHost;
use strowger_twitter::Twitter;

use crate::{NOW_MS, SECRETS, sample};

fn create(config: &Value) -> Result<Twitter, ConfigError> {
    Twitter::create(TestHost::at(NOW_MS).host(), &config.to_string())
}

#[test]
fn a_wrong_member_is_named_and_its_value_is_not() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str, &str); 17] = [
        (|c| c["surplus"] = json!("consumer-s3cret"), "surplus", "not a member"),
        (|c| c["accounts"][0]["surplus"] = json!(1), "accounts[0].surplus", "not a member"),
        (|c| c["accounts"][0]["auth"]["surplus"] = json!(1), "accounts[0].auth.surplus", "not a member"),
        (|c| c["accounts"][0]["auth"]["token"] = json!(7), "accounts[0].auth.token", "must be a string"),
        (
            |c| c["accounts"][1]["auth"]["token"] = json!({ "env": "T" }),
            "accounts[1].auth.token",
            "must be a string",
        ),
        (
            |c| c["accounts"][1]["auth"]["token"] = json!("a\r\nb: bearer-s3cret"),
            "accounts[1].auth.token",
            "white space",
        ),
        (|c| c["accounts"][0]["auth"]["kind"] = json!("oauth2"), "accounts[0].auth.kind", "not available"),
        (
            |c| c["accounts"][0]["auth"]["kind"] = json!("s3cret"),
            "accounts[0].auth.kind",
            "`oauth1` or `bearer`",
        ),
        (
            |c| c["accounts"][0]["transport"] = json!({ "kind": "oneall" }),
            "accounts[0].transport",
            "not available",
        ),
        (|c| c["accounts"][0]["webhook"] = json!({ "secret": "s" }), "accounts[0].webhook", "not available"),
        (|c| c["accounts"][0]["user_id"] = json!("x"), "accounts[0].user_id", "digits"),
        (|c| c["accounts"][0]["user_id"] = json!(1), "accounts[0].user_id", "must be a string"),
        (|c| c["accounts"][0]["on_unknown"] = json!("guess"), "accounts[0].on_unknown", "`ask` or `resend`"),
        (|c| c["accounts"][0]["operations"] = json!(["Fly"]), "accounts[0].operations[0]", "one of"),
        (|c| c["accounts"][1]["name"] = json!("vitaliy_onv"), "accounts[1].name", "earlier"),
        (|c| c["base_url"] = json!("http://example.org"), "base_url", "https"),
        (|c| drop(c.as_object_mut().map(|c| c.remove("name"))), "name", "missing"),
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
fn plain_http_is_for_loopback_or_for_those_who_ask_for_it() {
    let mut config = sample();
    config["base_url"] = json!("http://127.0.0.1:8080/");
    assert!(create(&config).is_ok());
    config["base_url"] = json!("http://example.org");
    for account in 0..2 {
        assert!(create(&config).is_err());
        config["accounts"][account]["allow_plain_http"] = json!(true);
    }
    assert!(create(&config).is_ok());
}

#[test]
fn printing_the_plugin_shows_no_secret() {
    let printed = format!("{:?}", create(&sample()).expect("the sample is right"));
    assert!(SECRETS.iter().all(|secret| !printed.contains(secret)), "{printed}");
}
