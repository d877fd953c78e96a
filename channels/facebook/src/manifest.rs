//! What the engine is told of the channel.

use serde_json::Value;
use strowger_channel::manifest::{
    self, Alternatives, Limits, Manifest, Manifests, ReplyParameter, ValueKind, texts,
};

use crate::auth::PROOF;
use crate::config::{Account, Config};

/// The manifest of a configuration.
pub(crate) fn of(config: &Config) -> Manifests {
    Manifests::of(Manifest {
        channel: "facebook".into(),
        collections: vec!["facebook".into()],
        list_member: "facebook".into(),
        resource: "facebook".into(),
        uri_path: "facebooks".into(),
        topic: "/v2/me/facebook".into(),
        message_type: "FacebookStateChangeMessage".into(),
        saved_type: "FacebookSaved".into(),
        direction_member: "facebookType".into(),
        operation_response_type: None,
        reply_user_data: texts([
            ("To", "{parent._facebookActorId}"),
            ("_facebookSubmitType", "comment"),
            ("_facebookPostId", "{parent._facebookPostId}"),
            ("_facebookCommentId", "{parent._facebookCommentId}"),
            ("_umsChannel", &config.name),
        ]),
        reply_needs: vec![Alternatives::AnyOf(vec!["_facebookCommentId".into(), "_facebookPostId".into()])],
        reply_parameters: vec![ReplyParameter {
            name: "commentId".into(),
            kind: ValueKind::String,
            user_data: "_facebookCommentId".into(),
        }],
        mirror_from: None,
        operations: Vec::new(),
        limits: Limits { attachments: 0 },
        secrets: vec![PROOF.into()],
        accounts: config.accounts.iter().map(account).collect(),
    })
}

/// The facts that a Send writes into the user data: `facebook-send` of the Web Services API Reference.
fn account(account: &Account) -> manifest::Account {
    let mut facts = texts([("_facebookSourceId", account.page_id.as_str())]);
    for (key, fact) in [
        ("_facebookSourceNickName", &account.page_name),
        ("_facebookActorId", &account.actor_id),
        ("_facebookActorNickName", &account.actor_name),
    ] {
        if let Some(fact) = fact {
            facts.insert(key.to_owned(), Value::from(fact.as_str()));
        }
    }
    facts.insert("desktop_AgentEmployeeId".to_owned(), Value::from("{agent.id}"));
    manifest::Account {
        name: account.name.clone(),
        operations: Vec::new(),
        send_user_data: facts,
        // A reply's draft says `comment` itself.
        send_defaults: texts([("_facebookSubmitType", "post")]),
        on_unknown: account.on_unknown,
    }
}
