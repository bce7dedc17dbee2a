//! Whether a token may make a request, and which entry of its list decides that.

use std::collections::BTreeSet;

use super::Rights;
use super::grant::{Grant, Ids, TopicGrant, has_items};
use super::method::Method;
use super::reach::Reach;
use super::request::{Request, Selector, Target};
use super::topic;
use super::words::{ids_words, methods_words, ordinal};

/// Whether a request is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is allowed, with everything that it names.
    Allowed,
    /// It is allowed for some of what it names, but not for the rest.
    InPart,
    /// It depends on something that rights do not show, such as whether an item is in a group.
    Depends,
    /// It is not.
    Denied,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub verdict: Verdict,
    /// The entry of the access list, from zero, that allows it or that comes nearest to it; none if no entry has to do
    /// with it.
    pub entry: Option<usize>,
    /// Why, as a sentence without its full stop.
    pub words: String,
    /// Further conditions of an allowed request.
    pub conditions: Vec<String>,
}

impl Decision {
    /// Whether the whole request is allowed for sure.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.verdict == Verdict::Allowed
    }

    fn new(verdict: Verdict, entry: Option<usize>, words: impl Into<String>) -> Self {
        Self { verdict, entry, words: words.into(), conditions: Vec::new() }
    }

    fn denied(words: impl Into<String>) -> Self {
        Self::new(Verdict::Denied, None, words)
    }
}

/// Decides about `request`.
#[must_use]
pub fn decide(rights: &Rights, request: &Request) -> Decision {
    let Rights { reach, bounds, enabled } = rights;
    if !enabled {
        return Decision::denied("the token is disabled");
    }
    if let Some(refusal) = bounds.refusal(&request.circumstances) {
        return Decision::denied(refusal);
    }
    let mut decision = match &request.target {
        Target::Rest { module, .. } if matches!(module.as_str(), "platform" | "auth") => {
            of_platform(reach, &request.target)
        }
        Target::Rest { method, module, item_type, selector, submodule } => {
            let asked = Asked {
                method: *method,
                module,
                item_type: item_type.as_deref(),
                selector: selector.as_ref(),
                submodule: submodule.as_deref(),
                in_groups: request.circumstances.in_groups,
            };
            of_rest(reach, &asked)
        }
        Target::Publish(topic) => of_publish(reach, topic),
        Target::Subscribe(filter) => of_subscribe(reach, filter, request.circumstances.in_groups),
    };
    if decision.verdict != Verdict::Denied {
        decision.conditions = bounds.conditions(&request.circumstances);
    }
    decision
}

/// What belongs to the platform API is for master tokens, except that every token may ask who it is.
fn of_platform(reach: &Reach, target: &Target) -> Decision {
    let is_harmless = matches!(target, Target::Rest { method: Method::Get, module, item_type, .. }
        if module == "auth" && matches!(item_type.as_deref(), Some("info" | "regions")));
    match reach {
        Reach::Master => Decision::new(
            Verdict::Allowed,
            None,
            "it is a master token, which has access to \
                                                                everything",
        ),
        Reach::Nothing => Decision::denied("it is a token without access to the API"),
        _ if is_harmless => Decision::new(Verdict::Allowed, None, "every token may ask this"),
        Reach::Standard => Decision::denied("only a master token reaches the platform API"),
        Reach::Listed { .. } => Decision::denied(
            "only a master token reaches the platform API, and no access list can grant it",
        ),
    }
}

/// A REST request, taken apart.
struct Asked<'a> {
    method: Method,
    module: &'a str,
    item_type: Option<&'a str>,
    selector: Option<&'a Selector>,
    submodule: Option<&'a str>,
    in_groups: Option<bool>,
}

fn of_rest(reach: &Reach, asked: &Asked<'_>) -> Decision {
    match reach {
        Reach::Master | Reach::Standard => {
            Decision::new(Verdict::Allowed, None, format!("it is {}", reach.words()))
        }
        Reach::Nothing => Decision::denied("it is a token without access to the API"),
        Reach::Listed { grants, .. } => of_grants(grants, asked),
    }
}

fn of_grants(grants: &[Grant], asked: &Asked<'_>) -> Decision {
    let about: Vec<&Grant> =
        grants.iter().filter(|grant| grant.is_about(asked.module, asked.item_type)).collect();
    let methods = |grant: &&&Grant| {
        grant.methods_in(asked.submodule).is_some_and(|methods| methods.contains(&asked.method))
    };
    let granting: Vec<&Grant> = about.iter().filter(methods).copied().collect();
    if let Some(grant) = granting.iter().find(|grant| grant.ids == Ids::All) {
        return allowed_by(grant, asked);
    }
    let Some(first) = granting.first() else {
        return nearest(&about, asked);
    };
    let entry = Some(first.entry);
    match asked.selector {
        None => Decision::new(
            Verdict::Denied,
            entry,
            format!(
                "{} is for single items, and what is created has no id yet",
                ordinal(first.entry)
            ),
        ),
        Some(Selector::Ids(wanted)) => of_ids(&granting, wanted, asked),
        Some(Selector::Where(_)) if asked.in_groups == Some(true) => {
            match granting.iter().find(|grant| grant.ids == Ids::InGroups) {
                Some(grant) => allowed_by(grant, asked),
                None => selected(&granting).unwrap_or_else(|| in_part(&granting)),
            }
        }
        Some(Selector::Where(_)) => selected(&granting).unwrap_or_else(|| in_part(&granting)),
        // No selection is as good as all items, those to come included.
        Some(Selector::All) if granting.iter().all(|grant| grant.ids == Ids::Selected) => {
            selected(&granting).unwrap_or_else(|| in_part(&granting))
        }
        Some(Selector::All) => in_part(&granting),
    }
}

/// What an entry comes to whose items a manifest selects by what they are called; none if there is no such entry.
fn selected(granting: &[&Grant]) -> Option<Decision> {
    let grant = granting.iter().find(|grant| grant.ids == Ids::Selected)?;
    let words = format!(
        "{} allows it for the items that its selection matches; which these are only the platform knows",
        ordinal(grant.entry)
    );
    Some(Decision::new(Verdict::Depends, Some(grant.entry), words))
}

/// Ids are covered by all entries together.
fn of_ids(granting: &[&Grant], wanted: &BTreeSet<i64>, asked: &Asked<'_>) -> Decision {
    let by_group = granting.iter().find(|grant| grant.ids == Ids::InGroups);
    if let (Some(grant), Some(true)) = (by_group, asked.in_groups) {
        return allowed_by(grant, asked);
    }
    let mut left = wanted.clone();
    let mut decisive = None;
    for grant in granting {
        if let Ids::These(ids) = &grant.ids {
            let before = left.len();
            left.retain(|id| !ids.contains(id));
            if left.len() < before {
                decisive = decisive.or(Some(*grant));
            }
        }
    }
    if let Some(decision) = selected(granting).filter(|_| !left.is_empty()) {
        return decision;
    }
    match (decisive, by_group) {
        (Some(grant), _) if left.is_empty() => allowed_by(grant, asked),
        (_, Some(grant)) if asked.in_groups.is_none() => Decision::new(
            Verdict::Depends,
            Some(grant.entry),
            format!(
                "{} allows it for items in groups; whether {} in one is not known here",
                ordinal(grant.entry),
                is_or_are(&left)
            ),
        ),
        (Some(grant), _) => Decision::new(
            Verdict::InPart,
            Some(grant.entry),
            format!("no entry allows it for {}", ids_words(&left)),
        ),
        (None, _) => {
            let first = granting.first().map(|grant| grant.entry);
            let these: BTreeSet<i64> = granting
                .iter()
                .filter_map(|grant| match &grant.ids {
                    Ids::These(ids) => Some(ids),
                    Ids::All | Ids::InGroups | Ids::Selected => None,
                })
                .flatten()
                .copied()
                .collect();
            let words = match (by_group.is_some(), these.is_empty()) {
                (true, true) => "it is allowed for items in groups only".to_owned(),
                (true, false) => {
                    format!("it is allowed for items in groups and for {} only", ids_words(&these))
                }
                (false, true) => "the entry that would allow it names no items".to_owned(),
                (false, false) => format!("it is allowed for {} only", ids_words(&these)),
            };
            Decision::new(Verdict::Denied, first, words)
        }
    }
}

fn is_or_are(ids: &BTreeSet<i64>) -> String {
    let verb = if ids.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", ids_words(ids))
}

fn in_part(granting: &[&Grant]) -> Decision {
    let mut ids = BTreeSet::new();
    let mut groups = false;
    for grant in granting {
        match &grant.ids {
            Ids::These(these) => ids.extend(these.iter().copied()),
            Ids::InGroups | Ids::All => groups = true,
            Ids::Selected => {}
        }
    }
    let entry = granting.first().map(|grant| grant.entry);
    let whom = match (groups, ids.is_empty()) {
        (true, true) => "items in groups".to_owned(),
        (true, false) => format!("items in groups and {}", ids_words(&ids)),
        (false, false) => ids_words(&ids),
        (false, true) => {
            return Decision::new(
                Verdict::Denied,
                entry,
                "the entry that would allow it names no items",
            );
        }
    };
    Decision::new(Verdict::InPart, entry, format!("it is allowed for {whom} only"))
}

fn allowed_by(grant: &Grant, asked: &Asked<'_>) -> Decision {
    let what = match asked.submodule {
        Some(submodule) if has_items(asked.module) => {
            format!("{} in {} of {}", asked.method, submodule, grant.uri())
        }
        _ => format!("{} on {}", asked.method, grant.uri()),
    };
    Decision::new(
        Verdict::Allowed,
        Some(grant.entry),
        format!("{} allows {what}", ordinal(grant.entry)),
    )
}

/// The entry that lacks least: most telling is one about the items that has other methods.
fn nearest(about: &[&Grant], asked: &Asked<'_>) -> Decision {
    let listing = about.iter().find(|grant| grant.methods_in(asked.submodule).is_some());
    let uri = match asked.item_type {
        Some(item_type) if has_items(asked.module) => format!("{}/{item_type}", asked.module),
        _ => asked.module.to_owned(),
    };
    match (listing.or(about.first()), asked.submodule) {
        (None, _) => Decision::denied(format!("no entry is about {uri}")),
        (Some(grant), submodule) => {
            let entry = ordinal(grant.entry);
            let words = match (grant.methods_in(submodule), submodule) {
                (Some(methods), Some(submodule)) => {
                    format!("{entry} allows {} in {submodule}", methods_words(methods))
                }
                (Some(methods), None) => {
                    format!("{entry} allows {} on {}", methods_words(methods), grant.uri())
                }
                (None, Some(submodule)) => {
                    format!("{entry} lists the submodules that it allows, without {submodule}")
                }
                // Without a submodule there are always the entry's own methods.
                (None, None) => format!("{entry} does not allow it"),
            };
            Decision::new(Verdict::Denied, Some(grant.entry), words)
        }
    }
}

fn of_publish(reach: &Reach, text: &str) -> Decision {
    let filter = topic::topic(text).unwrap_or_default();
    if topic::is_platform(&filter) {
        return Decision::denied("whatever is published below `flespi/` is discarded");
    }
    of_topic(reach, &filter, |grant| grant.publish, "publish")
}

fn of_subscribe(reach: &Reach, text: &str, in_groups: Option<bool>) -> Decision {
    let filter = topic::filter(topic::without_prefixes(text)).unwrap_or_default();
    if topic::is_platform(&filter) {
        return of_platform_topic(reach, &filter, in_groups);
    }
    of_topic(reach, &filter, |grant| grant.subscribe, "subscribe")
}

fn of_topic(
    reach: &Reach,
    filter: &topic::Filter,
    may: impl Fn(&TopicGrant) -> bool,
    action: &str,
) -> Decision {
    let topics = match reach {
        Reach::Master | Reach::Standard => {
            return Decision::new(Verdict::Allowed, None, format!("it is {}", reach.words()));
        }
        Reach::Nothing => return Decision::denied("it is a token without access to the API"),
        Reach::Listed { topics, .. } => topics,
    };
    let granting: Vec<&TopicGrant> = topics.iter().filter(|grant| may(grant)).collect();
    let covers = |grant: &&&TopicGrant| topic::covered(filter, std::slice::from_ref(&grant.filter));
    let words = |grant: &TopicGrant| {
        format!("{} allows to {action} on `{}`", ordinal(grant.entry), grant.text)
    };
    if let Some(grant) = granting.iter().find(covers) {
        return Decision::new(Verdict::Allowed, Some(grant.entry), words(grant));
    }
    let touching = granting.iter().find(|grant| topic::meet(filter, &grant.filter));
    if let Some(grant) = touching {
        let all: Vec<_> = granting.iter().map(|grant| grant.filter.clone()).collect();
        return match topic::covered(filter, &all) {
            true => Decision::new(
                Verdict::Allowed,
                Some(grant.entry),
                "several entries allow it together",
            ),
            false => Decision::new(
                Verdict::InPart,
                Some(grant.entry),
                format!("{}, and that is not all of it", words(grant)),
            ),
        };
    }
    match topics.iter().find(|grant| topic::covered(filter, std::slice::from_ref(&grant.filter))) {
        Some(grant) => Decision::new(
            Verdict::Denied,
            Some(grant.entry),
            format!("{} is about the topic, but does not allow to {action}", ordinal(grant.entry)),
        ),
        None => Decision::denied(format!("no entry allows to {action} on the topic")),
    }
}

/// Topics below `flespi/`. Messages come to who may read them by REST; of the others no article tells.
fn of_platform_topic(reach: &Reach, filter: &topic::Filter, in_groups: Option<bool>) -> Decision {
    use super::pattern::Piece;
    let level = |index: usize| match filter.get(index) {
        Some(Piece::Exactly(level)) => Some(level.as_str()),
        _ => None,
    };
    match reach {
        Reach::Master => Decision::new(Verdict::Allowed, None, "it is a master token"),
        Reach::Standard if level(2) == Some("platform") => {
            Decision::denied("only master tokens receive the events of the platform")
        }
        Reach::Standard => Decision::new(Verdict::Allowed, None, "it is a standard token"),
        Reach::Nothing => Decision::denied("it is a token without access to the API"),
        Reach::Listed { grants, .. } => match (level(1), level(2), level(3)) {
            (Some("message"), Some(module), Some(item_type)) if has_items(module) => {
                let selector = match level(4).and_then(|id| id.parse().ok()) {
                    Some(id) => Selector::Ids([id].into()),
                    None => Selector::All,
                };
                let asked = Asked {
                    method: Method::Get,
                    module,
                    item_type: Some(item_type),
                    selector: Some(&selector),
                    submodule: Some("messages"),
                    in_groups,
                };
                of_grants(grants, &asked)
            }
            (_, Some(module), Some(item_type)) if has_items(module) => {
                let about = grants.iter().find(|grant| grant.is_about(module, Some(item_type)));
                match about {
                    Some(grant) => Decision::new(
                        Verdict::Depends,
                        Some(grant.entry),
                        format!(
                            "{} is documented to open messages by MQTT; other topics below `flespi/` are not \
                             documented",
                            grant.uri()
                        ),
                    ),
                    None => Decision::denied(format!("no entry is about {module}/{item_type}")),
                }
            }
            _ => Decision::denied("no access list can grant topics below `flespi/`"),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked(entries: &Value, request: &str) -> Decision {
        let access = json!({"type": 2, "acl": entries});
        let rights = Rights::of(|field| (field == "access").then_some(&access));
        decide(&rights, &request.parse().unwrap())
    }

    #[test]
    fn what_depends_on_a_selection_is_neither_allowed_nor_denied() {
        let select = json!({"select": {"name": "truck-*"}});
        let selected = json!({"uri": "gw/devices", "methods": ["GET"], "ids": select});
        let listed = json!({"uri": "gw/devices", "methods": ["GET"], "ids": [7]});
        let all = json!({"uri": "gw/devices", "methods": ["GET"]});
        let grouped = json!({"uri": "gw/devices", "methods": ["GET"], "ids": "in-groups"});
        for (entries, request, verdict) in [
            (json!([selected]), "GET gw/devices/5", Verdict::Depends),
            (json!([selected]), "GET gw/devices/5/messages", Verdict::Depends),
            (json!([selected]), "GET gw/devices/all", Verdict::Depends),
            (json!([selected]), "GET gw/devices/name=a", Verdict::Depends),
            (json!([selected]), "subscribe flespi/message/gw/devices/5/#", Verdict::Depends),
            (json!([selected]), "PUT gw/devices/5", Verdict::Denied),
            (json!([selected]), "GET gw/channels/5", Verdict::Denied),
            (json!([selected, listed]), "GET gw/devices/7", Verdict::Allowed),
            (json!([selected, listed]), "GET gw/devices/7,5", Verdict::Depends),
            (json!([selected, listed]), "GET gw/devices/all", Verdict::InPart),
            (json!([selected, grouped]), "GET gw/devices/5", Verdict::Depends),
            (json!([selected, all]), "GET gw/devices/5", Verdict::Allowed),
        ] {
            let decision = asked(&entries, request);
            assert_eq!(decision.verdict, verdict, "{request} of {entries}: {}", decision.words);
        }
        assert_eq!(asked(&json!([selected]), "POST gw/devices").verdict, Verdict::Denied);
    }
}
