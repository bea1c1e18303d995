//! Clients: each shown record names in its address the call that wrote it.

use std::collections::{HashMap, HashSet};

use super::super::history::{Call, Client, ClientState, History, Op, folded};
use super::versions::micros;
use super::{Kind, Violations, describe, violation};

pub(super) fn check(history: &History, found: &mut Violations) {
    let calls = history.by_actor();
    let mut shown: HashMap<&str, Vec<&Client>> = HashMap::new();
    for client in history.calls.iter().flat_map(Call::clients).chain(&history.end.clients) {
        shown.entry(&client.id).or_default().push(client);
    }
    let mut refused = HashSet::new();
    for client in shown.values().flatten() {
        let writer = calls.get(&client.state.address).copied();
        if !writer.is_some_and(|call| can_have_written(call, client)) && refused.insert(&client.state.address) {
            let kind = if writer.is_some_and(|call| !call.may_be_made()) {
                Kind::RefusedWriteMade
            } else {
                Kind::UnexplainedEvent
            };
            let what = format!("{client:?} by {}", writer.map_or_else(|| "nobody".to_owned(), describe));
            found.push(violation(kind, what));
        }
    }
    let mut writes: HashMap<&str, Vec<&Call>> = HashMap::new();
    for call in history.calls.iter().filter(|call| call.may_be_made()) {
        match (&call.op, call.clients()) {
            (Op::CreateClient { .. }, [client]) => writes.entry(&client.id).or_default().push(call),
            (Op::EditClient { id, .. } | Op::DeleteClient { id, .. }, _) => writes.entry(id).or_default().push(call),
            _ => {}
        }
    }
    let ends: HashMap<&str, &Client> = history.end.clients.iter().map(|client| (client.id.as_str(), client)).collect();
    for (id, writes) in &writes {
        survives(id, writes, ends.get(id).copied(), found);
        no_update_is_lost(writes, shown.get(id).map_or(&[], Vec::as_slice), found);
    }
    let mut addresses = HashMap::new();
    for client in &history.end.clients {
        if let Some(other) = addresses.insert(folded(&client.state.email), &client.id) {
            let what = format!("the clients {other} and {} both have {}", client.id, client.state.email);
            found.push(violation(Kind::Duplicate, what));
        }
    }
}

fn can_have_written(call: &Call, client: &Client) -> bool {
    let (ours, email) = match &call.op {
        Op::CreateClient { client: asked } => {
            (call.clients().first().is_none_or(|own| own.id == client.id), Some(&asked.email))
        }
        Op::EditClient { id, change, .. } => (*id == client.id, change.email.as_ref()),
        _ => return false,
    };
    call.may_be_made() && ours && email.is_none_or(|email| *email == client.state.email)
}

/// What was acknowledged is there at the end, in that version or a later one.
fn survives(id: &str, writes: &[&Call], end: Option<&Client>, found: &mut Violations) {
    let deletions = || writes.iter().filter(|call| matches!(call.op, Op::DeleteClient { .. }));
    let done: Vec<&&Call> = writes.iter().filter(|call| call.is_done()).collect();
    match end {
        None if deletions().count() == 0 => {
            if let Some(call) = done.last() {
                found.push(violation(Kind::LostWrite, format!("the client {id} is gone: {}", describe(call))));
            }
        }
        None => {}
        Some(end) => {
            for deletion in deletions().filter(|call| call.is_done()) {
                found.push(violation(Kind::LostWrite, format!("the client {id} is there: {}", describe(deletion))));
            }
            let newer = done.iter().find(|call| {
                call.clients().first().is_some_and(|client| micros(&client.updated_at) > micros(&end.updated_at))
            });
            if let Some(call) = newer {
                found.push(violation(Kind::LostWrite, format!("{end:?} is older than {}", describe(call))));
            }
        }
    }
}

/// Each acknowledged edit builds on the version before it, and with `If-Match` on the one that it names.
fn no_update_is_lost(writes: &[&Call], shown: &[&Client], found: &mut Violations) {
    let mut done: Vec<(&Call, &Client)> =
        writes.iter().filter(|call| call.is_done()).filter_map(|call| Some((*call, call.clients().first()?))).collect();
    done.sort_by_key(|(_, client)| micros(&client.updated_at));
    // What a call may have written that was never answered.
    let unknown: Vec<&Call> = writes.iter().filter(|call| !call.is_done()).copied().collect();
    for (at, (call, client)) in done.iter().enumerate() {
        let Op::EditClient { change, if_match, .. } = &call.op else { continue };
        let previous = at.checked_sub(1).map(|at| done[at]);
        let base = if_match.as_ref().and_then(|etag| shown.iter().find(|one| one.etag.as_ref() == Some(etag)));
        if let (Some(base), Some((other, before))) = (base, previous)
            && micros(&before.updated_at) > micros(&base.updated_at)
        {
            let what = format!("{} was made although {} came before it", describe(call), describe(other));
            found.push(violation(Kind::LostUpdate, what));
            continue;
        }
        let Some(before) = base.copied().or(previous.map(|(_, before)| before)) else { continue };
        let kept = |part: fn(&ClientState) -> &String, given: fn(&Op) -> Option<&String>| {
            let now = part(&client.state);
            given(&call.op).map_or_else(
                || {
                    let by_unknown = base.is_none() && unknown.iter().any(|call| given(&call.op) == Some(now));
                    now == part(&before.state) || by_unknown
                },
                |given| now == given,
            )
        };
        let name = kept(|client| &client.name, given_name);
        let email = kept(|client| &client.email, given_email);
        if !(name && email && client.state.address == change.address) {
            let what = format!("{} shows {client:?}, after {before:?}", describe(call));
            found.push(violation(Kind::LostUpdate, what));
        }
    }
}

fn given_name(op: &Op) -> Option<&String> {
    match op {
        Op::EditClient { change, .. } => change.name.as_ref(),
        _ => None,
    }
}

fn given_email(op: &Op) -> Option<&String> {
    match op {
        Op::EditClient { change, .. } => change.email.as_ref(),
        _ => None,
    }
}
