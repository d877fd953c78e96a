//! The rules that complete the table, each with a test of its name.

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use strowger::channel::Outcome;
use strowger::{API_MULTIMEDIA, Engine, Error};
use support::{
    ACCOUNT, Desk, IN9, OUT9, QUEUE, START_MS, Turn, World, config, id_of, json, resource, send, text_of,
    tweet,
};

fn transfer(target: &str) -> Value {
    json!({"operationName": "Transfer", "targetPath": target})
}

fn reply() -> Value {
    json!({"operationName": "Reply", "queuePath": QUEUE})
}

fn save(twitter: &Value) -> Value {
    json!({"operationName": "Save", "twitter": twitter})
}

fn attach(user_data: &Value) -> Value {
    json!({"operationName": "AttachUserData", "userData": user_data})
}

fn accept() -> Value {
    json!({"operationName": "Accept"})
}

fn with(mut object: Value, member: &str, value: Value) -> Value {
    object[member] = value;
    object
}

/// The ids that stand in a queue, oldest first.
fn standing(engine: &Engine, queue: &str) -> Vec<String> {
    engine.queue(queue).unwrap().iter().map(|waiting| waiting.id.as_str().to_owned()).collect()
}

fn next_in(engine: &Engine, queue: &str) -> Option<String> {
    engine.queue_next(queue).unwrap().map(|id| id.as_str().to_owned())
}

/// The ids of the first that wait in a queue to be offered.
fn waiting(engine: &Engine, queue: &str, limit: usize) -> Vec<String> {
    engine.waiting(queue, limit).unwrap().iter().map(|waiting| waiting.id.as_str().to_owned()).collect()
}

/// A reply's draft, its notification taken.
fn reply_draft(desk: &Desk, parent: &str) -> String {
    desk.forget();
    desk.does(parent, &reply());
    id_of(&desk.note())
}

// -------------------------------------------------------------------------------- Save, Send

#[test]
fn save_sets_from_message_subject_and_mirrors_from() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = desk.draft();
    desk.does(&id, &save(&json!({"from": "vitaliy_onv", "message": "Hello"})));
    let seen = desk.sees(&id);
    assert_eq!(
        (&seen["from"], &seen["message"], &seen["subject"]),
        (&json!("vitaliy_onv"), &json!("Hello"), &json!("Hello"))
    );
    assert_eq!(seen["userData"], json!({"FromAddress": "vitaliy_onv"}));
    // What is not given stays.
    desk.does(&id, &save(&json!({"message": "Hello again"})));
    assert_eq!(desk.sees(&id)["from"], "vitaliy_onv");
    desk.does(&id, &save(&json!({"from": "support"})));
    let seen = desk.sees(&id);
    assert_eq!(
        (&seen["message"], &seen["userData"]["FromAddress"]),
        (&json!("Hello again"), &json!("support"))
    );
}

#[test]
fn save_checks_types_only() {
    let world = World::new();
    world.channel.judges(|_| panic!("Save asks the channel nothing"));
    let desk = world.desk("a1");
    let id = desk.draft();
    desk.does(&id, &save(&json!({"from": "no such account", "message": "x".repeat(10_000)})));
    assert_eq!(desk.sees(&id)["from"], "no such account");
    assert_eq!(desk.refused(&id, &json!({"operationName": "Send", "queuePath": QUEUE})).0, 2);
}

#[test]
fn a_channel_without_a_mirror_writes_no_from_address() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = desk.draft_on("facebook");
    desk.does_on(
        "facebook",
        &id,
        &json!({"operationName": "Save", "facebook": {"from": ACCOUNT, "message": "x"}}),
    );
    let seen = desk.reads_on("facebook", &id).unwrap();
    assert!(seen.get("userData").is_none(), "{seen}");
    assert_eq!(seen["from"], ACCOUNT);
}

#[test]
fn what_was_saved_counts_in_send() {
    let world = World::new();
    let desk = world.desk("a1");
    let bare = json!({"operationName": "Send", "queuePath": QUEUE});
    let id = desk.draft();
    desk.does(&id, &save(&json!({"from": ACCOUNT, "message": "Hello", "location": "Paris FRANCE"})));
    desk.does(&id, &bare);
    assert_eq!(desk.sees(&id)["message"], "Hello");
    let id = desk.draft();
    desk.does(&id, &save(&json!({"from": ACCOUNT, "message": "Hello"})));
    desk.does(&id, &with(bare.clone(), "twitter", json!({"message": "Better"})));
    assert_eq!(desk.sees(&id)["message"], "Better");
    let id = desk.draft();
    desk.does(&id, &save(&json!({"message": "Hello"})));
    assert_eq!(desk.refused(&id, &bare).0, 1);
    desk.does(&id, &with(bare, "twitter", json!({"from": ACCOUNT})));
    world.deliver();
    let jobs = world.channel.jobs();
    assert_eq!(
        jobs.iter().map(|job| text_of(job, "message")).collect::<Vec<_>>(),
        ["Hello", "Better", "Hello"]
    );
    assert_eq!(jobs[0]["extras"], json!({"location": "Paris FRANCE"}));
}

#[test]
fn a_refused_send_saves_nothing() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = desk.draft();
    let before = desk.sees(&id);
    assert_eq!(desk.refused(&id, &send("nobody", "Hello")).0, 2);
    assert_eq!(desk.sees(&id), before);
}

#[test]
fn send_writes_the_accounts_facts_once() {
    let world = World::new();
    let desk = world.desk("a7");
    desk.does(
        "",
        &json!({"operationName": "Create", "userData": {
        "_umsMediaAccount": "made up", "_twitterMsgType": "DirectMessage", "mine": 1}}),
    );
    let id = id_of(&desk.note());
    assert_eq!(desk.sees(&id)["userData"]["_umsMediaAccount"], "made up", "not before Send");
    desk.does(&id, &send(ACCOUNT, "Hello"));
    let user_data = &desk.sees(&id)["userData"];
    assert_eq!(user_data["_umsMediaAccount"], "1258948171", "facts are written over what is there");
    assert_eq!(user_data["_twitterMsgType"], "DirectMessage", "defaults are not");
    assert_eq!(user_data["_twitterContactIsFriend"], "false", "defaults fill what is missing");
    assert_eq!(user_data["_umsInboundIxnSubmittedBy"], "esv_smsrv_vit", "{{engine.name}}");
    assert_eq!(user_data["mine"], 1);
    let id = desk.draft_on("facebook");
    let body =
        json!({"operationName": "Send", "queuePath": QUEUE, "facebook": {"from": ACCOUNT, "message": "x"}});
    desk.does_on("facebook", &id, &body);
    let seen = desk.reads_on("facebook", &id).unwrap();
    assert_eq!(seen["userData"]["desktop_AgentEmployeeId"], "a7", "{{agent.id}}");
}

#[test]
fn a_send_that_comes_back_returns_to_its_agent_logged_in_or_not() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = World::sent(&desk, ACCOUNT, "Hello");
    drop(desk);
    let refused = Outcome::Rejected { code: "policy".into(), message: "no".into() };
    world.channel.then(Turn::ends(refused));
    world.deliver();
    let desk = world.desk("a1");
    assert_eq!(desk.sees(&id)["state"], "Composing");
    assert_eq!(desk.sees(&id)["capabilities"], json!(OUT9));
    // It can be mended and sent again.
    desk.does(&id, &send(ACCOUNT, "Hello, better"));
    world.deliver();
    assert_eq!(desk.sees(&id)["state"], "Completed");
    assert_eq!(world.channel.publications(), 2);
}

// -------------------------------------------------------------------------------------- Reply

#[test]
fn reply_makes_a_draft_that_knows_its_parent() {
    let world = World::new();
    let desk = world.desk("a1");
    let parent = world.processing(&desk);
    let before = desk.sees(&parent);
    let body = with(reply(), "userData", json!({"mine": 1}));
    let reference_id = desk.does(&parent, &body);
    let note = desk.note();
    assert_eq!(
        (&note["notificationType"], &note["referenceId"]),
        (&json!("StatusChange"), &json!(reference_id))
    );
    let draft = resource(&note).clone();
    assert_eq!(draft["state"], "Composing");
    assert_eq!(draft["twitterType"], "Outbound");
    assert_eq!(draft["parentId"], json!(parent));
    assert_eq!(draft["contactId"], before["contactId"]);
    assert_eq!(draft["message"], before["message"]);
    assert_eq!(draft["subject"], before["message"]);
    assert_eq!(draft["capabilities"], json!(OUT9));
    assert_eq!(
        draft["userData"],
        json!({"To": "oleg", "_twitterInReplyToStatusId": "63493545", "_twitterMsgType": "status",
               "_umsChannel": "channel-twitter", "mine": 1})
    );
    assert_eq!(desk.sees(&parent), before, "the inbound interaction stays as it is");
    assert_eq!(before["capabilities"].as_array().unwrap()[..9], IN9.map(Value::from));
    // It can be answered twice.
    assert_ne!(reply_draft(&desk, &parent), text_of(&draft, "id"));
}

#[test]
fn a_message_inherited_from_the_parent_does_not_satisfy_send() {
    let world = World::new();
    let desk = world.desk("a1");
    let parent = world.processing(&desk);
    let bare = json!({"operationName": "Send", "queuePath": QUEUE, "twitter": {"from": ACCOUNT}});
    let id = reply_draft(&desk, &parent);
    let (code, message) = desk.refused(&id, &bare);
    assert_eq!(code, 1);
    assert!(message.contains("message"), "{message}");
    // Saving something else does not make it the agent's own.
    desk.does(&id, &save(&json!({"from": ACCOUNT})));
    assert_eq!(desk.refused(&id, &bare).0, 1);
    // Saving a text does, be it the same one.
    desk.does(&id, &save(&json!({"message": "saying hello world!"})));
    desk.does(&id, &bare);
    // And so does giving one in the Send.
    let id = reply_draft(&desk, &parent);
    desk.does(&id, &send(ACCOUNT, "Hello to you"));
    world.deliver();
    let job = &world.channel.jobs()[1];
    assert_eq!(
        (&job["parent"]["id"], &job["parent"]["message"]),
        (&json!(parent), &json!("saying hello world!"))
    );
    assert_eq!(job["parent"]["userData"]["_twitterMsgId"], "63493545");
}

#[test]
fn a_reply_to_a_parent_that_the_platform_does_not_know_is_code_2() {
    let world = World::new();
    let desk = world.desk("a1");
    for lacking in
        [json!({"_twitterFromAddr": "oleg"}), json!({"_twitterMsgId": ""}), json!({"_twitterMsgId": null})]
    {
        let id = world.receive(&with(tweet(), "userData", lacking));
        world.engine.offer(&id, "a1").unwrap();
        desk.does(&id, &accept());
        desk.forget();
        let before = desk.list();
        let (code, message) = desk.refused(&id, &reply());
        assert_eq!(code, 2);
        assert!(message.contains("_twitterMsgId"), "{message}");
        assert_eq!(desk.list(), before, "no draft came to be");
        desk.hears_nothing();
    }
}

#[test]
fn a_reply_needs_one_of_several_keys_and_keeps_its_parameters() {
    let world = World::new();
    let desk = world.desk("a1");
    let post = |user_data: Value| {
        let id = world.receive_on("facebook", &with(tweet(), "userData", user_data));
        world.engine.offer(&id, "a1").unwrap();
        desk.does_on("facebook", &id, &accept());
        desk.forget();
        id
    };
    let asks = |id: &str, body: &Value| {
        desk.does_on("facebook", id, body);
        resource(&desk.note())["userData"].clone()
    };
    let by_post = post(json!({"_facebookPostId": "1", "_facebookActorId": "9", "_facebookSourceId": "2"}));
    assert_eq!(
        asks(&by_post, &reply()),
        json!({"To": "9", "_facebookSourceId": "2", "_facebookPostId": "1", "_facebookSubmitType": "comment"})
    );
    assert_eq!(asks(&by_post, &with(reply(), "commentId", json!("77")))["_facebookCommentId"], "77");
    // What a template finds nothing for is left out.
    let by_comment = post(json!({"_facebookCommentId": "3"}));
    assert_eq!(asks(&by_comment, &reply()), json!({"_facebookSubmitType": "comment"}));
    let bare = post(json!({}));
    assert_eq!(support::refusal(desk.asks_on("facebook", &bare, &reply()), "Reply").0, 2);
    // A flag is kept as a string, however it was written.
    let tweet = world.processing(&desk);
    for flag in [json!(true), json!("true")] {
        desk.does(&tweet, &with(reply(), "isRetweet", flag));
        assert_eq!(resource(&desk.note())["userData"]["_twitterIsRetweet"], "true");
    }
}

// ----------------------------------------------------------------------------------- Transfer

#[test]
fn transfer_to_an_agent_invites_and_assigns() {
    let world = World::new();
    let (from, to) = (world.desk("a1"), world.desk("a2"));
    let id = world.processing(&from);
    let reference_id = from.does(&id, &transfer("/users/a2"));
    let left = from.note();
    assert_eq!(left["referenceId"], reference_id);
    assert_eq!(
        (&resource(&left)["state"], &resource(&left)["capabilities"]),
        (&json!("Completed"), &json!([]))
    );
    assert_eq!(from.reads(&id), None);
    let invitation = to.note();
    assert!(invitation.get("referenceId").is_none());
    let seen = resource(&invitation);
    assert_eq!((&seen["state"], &seen["assignedTo"]), (&json!("Invited"), &json!("a2")));
    assert_eq!(seen["capabilities"], json!(["Accept", "Reject"]));
    to.does(&id, &accept());
    assert_eq!(to.sees(&id)["state"], "Processing");
}

#[test]
fn transfer_takes_target_path_target_uri_and_absolute_uris() {
    let world = World::new();
    let (from, to) = (world.desk("a1"), world.desk("a2"));
    for body in [
        json!({"operationName": "Transfer", "targetPath": "/users/a2"}),
        json!({"operationName": "Transfer", "targetUri": "/users/a2"}),
        json!({"operationName": "Transfer", "targetUri": "http://192.168.83.25:8080/api/v2/users/a2"}),
        json!({"operationName": "Transfer", "targetPath": "https://desk.example/api/v2/users/a2"}),
    ] {
        let id = from.draft();
        from.does(&id, &body);
        assert_eq!(id_of(&to.note()), id);
        assert_eq!(to.sees(&id)["assignedTo"], "a2");
    }
    for target in ["/queues/q7", "/contacts/q7", "http://h:8090/api/v2/queues/q7"] {
        let id = from.draft();
        from.does(&id, &transfer(target));
        let queue = if target.contains("contacts") { "/contacts/q7" } else { "/queues/q7" };
        assert!(standing(&world.engine, queue).contains(&id), "{target}");
    }
}

#[test]
fn transfer_to_a_queue_places_it_there_for_nobody_to_see() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = world.processing(&desk);
    desk.does(&id, &transfer("/queues/q2"));
    assert_eq!(resource(&desk.note())["state"], "Completed");
    assert_eq!((desk.reads(&id), desk.list()), (None, vec![]));
    assert_eq!(next_in(&world.engine, "/queues/q2"), Some(id.clone()));
    assert_eq!(next_in(&world.engine, QUEUE), None);
    world.engine.offer(&id, "a1").unwrap();
    assert!(desk.sees(&id).get("assignedTo").is_none());
}

#[test]
fn transfer_to_oneself_is_completed_then_invited() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = desk.draft();
    let reference_id = desk.does(&id, &transfer("/users/a1"));
    let notes = desk.notes();
    let states: Vec<_> = notes.iter().map(|note| text_of(resource(note), "state")).collect();
    assert_eq!(states, ["Completed", "Invited"]);
    assert_eq!((&notes[0]["referenceId"], notes[1].get("referenceId")), (&json!(reference_id), None));
    desk.does(&id, &accept());
    assert_eq!(desk.sees(&id)["state"], "Composing");
}

#[test]
fn transfer_to_an_agent_never_seen_is_code_6_and_to_one_who_left_is_not() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = desk.draft();
    assert_eq!(desk.refused(&id, &transfer("/users/a2")).0, 6);
    drop(world.engine.agent("a2", &[]).unwrap());
    desk.does(&id, &transfer("/users/a2"));
}

#[test]
fn an_accepted_draft_is_the_new_agents_in_every_way() {
    let world = World::new();
    let (from, to) = (world.desk("a1"), world.desk("a2"));
    let id = from.draft();
    from.does(&id, &save(&json!({"from": ACCOUNT, "message": "Hello"})));
    from.does(&id, &transfer("/users/a2"));
    to.does(&id, &accept());
    from.forget();
    to.forget();
    let reference_id = to.does(&id, &json!({"operationName": "Send", "queuePath": QUEUE}));
    world.deliver();
    assert!(to.notes().iter().all(|note| note["referenceId"] == reference_id));
    from.hears_nothing();
    assert_eq!(world.channel.jobs()[0]["agentId"], "a2");
}

#[test]
fn assigned_to_appears_only_after_a_transfer_to_an_agent() {
    let world = World::new();
    let (first, second) = (world.desk("a1"), world.desk("a2"));
    let id = world.processing(&first);
    assert!(first.sees(&id).get("assignedTo").is_none(), "an offer assigns nothing");
    first.does(&id, &transfer("/users/a2"));
    assert_eq!(second.sees(&id)["assignedTo"], "a2");
    second.does(&id, &accept());
    second.does(&id, &transfer("/queues/q2"));
    world.engine.offer(&id, "a1").unwrap();
    assert!(first.sees(&id).get("assignedTo").is_none(), "a queue is no agent");
}

// -------------------------------------------------------------------------- Reject and revoke

/// Gives the invitation of `id` back, by Reject or by the host; what the agent then hears.
fn given_back(world: &World, invited: &Desk, id: &str, by_host: bool) -> Value {
    invited.forget();
    let reference_id = if by_host {
        world.engine.revoke(id).unwrap();
        None
    } else {
        Some(json!(invited.does(id, &json!({"operationName": "Reject"}))))
    };
    let note = invited.note();
    assert_eq!(note.get("referenceId"), reference_id.as_ref(), "revoke answers no request");
    assert_eq!(note["notificationType"], "StatusChange");
    assert_eq!(
        (&resource(&note)["state"], &resource(&note)["capabilities"]),
        (&json!("Completed"), &json!([]))
    );
    assert_eq!(invited.reads(id), None);
    note
}

#[test]
fn reject_and_revoke_return_to_the_queue_it_came_from() {
    for by_host in [false, true] {
        let world = World::new();
        let (first, second) = (world.desk("a1"), world.desk("a2"));
        // From its first queue.
        let id = world.tweet();
        world.engine.offer(&id, "a1").unwrap();
        assert_eq!(next_in(&world.engine, QUEUE), None);
        given_back(&world, &first, &id, by_host);
        assert_eq!(next_in(&world.engine, QUEUE), Some(id.clone()));
        // By way of another agent.
        world.engine.offer(&id, "a1").unwrap();
        first.does(&id, &accept());
        first.does(&id, &transfer("/users/a2"));
        first.forget();
        given_back(&world, &second, &id, by_host);
        first.hears_nothing();
        assert_eq!(next_in(&world.engine, QUEUE), Some(id.clone()));
        // From a second queue.
        world.engine.offer(&id, "a1").unwrap();
        first.does(&id, &accept());
        first.does(&id, &transfer("/queues/q2"));
        world.engine.offer(&id, "a2").unwrap();
        given_back(&world, &second, &id, by_host);
        assert_eq!(next_in(&world.engine, "/queues/q2"), Some(id.clone()));
        assert_eq!(next_in(&world.engine, QUEUE), None);
        // Also a draft that has been in a queue.
        let draft = first.draft();
        first.does(&draft, &transfer("/queues/q3"));
        world.engine.offer(&draft, "a1").unwrap();
        first.does(&draft, &accept());
        first.does(&draft, &transfer("/users/a2"));
        given_back(&world, &second, &draft, by_host);
        assert_eq!(next_in(&world.engine, "/queues/q3"), Some(draft));
    }
}

#[test]
fn reject_and_revoke_return_a_draft_from_no_queue_to_who_transferred_it() {
    for by_host in [false, true] {
        let world = World::new();
        let [first, second, third] = ["a1", "a2", "a3"].map(|id| world.desk(id));
        let id = first.draft();
        let before = first.sees(&id);
        first.does(&id, &transfer("/users/a2"));
        first.forget();
        given_back(&world, &second, &id, by_host);
        let note = first.note();
        assert!(note.get("referenceId").is_none());
        assert_eq!(note["notificationType"], "StatusChange");
        assert_eq!(*resource(&note), before, "in its former state, assigned to nobody");
        assert_eq!(first.sees(&id), before);
        // To the last who did, not to the first.
        first.does(&id, &transfer("/users/a2"));
        second.does(&id, &accept());
        second.does(&id, &transfer("/users/a3"));
        first.forget();
        given_back(&world, &third, &id, by_host);
        assert_eq!(second.sees(&id)["state"], "Composing");
        first.hears_nothing();
    }
}

#[test]
fn a_second_offer_and_a_late_revoke_conflict() {
    let world = World::new();
    let (first, second) = (world.desk("a1"), world.desk("a2"));
    let id = world.tweet();
    world.engine.offer(&id, "a1").unwrap();
    assert!(matches!(world.engine.offer(&id, "a2"), Err(Error::Conflict(_))));
    first.does(&id, &accept());
    assert!(matches!(world.engine.revoke(&id), Err(Error::Conflict(_))));
    second.hears_nothing();
    assert_eq!(first.sees(&id)["state"], "Processing");
}

// ------------------------------------------------------------------------------------- hosts

#[test]
fn a_host_that_creates_for_an_agent_is_told_the_id() {
    let world = World::new();
    let agent = world.engine.agent("a1", &[API_MULTIMEDIA]).unwrap();
    let create = |body: &Value| agent.create("twitter", body.to_string().as_bytes()).unwrap();
    let id = create(&json!({"operationName": "Create", "queuePath": QUEUE})).unwrap();
    let seen = agent.read("twitter", id.as_str()).unwrap().expect("its owner sees it");
    assert!(seen.contains("Composing"), "{seen}");
    assert_eq!(create(&json!({"operationName": "Send"})).unwrap_err().code().number(), 3);
    // A repetition begins nothing, so there is no id to tell.
    let named = json!({"operationName": "Create", "requestId": "r1"});
    assert!(create(&named).is_ok());
    assert_eq!(create(&named).unwrap_err().code().number(), 2);
    assert_eq!(agent.uris("twitter").unwrap().len(), 2);
}

// ------------------------------------------------------------------------------------- queues

#[test]
fn queues_list_oldest_first() {
    let world = World::new();
    world.desk("a1");
    let ids: Vec<_> = (0..5)
        .map(|number| {
            // Two in the same millisecond keep their order, too.
            world.clock.set(START_MS + number / 2);
            world.tweet()
        })
        .collect();
    assert_eq!(standing(&world.engine, QUEUE), ids);
    assert_eq!(next_in(&world.engine, QUEUE), Some(ids[0].clone()));
    assert_eq!(next_in(&world.engine, QUEUE), Some(ids[0].clone()), "a look takes nothing");
    world.engine.offer(&ids[0], "a1").unwrap();
    world.engine.offer(&ids[3], "a1").unwrap();
    assert_eq!(standing(&world.engine, QUEUE), [ids[1].as_str(), &ids[2], &ids[4]]);
    assert_eq!(world.engine.queue(QUEUE).unwrap()[0].since_ms, START_MS);
    assert_eq!(waiting(&world.engine, QUEUE, 2), ids[1..3]);
    assert_eq!(waiting(&world.engine, QUEUE, 100), [ids[1].as_str(), &ids[2], &ids[4]]);
    assert_eq!(waiting(&world.engine, QUEUE, 0), [""; 0]);
}

#[test]
fn completed_interactions_placed_in_a_queue_are_listed_but_cannot_be_offered() {
    let world = World::new();
    let desk = world.desk("a1");
    let done = world.processing(&desk);
    desk.does(&done, &json!({"operationName": "Complete", "queuePath": "/queues/archive"}));
    let waiting = desk.draft();
    desk.does(&waiting, &transfer("/queues/archive"));
    let listed = world.engine.queue("/queues/archive").unwrap();
    let listed: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.can_be_offered)).collect();
    assert_eq!(listed, [(done.as_str(), false), (waiting.as_str(), true)]);
    // Fails if what is completed takes a place among those that wait.
    assert_eq!(self::waiting(&world.engine, "/queues/archive", 1), [waiting.as_str()]);
    assert_eq!(next_in(&world.engine, "/queues/archive"), Some(waiting));
    assert!(matches!(world.engine.offer(&done, "a1"), Err(Error::Conflict(_))));
    assert_eq!(desk.sees(&done)["state"], "Completed", "its owner still reads it");
}

#[test]
fn complete_without_a_queue_leaves_all_queues() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = world.processing(&desk);
    desk.does(&id, &json!({"operationName": "Complete"}));
    assert!(standing(&world.engine, QUEUE).is_empty());
}

// ------------------------------------------------------------------------------ focus, edits

#[test]
fn set_in_focus_marks_at_most_one_and_the_loser_changes_silently() {
    let world = World::new();
    let desk = world.desk("a1");
    let focus = json!({"operationName": "SetInFocus"});
    let (one, two) = (desk.draft(), desk.draft());
    assert!(desk.sees(&one).get("inFocus").is_none());
    desk.does(&one, &focus);
    let note = desk.note();
    assert_eq!(
        (&note["notificationType"], &resource(&note)["inFocus"]),
        (&json!("PropertiesUpdated"), &json!(true))
    );
    desk.does(&two, &focus);
    assert_eq!(id_of(&desk.note()), two, "one notification, of the one that has it now");
    assert_eq!(desk.sees(&two)["inFocus"], true);
    assert!(desk.sees(&one).get("inFocus").is_none());
    // Each agent has a focus of its own, whatever the session.
    let other = world.desk("a2");
    let theirs = other.draft();
    other.does(&theirs, &focus);
    assert_eq!(world.desk("a1").sees(&two)["inFocus"], true);
    // Who hands it on looks at it no longer, and neither does who gets it.
    desk.does(&two, &transfer("/users/a2"));
    assert!(other.sees(&two).get("inFocus").is_none());
    assert_eq!(other.sees(&theirs)["inFocus"], true);
    other.does(&two, &accept());
    other.does(&two, &transfer("/users/a1"));
    assert!(desk.sees(&two).get("inFocus").is_none());
}

#[test]
fn every_accepted_edit_notifies_also_one_that_changes_nothing() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = desk.draft();
    for body in [
        attach(&json!({"k": 1})),
        attach(&json!({"k": 1})),
        attach(&json!({})),
        json!({"operationName": "DeleteUserData", "keys": []}),
        json!({"operationName": "DeleteUserData", "keys": ["never there"]}),
        json!({"operationName": "Save"}),
        json!({"operationName": "AddComment", "comment": "x"}),
        json!({"operationName": "AddComment", "comment": "x"}),
        json!({"operationName": "SetInFocus"}),
        json!({"operationName": "SetInFocus"}),
    ] {
        let reference_id = desk.does(&id, &body);
        assert_eq!(desk.note()["referenceId"], reference_id, "{body}");
    }
}

#[test]
fn user_data_is_attached_updated_and_deleted() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = desk.draft();
    let user_data = || desk.sees(&id)["userData"].clone();
    desk.does(&id, &attach(&json!({"a": 1, "b": "two"})));
    desk.does(&id, &attach(&json!({"b": "over", "c": {"nested": [1, null]}})));
    assert_eq!(user_data(), json!({"a": 1, "b": "over", "c": {"nested": [1, null]}}), "Attach overwrites");
    desk.does(&id, &json!({"operationName": "UpdateUserData", "userData": {"a": false, "new": null}}));
    assert_eq!(user_data()["a"], false);
    assert_eq!(user_data().get("new"), Some(&Value::Null), "Update adds a key that is missing");
    desk.does(&id, &json!({"operationName": "DeleteUserData", "keys": ["a", "c", "no such key"]}));
    assert_eq!(user_data(), json!({"b": "over", "new": null}));
    desk.does(&id, &json!({"operationName": "DeleteUserData", "keys": ["b", "new"]}));
    assert!(desk.sees(&id).get("userData").is_none(), "an outbound one shows none once there is none");
}

#[test]
fn user_data_keeps_key_order_and_numbers_to_the_letter() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = desk.draft();
    let text =
        r#""z":12345678901234567890123,"a":1.50,"m":1E+2,"e":"\u00e4/","n":{"y":0.10,"b":[1,2.0]},"t":true"#;
    let body = format!("{{\"operationName\":\"AttachUserData\",\"userData\":{{{text}}}}}");
    desk.agent.perform("twitter", Some(&id), body.as_bytes()).unwrap();
    let read = || desk.agent.read("twitter", &id).unwrap().unwrap();
    assert!(read().contains(&format!("\"userData\":{{{text}}}")), "{}", read());
    // An overwritten key keeps its place, a new one comes last, and the rest is not touched.
    desk.does(&id, &attach(&json!({"a": "new", "last": 0})));
    assert!(read().contains(r#""z":12345678901234567890123,"a":"new","m":1E+2"#), "{}", read());
    assert!(read().contains(r#""t":true,"last":0}"#), "{}", read());
    desk.does(&id, &json!({"operationName": "DeleteUserData", "keys": ["a"]}));
    assert!(read().contains(r#""z":12345678901234567890123,"m":1E+2"#), "{}", read());
}

#[test]
fn set_disposition_writes_its_key() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = desk.draft();
    desk.does(&id, &json!({"operationName": "SetDisposition", "disposition": "resolved"}));
    let body =
        json!({"operationName": "SetDisposition", "disposition": "later", "dispositionKey": "OUTCOME"});
    desk.does(&id, &body);
    assert_eq!(desk.sees(&id)["userData"], json!({"DISP_KEY": "resolved", "OUTCOME": "later"}));
}

#[test]
fn add_comment_sets_the_comment() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = desk.draft();
    assert!(desk.sees(&id).get("comment").is_none());
    for comment in ["called back", "called again"] {
        desk.does(&id, &json!({"operationName": "AddComment", "comment": comment}));
        assert_eq!(desk.sees(&id)["comment"], comment);
    }
}

// ---------------------------------------------------------------------- contacts, last agent

#[test]
fn the_same_address_is_the_same_contact_for_ever() {
    let world = World::new();
    let contact = |channel: &str, from: &str| {
        let id = world.receive_on(channel, &with(tweet(), "from", json!(from)));
        let record = world.engine.interaction(&id).unwrap().unwrap();
        record.contact_id.as_deref().expect("a contact").to_owned()
    };
    let joe = contact("twitter", "joe");
    assert_eq!(contact("twitter", "joe"), joe);
    assert_ne!(contact("twitter", "ann"), joe);
    assert_ne!(contact("facebook", "joe"), joe, "on another channel it is another address");
    world.clock.advance(10 * 365 * 86_400_000);
    assert_eq!(contact("twitter", "joe"), joe);
}

#[test]
fn a_contact_given_by_the_host_is_taken_and_remembered() {
    let world = World::new();
    let contact = |inbound: &Value| {
        let id = world.receive(inbound);
        world.engine.interaction(&id).unwrap().unwrap().contact_id.as_deref().map(str::to_owned)
    };
    let joe = with(tweet(), "from", json!("joe"));
    assert_eq!(
        contact(&with(joe.clone(), "contactId", json!("0000Ka96XNNU4488"))).as_deref(),
        Some("0000Ka96XNNU4488")
    );
    assert_eq!(contact(&joe).as_deref(), Some("0000Ka96XNNU4488"));
}

#[test]
fn a_drafts_contact_is_resolved_at_send_by_to_over_from() {
    let world = World::new();
    let desk = world.desk("a1");
    let inbound = world.receive(&with(tweet(), "from", json!("joe")));
    let joe = world.engine.interaction(&inbound).unwrap().unwrap().contact_id.clone();
    let joe = json!(joe.as_deref());
    desk.does("", &json!({"operationName": "Create", "userData": {"To": "joe"}}));
    let to_joe = id_of(&desk.note());
    desk.does(&to_joe, &save(&json!({"from": ACCOUNT, "message": "x"})));
    assert!(desk.sees(&to_joe).get("contactId").is_none(), "not before Send");
    desk.does(&to_joe, &send(ACCOUNT, "Hello"));
    assert_eq!(desk.sees(&to_joe)["contactId"], joe);
    // Without `To` it is the address that sends.
    let (one, two) = (World::sent(&desk, ACCOUNT, "to all"), World::sent(&desk, ACCOUNT, "to all again"));
    let contact = |id: &str| text_of(&desk.sees(id), "contactId");
    assert_eq!(contact(&one), contact(&two));
    assert_ne!(json!(contact(&one)), joe);
    assert_ne!(contact(&World::sent(&desk, "support", "x")), contact(&one));
}

#[test]
fn a_reply_inherits_the_contact_and_keeps_it() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = world.receive(&with(tweet(), "contactId", json!("C1")));
    world.engine.offer(&id, "a1").unwrap();
    desk.does(&id, &accept());
    desk.forget();
    let draft = reply_draft(&desk, &id);
    assert_eq!(desk.sees(&draft)["contactId"], "C1");
    desk.does(&draft, &send(ACCOUNT, "Hello"));
    assert_eq!(desk.sees(&draft)["contactId"], "C1");
}

#[test]
fn sends_that_resolve_one_address_at_once_agree_on_its_contact() {
    let world = World::new();
    let desk = world.desk("a1");
    let ids: Vec<_> = (0..8).map(|_| desk.draft()).collect();
    std::thread::scope(|scope| {
        for id in &ids {
            let desk = &desk;
            scope.spawn(move || desk.does(id, &send(ACCOUNT, "Hello")));
        }
    });
    let contacts: BTreeSet<_> = ids.iter().map(|id| text_of(&desk.sees(id), "contactId")).collect();
    assert_eq!(contacts.len(), 1);
}

#[test]
fn save_lar_records_the_last_agent_of_the_contact() {
    for (flag, is_recorded) in
        [(json!(true), true), (json!("true"), true), (json!(false), false), (json!("false"), false)]
    {
        for operation in ["Accept", "Complete", "Send"] {
            let world = World::new();
            let desk = world.desk("a1");
            let id = match operation {
                "Accept" => {
                    let id = world.tweet();
                    world.engine.offer(&id, "a1").unwrap();
                    id
                }
                "Complete" => world.processing(&desk),
                _ => desk.draft(),
            };
            world.clock.set(START_MS + 5);
            let body =
                if operation == "Send" { send(ACCOUNT, "x") } else { json!({"operationName": operation}) };
            desk.does(&id, &with(body, "saveLAR", flag.clone()));
            let contact = text_of(&desk.sees(&id), "contactId");
            let last = world.engine.last_agent(&contact, "twitter").unwrap();
            let found = last.as_ref().map(|last| (last.agent.as_str(), last.at_ms));
            assert_eq!(found, is_recorded.then_some(("a1", START_MS + 5)), "{operation} {flag}");
            assert_eq!(world.engine.last_agent(&contact, "facebook").unwrap(), None, "per channel");
        }
    }
}

#[test]
fn the_last_agent_is_the_last_one() {
    let world = World::new();
    let (first, second) = (world.desk("a1"), world.desk("a2"));
    for desk in [&first, &second] {
        let id = world.processing(desk);
        desk.does(&id, &json!({"operationName": "Complete", "saveLAR": true}));
    }
    // Without the flag nothing is recorded over it.
    let id = world.processing(&first);
    first.does(&id, &json!({"operationName": "Complete"}));
    let contact = text_of(&first.sees(&id), "contactId");
    assert_eq!(world.engine.last_agent(&contact, "twitter").unwrap().unwrap().agent.as_str(), "a2");
    assert_eq!(world.engine.last_agent("nobody", "twitter").unwrap(), None);
}

// -------------------------------------------------------------------------- what is shown

#[test]
fn subjects_count_characters_not_bytes() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = desk.draft();
    assert!(desk.sees(&id).get("subject").is_none());
    for (message, subject) in [
        ("x".repeat(40), "x".repeat(40)),
        ("x".repeat(41), "x".repeat(37) + "..."),
        ("ä".repeat(40), "ä".repeat(40)),
        ("ä".repeat(41), "ä".repeat(37) + "..."),
        ("🙂".repeat(50), "🙂".repeat(37) + "..."),
        (String::new(), String::new()),
    ] {
        desk.does(&id, &save(&json!({"message": message})));
        assert_eq!(desk.sees(&id)["subject"], subject);
    }
}

#[test]
fn received_date_is_the_hosts_or_now() {
    let world = World::new();
    world.desk("a1");
    let seen = |inbound: &Value| {
        let desk = world.desk("a1");
        let id = world.receive(inbound);
        world.engine.offer(&id, "a1").unwrap();
        text_of(&desk.sees(&id), "receivedDate")
    };
    let given = "2015-03-02 12:26:14.000+0200";
    assert_eq!(seen(&with(tweet(), "receivedDate", json!(given))), given);
    world.clock.set(START_MS + 7);
    assert_eq!(seen(&tweet()), "2015-03-02 10:26:14.007+0000");
    let desk = world.desk("a1");
    let draft = desk.draft();
    assert!(desk.sees(&draft).get("receivedDate").is_none());
}

#[test]
fn inbound_and_outbound_show_the_members_of_their_kind() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = world.processing(&desk);
    let inbound = desk.sees(&id);
    assert_eq!(
        (&inbound["revelantResponseTemplateGroups"], &inbound["suggestedQueueUris"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(inbound["uri"], format!("http://192.168.83.25:8080/api/v2/tweet/{id}"));
    assert_eq!(inbound["userData"]["FromAddress"], inbound["from"]);
    let draft = desk.draft();
    let outbound = desk.sees(&draft);
    let members: Vec<_> = outbound.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["capabilities", "id", "state", "twitterType", "uri"]);
}

#[test]
fn lists_hold_invited_composing_processing_and_sent_ones_and_the_rest_stays_readable() {
    let world = World::new();
    let desk = world.desk("a1");
    let done = world.processing(&desk);
    desk.does(&done, &json!({"operationName": "Complete"}));
    let delivered = World::sent(&desk, ACCOUNT, "Hello");
    world.deliver();
    let canceled = desk.draft();
    desk.does(&canceled, &json!({"operationName": "Cancel"}));
    let processing = world.processing(&desk);
    let composing = desk.draft();
    let sent = World::sent(&desk, ACCOUNT, "Hello");
    let invited = world.tweet();
    world.engine.offer(&invited, "a1").unwrap();
    let expected = [processing, composing, sent, invited];
    assert_eq!(desk.list(), expected);
    let uris = expected.each_ref().map(|id| format!("http://192.168.83.25:8080/api/v2/tweet/{id}"));
    assert_eq!(desk.agent.uris("twitter").unwrap(), uris);
    assert!(desk.agent.list("facebook").unwrap().is_empty());
    for (id, state) in [(done, "Completed"), (delivered, "Completed"), (canceled, "Canceled")] {
        assert_eq!(desk.sees(&id)["state"], state);
        assert_eq!(desk.sees(&id)["capabilities"], json!([]));
        assert_eq!(world.desk("a2").reads(&id), None);
    }
    // A listed resource is the one that is read.
    for text in desk.agent.list("twitter").unwrap() {
        let listed = json(&text);
        assert_eq!(desk.sees(&text_of(&listed, "id")), listed);
    }
}

#[test]
fn a_delivered_interaction_holds_the_platforms_id_and_address() {
    let world = World::new();
    let desk = world.desk("a1");
    let id = desk.draft();
    let reference_id = desk.does(&id, &send(ACCOUNT, "Hello"));
    desk.forget();
    let location = "https://twitter.com/OneAll/status/910891858989060091";
    let published =
        Outcome::Published { id: Some("910891858989060096".into()), location: Some(location.into()) };
    world.channel.then(Turn::ends(published));
    world.deliver();
    let note = desk.note();
    assert_eq!(
        (&note["notificationType"], &note["referenceId"]),
        (&json!("StatusChange"), &json!(reference_id))
    );
    let user_data = &resource(&note)["userData"];
    assert_eq!(resource(&note)["state"], "Completed");
    assert_eq!(
        (&user_data["_deliveryPostId"], &user_data["_deliveryPostLocation"]),
        (&json!("910891858989060096"), &json!(location))
    );
}

#[test]
fn ids_have_16_digits_and_upper_case_letters_and_never_come_twice() {
    let engine = Engine::open(&support::config()).unwrap();
    engine.add_channel(std::sync::Arc::new(support::Scripted::new(vec![support::twitter()]))).unwrap();
    let desk = Desk::of(engine.agent("a1", &[API_MULTIMEDIA]).unwrap());
    let ids: BTreeSet<_> = (0..2_000).map(|_| desk.draft()).collect();
    assert_eq!(ids.len(), 2_000);
    for id in ids {
        assert!(
            id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()),
            "{id}"
        );
    }
}

#[test]
fn only_accounts_that_can_retweet_offer_it() {
    let world = World::new();
    let desk = world.desk("a1");
    let own = ["Retweet", "MarkFavorite", "RemoveFavorite"];
    for (media_account, is_able) in [("1258948171", true), ("77", false)] {
        let user_data = json!({"_umsMediaAccount": media_account, "_twitterMsgId": "1"});
        let id = world.receive(&with(tweet(), "userData", user_data));
        world.engine.offer(&id, "a1").unwrap();
        desk.does(&id, &accept());
        desk.forget();
        let listed = desk.sees(&id)["capabilities"].clone();
        let expected: Vec<_> = IN9.into_iter().chain(own.into_iter().filter(|_| is_able)).collect();
        assert_eq!(listed, json!(expected), "{media_account}");
        for operation in own {
            assert_eq!(desk.agent.can("twitter", Some(&id), operation).unwrap(), is_able);
            let body = json!({"operationName": operation});
            if is_able {
                desk.does(&id, &body);
            } else {
                let (code, message) = desk.refused(&id, &body);
                assert_eq!(code, 3);
                assert!(message.contains(operation) && message.contains("Reply"), "{message}");
            }
        }
    }
    world.deliver();
    assert!(world.channel.jobs().iter().all(|job| job["account"] == ACCOUNT));
}

#[test]
fn the_collections_of_a_channel_are_known_by_all_their_names() {
    let world = World::new();
    let channel = |segment: &str| world.engine.channel_of_collection(segment);
    assert_eq!(channel("tweets").as_deref(), Some("twitter"));
    assert_eq!(channel("twitter").as_deref(), Some("twitter"), "the older alias");
    assert_eq!(channel("facebook").as_deref(), Some("facebook"));
    assert_eq!(channel("tweet"), None);
}

#[test]
fn a_channel_is_run_by_a_plugin_or_by_the_host_never_both() {
    let world = World::host_run();
    assert!(matches!(world.engine.add_channel(world.channel.clone()), Err(Error::ChannelTaken(_))));
    let world = World::new();
    assert!(matches!(world.engine.add_channel(world.channel.clone()), Err(Error::ChannelTaken(_))));
    let error = world.engine.delivery_next("twitter", std::time::Duration::ZERO).unwrap_err();
    assert!(matches!(error, Error::Conflict(_)));
}

#[test]
fn unknown_members_of_a_configuration_are_an_error_that_names_them() {
    for (text, word) in [
        (r#"{"nmae": "x"}"#, "nmae"),
        (r#"{"limits": {"body_bites": 1}}"#, "body_bites"),
        (r#"{"store": {"kind": "paper"}}"#, "paper"),
        (r#"{"queues": ["/rooms/1"]}"#, "queues[0]"),
        (r#"{"manifests": [{"channel": "x"}]}"#, "manifests[0]"),
        ("{", "JSON"),
    ] {
        let message = strowger::Config::parse(text).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
    assert_eq!(config().name, "esv_smsrv_vit");
}
