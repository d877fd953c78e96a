//! What the engine is told of the channel.

use serde_json::Value;
use strowger_channel::manifest::{
    self, Alternatives, Limits, Manifest, Manifests, Operation, ReplyParameter, ValueKind, texts,
};

use crate::check::MAX_ATTACHMENTS;
use crate::config::{Ability, Account, Config};

/// The manifest of a configuration: it lists exactly the operations that some account can do.
pub(crate) fn of(config: &Config) -> Manifests {
    let operations = Ability::ALL
        .into_iter()
        .filter(|ability| config.accounts.iter().any(|account| account.operations.contains(ability)))
        .map(operation)
        .collect();
    Manifests::of(Manifest {
        channel: "twitter".into(),
        collections: vec!["tweets".into(), "twitter".into()],
        list_member: "tweets".into(),
        resource: "twitter".into(),
        uri_path: "tweet".into(),
        topic: "/v2/me/twitter".into(),
        message_type: "TwitterStateChangeMessage".into(),
        saved_type: "TwitterSaved".into(),
        direction_member: "twitterType".into(),
        operation_response_type: Some("TwitterOperationResponse".into()),
        reply_user_data: texts([
            ("To", "{parent._twitterFromAddr}"),
            ("_twitterInReplyToStatusId", "{parent._twitterMsgId}"),
            ("_twitterMsgType", "status"),
            ("_umsChannel", &config.name),
        ]),
        reply_needs: vec![Alternatives::One("_twitterMsgId".into())],
        reply_parameters: vec![ReplyParameter {
            name: "isRetweet".into(),
            kind: ValueKind::Boolean,
            user_data: "_twitterIsRetweet".into(),
        }],
        mirror_from: Some("FromAddress".into()),
        operations,
        limits: Limits { attachments: MAX_ATTACHMENTS },
        secrets: Vec::new(),
        accounts: config.accounts.iter().map(|entry| account(&config.name, entry)).collect(),
    })
}

fn operation(ability: Ability) -> Operation {
    let (place, parameters) = match ability {
        Ability::Retweet | Ability::MarkFavorite | Ability::RemoveFavorite => {
            ("Processing", texts([("from", "optional")]))
        }
        Ability::Follow | Ability::Unfollow => {
            ("collection", texts([("twitterUserId", "required"), ("from", "required")]))
        }
    };
    Operation { name: ability.name().into(), places: vec![place.into()], parameters }
}

/// The facts that a Send writes into the user data: `twitter-send` of the Web Services API Reference.
fn account(channel_name: &str, account: &Account) -> manifest::Account {
    let mut facts = texts([
        ("_umsInboundIxnSubmittedBy", "{engine.name}"),
        ("_umsChannel", channel_name),
        ("_umsMediaAccount", &account.user_id),
        ("_twitterUserId", &account.user_id),
    ]);
    for (key, fact) in [
        ("_twitterUserName", &account.display_name),
        ("_twitterUserScreenName", &account.screen_name),
        ("_twitterUserImageURL", &account.image_url),
    ] {
        if let Some(fact) = fact {
            facts.insert(key.to_owned(), Value::from(fact.as_str()));
        }
    }
    manifest::Account {
        name: account.name.clone(),
        operations: Ability::ALL
            .into_iter()
            .filter(|ability| account.operations.contains(ability))
            .map(|ability| ability.name().to_owned())
            .collect(),
        send_user_data: facts,
        // A reply's draft says `status` itself, and a host may know more of the contact.
        send_defaults: texts([
            ("_twitterMsgType", "Status"),
            ("_twitterContactIsFollower", "false"),
            ("_twitterContactIsFriend", "false"),
        ]),
        on_unknown: account.on_unknown,
    }
}
