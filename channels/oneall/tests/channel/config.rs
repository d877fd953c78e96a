use serde_json::{Value, json};
use strowger_channel::Plugin;
use strowger_channel::config::ConfigError;
use strowger_channel::testing::TestHost;
use strowger_oneall::OneAll;

use crate::{NOW_MS, SECRETS, sample};

fn create(config: &Value) -> Result<OneAll, ConfigError> {
    OneAll::create(TestHost::at(NOW_MS).host(), &config.to_string())
}

#[test]
fn a_wrong_member_is_named_and_its_value_is_not() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str, &str); 14] = [
        (|c| c["surplus"] = json!("s3cret"), "surplus", "not a member"),
        (|c| c["accounts"][0]["surplus"] = json!(1), "accounts[0].surplus", "not a member"),
        (|c| c["accounts"][0]["channel"] = json!("s3cret"), "accounts[0].channel", "must be one of"),
        (|c| c["private_key"] = json!(7), "private_key", "must be a string"),
        (|c| c["private_key"] = json!("s3cret\r\n"), "private_key", "white space"),
        (|c| c["public_key"] = json!("a:s3cret"), "public_key", "white space"),
        (|c| c["base_url"] = json!("http://example.org"), "base_url", "https"),
        (|c| c["base_url"] = json!("s3cret"), "base_url", "http"),
        (
            |c| c["accounts"][0]["identity_token"] = json!("../s3cret"),
            "accounts[0].identity_token",
            "letters",
        ),
        (|c| c["accounts"][0]["board"] = json!("1"), "accounts[0].board", "pinterest"),
        (|c| c["accounts"][1]["company"] = json!("s3cret/1"), "accounts[1].company", "letters"),
        (|c| c["accounts"][3]["callback_url"] = json!("http://s3cret"), "accounts[3].callback_url", "https"),
        (|c| c["accounts"][0]["max_text"] = json!(0), "accounts[0].max_text", "at least 1"),
        (|c| c["accounts"][1]["name"] = json!("brand"), "accounts[1].name", "earlier"),
    ];
    for (change, path, words) in cases {
        let mut config = sample();
        change(&mut config);
        let error = create(&config).expect_err(path);
        assert_eq!(error.path, path, "{error}");
        assert!(error.problem.contains(words), "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    let mut plain = sample();
    plain["base_url"] = json!("http://example.org");
    plain["allow_plain_http"] = json!(true);
    assert!(create(&plain).is_ok());
}

#[test]
fn printing_the_plugin_shows_no_secret() {
    let printed = format!("{:?}", create(&sample()).expect("the sample is right"));
    assert!(SECRETS.iter().all(|secret| !printed.contains(secret)), "{printed}");
}
