//! Operations that a channel adds, as Retweet and Follow, and the account that does them.

use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::agent::forbidden;
use super::{Decision, Facts, NewDelivery};
use crate::channel::Requirement;
use crate::delivery::Work;
use crate::interaction::Interaction;
use crate::json;
use crate::lifecycle::Source;
use crate::operation::{Refusal, Request};

/// An operation that the channel adds: accepted at once, finished in delivery.
pub(super) fn channel_operation(
    interaction: Option<&Interaction>,
    index: usize,
    request: &Request<'_>,
    facts: &Facts<'_>,
) -> Result<Decision, Refusal> {
    let source = interaction.map_or(Source::Collection, Interaction::source);
    if !facts.lifecycle.permits(source, index, facts.abilities) {
        return Err(forbidden(source, request, facts));
    }
    let operation = &facts.lifecycle.channel_operations()[index];
    let parameters = request.parameters();
    let mut given = serde_json::Map::new();
    for (name, requirement) in operation.parameters() {
        match (parameters.string(name)?, requirement) {
            (Some(value), _) => {
                given.insert(name.to_owned(), value.into_owned().into());
            }
            (None, Requirement::Required) => return Err(Refusal::missing(name, "a string")),
            (None, Requirement::Optional) => {}
        }
    }
    let account = operating_account(interaction, &given, &operation.name, facts)?;
    let parameters: Arc<RawValue> = json::raw(&given).into();
    // The interaction itself changes when the operation has finished.
    Ok(Decision {
        delivery: Some(NewDelivery {
            account,
            bytes: parameters.get().len(),
            work: Work::Operation { name: operation.name.as_str().into(), parameters },
            queue_path: None,
        }),
        ..Decision::default()
    })
}

/// The account that does a channel's operation: the one named, the one the interaction came to, or the
/// only one that can.
fn operating_account(
    interaction: Option<&Interaction>,
    given: &serde_json::Map<String, Value>,
    operation: &str,
    facts: &Facts<'_>,
) -> Result<SmolStr, Refusal> {
    let able = |name: &str| {
        facts
            .manifest
            .account(name)
            .is_some_and(|account| account.operations.iter().any(|known| known == operation))
    };
    if let Some(from) = given.get("from").and_then(Value::as_str) {
        return match facts.manifest.account(from) {
            None => Err(unknown_account("from", from, facts)),
            Some(_) if !able(from) => Err(Refusal::invalid(
                "from",
                format_args!("names account `{from}`, which can't do {operation}"),
            )),
            Some(_) => Ok(from.into()),
        };
    }
    if let Some(account) = interaction.and_then(|interaction| interaction.account.clone())
        && able(&account)
    {
        return Ok(account);
    }
    let mut candidates = facts.manifest.accounts.iter().filter(|account| able(&account.name));
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Ok(only.name.as_str().into()),
        _ => Err(Refusal::missing("from", "the name of the account that is to do it")),
    }
}

pub(super) fn unknown_account(parameter: &str, name: &str, facts: &Facts<'_>) -> Refusal {
    let mut known: Vec<_> = facts.manifest.accounts.iter().map(|account| account.name.as_str()).collect();
    known.sort_unstable();
    let rest = known.len().saturating_sub(10);
    known.truncate(10);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Refusal::invalid(
        parameter,
        format_args!(
            "names an unknown account `{name:.64}`; the accounts of {} are: {known}{more}",
            facts.manifest.channel
        ),
    )
}
