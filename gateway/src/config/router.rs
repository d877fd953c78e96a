//! `[router]`: how what waits is offered to ready agents. Without the table nothing is.

use std::time::Duration;

use super::section::Section;
use crate::routing::Rules;

/// `declared` are the queues of `[engine]`.
pub(super) fn read(root: &Section<'_>, declared: Option<&[String]>) -> Option<Rules> {
    let section = root.section("router")?;
    let mut rules = Rules::of(declared.unwrap_or_default().to_vec());
    if let Some(queues) = section.texts("queues") {
        rules.queues = queues.into_iter().map(str::to_owned).collect();
        for (number, queue) in rules.queues.iter().enumerate() {
            let place = format!("queues[{number}]");
            if let Some(problem) = wrong_queue(queue, declared) {
                section.wrong_at(section.place_of(&place), section.path(&place), problem);
            }
        }
    } else if !section.has("queues") && rules.queues.is_empty() {
        section.wrong("queues", "is missing: expected the queues to watch, as `engine.queues` names none");
    }
    section.set_number("open_per_agent", 1..=10_000, &mut rules.open_per_agent);
    let seconds = |name, setting: &mut Duration| section.set_seconds(name, 1..=24 * 60 * 60, setting);
    seconds("offer_stands_s", &mut rules.offer_stands);
    seconds("rejection_stands_s", &mut rules.rejection_stands);
    section.refuse_unknown();
    Some(rules)
}

/// What is wrong with the path of a queue.
pub(super) fn wrong_queue(queue: &str, declared: Option<&[String]>) -> Option<String> {
    if let Err(error) = strowger::QueuePath::parse(queue) {
        return Some(format!("is no path of a queue: {error}"));
    }
    declared
        .filter(|declared| !declared.iter().any(|known| known == queue))
        .map(|declared| format!("is not among `engine.queues`: expected one of {}", declared.join(", ")))
}
