//! What the engine is told of the channels.

use serde_json::Value;
use strowger_channel::manifest::{self, Limits, Manifest, Manifests, texts};

use crate::access::SECRETS;
use crate::config::{Account, Config, Service};

/// The manifest of a configuration: the channels that have an account.
pub(crate) fn of(config: &Config) -> Manifests {
    let served = |service: &Service| config.accounts.iter().any(|account| account.service == *service);
    Manifests { channels: Service::ALL.into_iter().filter(served).map(|one| channel(config, one)).collect() }
}

fn channel(config: &Config, service: Service) -> Manifest {
    let (channel, title) = (service.channel(), service.title());
    Manifest {
        channel: channel.into(),
        collections: vec![channel.into()],
        list_member: channel.into(),
        resource: channel.into(),
        uri_path: channel.into(),
        topic: format!("/v2/me/{channel}"),
        message_type: format!("{title}StateChangeMessage"),
        saved_type: format!("{title}Saved"),
        direction_member: format!("{channel}Type"),
        operation_response_type: None,
        reply_user_data: texts([("_umsChannel", config.name.as_str())]),
        limits: Limits { attachments: 0 },
        secrets: SECRETS.iter().map(|name| (*name).to_owned()).collect(),
        accounts: config
            .accounts
            .iter()
            .filter(|account| account.service == service)
            .map(|entry| account(&config.name, entry))
            .collect(),
        ..Manifest::default()
    }
}

fn account(channel_name: &str, account: &Account) -> manifest::Account {
    let mut facts = texts([
        ("_umsInboundIxnSubmittedBy", "{engine.name}"),
        ("_umsChannel", channel_name),
        ("_umsMediaAccount", &account.name),
    ]);
    if let Some(name) = &account.display_name {
        facts.insert(format!("_{}UserName", account.service.channel()), Value::from(name.as_str()));
    }
    if let Some(company) = &account.company {
        // Whoever routes messages to accounts sees for whom it posts.
        facts.insert("_linkedinCompanyId".to_owned(), Value::from(company.as_str()));
    }
    manifest::Account {
        name: account.name.clone(),
        operations: Vec::new(),
        send_user_data: facts,
        on_unknown: account.on_unknown,
        ..manifest::Account::default()
    }
}
