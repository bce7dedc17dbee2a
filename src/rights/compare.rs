//! Which of two tokens can do more.
//!
//! ```text
//! REST    module × item type × part of the item × method ──► which items     cells of a grid, each a set
//! MQTT    publish, subscribe ──► a union of topic filters                    languages, by `pattern`
//! bounds  addresses, origins, time to live, expiry, enabled                  each of its own order
//! ```
//!
//! One token is narrower than another if it is in each of these. The grid only has the names that one of the two lists
//! names, and one more of each sort for all the others, so that the comparison is exact without knowing what the platform
//! has. Items in groups are a set that nobody here knows: it lies within all items, and contains none of the numbered ones
//! for sure. What every token may do, such as ask `auth/info` who it is, counts as no right.

use std::collections::{BTreeMap, BTreeSet};

use super::Rights;
use super::grant::{Ids, Submodules, has_items};
use super::method::Method;
use super::pattern::Pattern;
use super::reach::Reach;
use super::topic;
use super::words::{and, ids_words, methods_words};

/// How the rights of one token stand to those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// Both can do the same.
    Equal,
    /// The first can do less.
    Narrower,
    /// The first can do more.
    Wider,
    /// Each can do something that the other cannot.
    Incomparable,
}

/// How the rights of one token stand to those of another, with the difference in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// How the first stands to the second.
    pub relation: Relation,
    /// What the first can do and the second cannot: `gains DELETE on gw/devices`, `loses its IP bound (10.*)`.
    pub gained: Vec<String>,
    /// What the second can do and the first cannot.
    pub lost: Vec<String>,
}

/// How `a` stands to `b`.
#[must_use]
pub fn compare(a: &Rights, b: &Rights) -> Comparison {
    let mut gained = Vec::new();
    let mut lost = Vec::new();
    match (a.reach == Reach::Master, b.reach == Reach::Master) {
        (true, false) => {
            gained.push("gains the platform API: it becomes a master token".to_owned())
        }
        (false, true) => {
            lost.push("loses the platform API: it is no longer a master token".to_owned())
        }
        _ => {}
    }
    match (is_broad(&a.reach), is_broad(&b.reach)) {
        (true, true) => {}
        (true, false) => gained.push("gains everything outside the platform API".to_owned()),
        (false, true) => lost.push(match &a.reach {
            Reach::Nothing => "loses everything".to_owned(),
            _ => "loses everything outside the platform API that its list does not name".to_owned(),
        }),
        (false, false) => {
            let grid = Grid::of(&a.reach, &b.reach);
            gained.extend(
                grid.surplus(&a.reach, &b.reach).into_iter().map(|it| format!("gains {it}")),
            );
            lost.extend(
                grid.surplus(&b.reach, &a.reach).into_iter().map(|it| format!("loses {it}")),
            );
            for action in [Messages::Publish, Messages::Subscribe] {
                let (of_a, of_b) = (filters(&a.reach, action), filters(&b.reach, action));
                gained.extend(
                    surplus_topics(&of_a, &of_b).map(|it| format!("gains {} {it}", action.words())),
                );
                lost.extend(
                    surplus_topics(&of_b, &of_a).map(|it| format!("loses {} {it}", action.words())),
                );
            }
        }
    }
    // A token that can do nothing is the same token wherever and however long it can do it.
    if !(is_idle(&a.reach) || is_idle(&b.reach)) {
        let (more, less) = a.bounds.against(&b.bounds);
        gained.extend(more);
        lost.extend(less);
        match (a.enabled, b.enabled) {
            (true, false) => gained.push("can be used again: it is no longer disabled".to_owned()),
            (false, true) => lost.push("cannot be used while it is disabled".to_owned()),
            _ => {}
        }
    }
    let relation = match (gained.is_empty(), lost.is_empty()) {
        (true, true) => Relation::Equal,
        (true, false) => Relation::Narrower,
        (false, true) => Relation::Wider,
        (false, false) => Relation::Incomparable,
    };
    Comparison { relation, gained, lost }
}

fn is_broad(reach: &Reach) -> bool {
    matches!(reach, Reach::Master | Reach::Standard)
}

/// Whether no request at all is allowed.
fn is_idle(reach: &Reach) -> bool {
    match reach {
        Reach::Master | Reach::Standard => false,
        Reach::Nothing => true,
        Reach::Listed { topics, .. } => {
            let empty = Reach::Nothing;
            Grid::of(reach, &empty).surplus(reach, &empty).is_empty()
                && !topics.iter().any(|topic| topic.publish || topic.subscribe)
        }
    }
}

#[derive(Clone, Copy)]
enum Messages {
    Publish,
    Subscribe,
}

impl Messages {
    fn words(self) -> &'static str {
        match self {
            Self::Publish => "publishing on",
            Self::Subscribe => "subscribing to",
        }
    }
}

fn filters(reach: &Reach, action: Messages) -> BTreeMap<String, Pattern<String>> {
    let granting = reach.topics().iter().filter(|grant| match action {
        Messages::Publish => grant.publish,
        Messages::Subscribe => grant.subscribe,
    });
    granting.map(|grant| (grant.text.clone(), grant.filter.clone())).collect()
}

fn surplus_topics(
    of: &BTreeMap<String, Pattern<String>>,
    over: &BTreeMap<String, Pattern<String>>,
) -> impl Iterator<Item = String> {
    super::pattern::uncovered(of, over, topic::is_reserved)
        .into_iter()
        .map(|text| format!("`{text}`"))
}

/// A part of an item's API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// The item itself.
    Own,
    /// What is inside it, under this name.
    Sub(String),
    /// What is inside it, under names that neither list names.
    OtherSubs,
}

/// A set of items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Items {
    all: bool,
    in_groups: bool,
    these: BTreeSet<i64>,
}

impl Items {
    fn add(&mut self, ids: &Ids) {
        match ids {
            // What may be any item is feared to be all.
            Ids::All | Ids::Selected => self.all = true,
            Ids::InGroups => self.in_groups = true,
            Ids::These(ids) => self.these.extend(ids.iter().copied()),
        }
    }

    /// Words for what is in here and not in `other`, to stand behind the name of the items; none if there is nothing.
    fn surplus(&self, other: &Self) -> Option<String> {
        if other.all {
            return None;
        }
        if self.all {
            return Some(match (other.in_groups, other.these.is_empty()) {
                (false, true) => String::new(),
                (true, true) => " that are in no group".to_owned(),
                (false, false) => format!(" other than {}", ids_words(&other.these)),
                (true, false) => {
                    format!(" other than {} and those in groups", ids_words(&other.these))
                }
            });
        }
        let in_groups = self.in_groups && !other.in_groups;
        let these: BTreeSet<i64> = self.these.difference(&other.these).copied().collect();
        match (in_groups, these.is_empty()) {
            (false, true) => None,
            (true, true) => Some(" in groups".to_owned()),
            (false, false) => Some(format!(" {}", ids_words(&these))),
            (true, false) => Some(format!(" {} and those in groups", ids_words(&these))),
        }
    }
}

/// What is said of one part of an item: methods by the items they are for.
type Said = BTreeMap<String, Vec<Method>>;

/// What is said of the parts of one item type; no type means all types that neither list names.
type Row<'a> = (Option<&'a str>, BTreeMap<Part, Said>);

/// The names that two lists name.
struct Grid {
    /// By module and item type, the submodules; no type means all types that neither list names.
    rows: BTreeMap<(String, Option<String>), BTreeSet<String>>,
}

impl Grid {
    fn of(a: &Reach, b: &Reach) -> Self {
        let mut rows: BTreeMap<(String, Option<String>), BTreeSet<String>> = BTreeMap::new();
        let grants = || a.grants().iter().chain(b.grants());
        for grant in grants() {
            rows.entry((grant.module.clone(), None)).or_default();
            rows.entry((grant.module.clone(), grant.item_type.clone())).or_default();
        }
        for grant in grants() {
            let Submodules::Named(named) = &grant.submodules else { continue };
            for ((module, item_type), names) in &mut rows {
                if grant.is_about(module, item_type.as_deref()) {
                    names.extend(named.keys().cloned());
                }
            }
        }
        Self { rows }
    }

    /// What `of` grants and `over` does not, in words.
    fn surplus(&self, of: &Reach, over: &Reach) -> Vec<String> {
        let mut by_module: BTreeMap<&str, Vec<Row<'_>>> = BTreeMap::new();
        for ((module, item_type), names) in &self.rows {
            let mut parts = vec![Part::Own];
            if has_items(module) {
                parts.extend(names.iter().cloned().map(Part::Sub));
                parts.push(Part::OtherSubs);
            }
            let item_type = item_type.as_deref();
            let said = |part: &Part| said(of, over, module, item_type, part);
            let parts = parts.into_iter().map(|part| (part.clone(), said(&part))).collect();
            by_module.entry(module).or_default().push((item_type, parts));
        }
        by_module.into_iter().flat_map(|(module, rows)| module_words(module, &rows)).collect()
    }
}

fn said(of: &Reach, over: &Reach, module: &str, item_type: Option<&str>, part: &Part) -> Said {
    let mut said = Said::new();
    for method in Method::ALL {
        let items = |reach| items(reach, module, item_type, part, method);
        if let Some(words) = items(of).surplus(&items(over)) {
            said.entry(words).or_default().push(method);
        }
    }
    said
}

/// The items on which `reach` grants `method` in one cell.
fn items(
    reach: &Reach,
    module: &str,
    item_type: Option<&str>,
    part: &Part,
    method: Method,
) -> Items {
    let mut items = Items::default();
    for grant in reach.grants().iter().filter(|grant| grant.is_about(module, item_type)) {
        let methods = match (part, &grant.submodules) {
            (Part::Own, _) | (_, Submodules::Every) => Some(&grant.methods),
            (Part::Sub(name), Submodules::Named(named)) => named.get(name),
            (Part::OtherSubs, Submodules::Named(_)) => None,
        };
        if methods.is_some_and(|methods| methods.contains(&method)) {
            items.add(&grant.ids);
        }
    }
    items
}

/// One line where a whole module has the same said of it, else line by line.
fn module_words(module: &str, rows: &[Row<'_>]) -> Vec<String> {
    let uniform = |said: &BTreeMap<Part, Said>| {
        let first = said.values().next()?.clone();
        said.values().all(|other| *other == first).then_some(first)
    };
    let first = rows.first().and_then(|(_, parts)| uniform(parts));
    if let Some(first) = first
        && rows.iter().all(|(_, parts)| uniform(parts).as_ref() == Some(&first))
    {
        let whole = match has_items(module) {
            true => format!("all of {module}"),
            false => format!("the REST API of {module}"),
        };
        return lines(&first, &whole);
    }
    let has_others = rows.len() > 1;
    let mut words = Vec::new();
    for (item_type, parts) in rows {
        let name = match item_type {
            Some(item_type) => format!("{module}/{item_type}"),
            None if has_others => format!("all other items of {module}"),
            None => format!("all items of {module}"),
        };
        match uniform(parts) {
            Some(said) if has_items(module) => words.extend(
                lines(&said, &name).into_iter().map(|line| format!("{line} with all submodules")),
            ),
            Some(said) => words.extend(lines(&said, &name)),
            None => words.extend(part_words(&name, parts)),
        }
    }
    words
}

/// The lines of one item type whose parts differ.
fn part_words(name: &str, parts: &BTreeMap<Part, Said>) -> Vec<String> {
    let mut words = parts.get(&Part::Own).map(|said| lines(said, name)).unwrap_or_default();
    let mut groups: Vec<(&Said, Vec<&Part>)> = Vec::new();
    for (part, said) in parts.iter().filter(|(part, said)| **part != Part::Own && !said.is_empty())
    {
        match groups.iter_mut().find(|(other, _)| *other == said) {
            Some((_, members)) => members.push(part),
            None => groups.push((said, vec![part])),
        }
    }
    let all: Vec<&Part> = parts.keys().filter(|part| **part != Part::Own).collect();
    for (said, members) in groups {
        let named = |parts: &[&Part]| -> Vec<String> {
            let names = parts.iter().filter_map(|part| match part {
                Part::Sub(name) => Some(name.clone()),
                Part::Own | Part::OtherSubs => None,
            });
            names.collect()
        };
        let which = match members.contains(&&Part::OtherSubs) {
            true if members.len() == all.len() => "all submodules".to_owned(),
            true => {
                let missing: Vec<&Part> =
                    all.iter().filter(|part| !members.contains(part)).copied().collect();
                format!("all submodules but {}", and(&named(&missing)))
            }
            false => and(&named(&members)),
        };
        words.extend(lines(said, &format!("{which} of {name}")));
    }
    words
}

fn lines(said: &Said, name: &str) -> Vec<String> {
    said.iter()
        .map(|(items, methods)| format!("{} on {name}{items}", methods_words(methods)))
        .collect()
}
