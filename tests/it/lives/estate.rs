//! Random accounts with limits, tokens and log-ins, and random edits of them, as commits have them.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::land::PASSWORDS;
use super::portal::{Portal, Share, User};

#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    /// Its name here, whatever it is called.
    id: u32,
    name: String,
    moved_from: Option<String>,
    /// Names of the limits that it holds, and their number of devices.
    limits: Vec<(Named, i64)>,
    tokens: Vec<Token>,
    hooks: Vec<Hook>,
    portals: Vec<Portal>,
    shares: Vec<Share>,
    /// The name of a limit of the account above.
    limit: Option<String>,
    /// Which password, if it has any.
    login: Option<u32>,
    tag: u32,
    protect: bool,
    children: Vec<Account>,
}

#[derive(Debug, Clone, Default)]
struct Named {
    name: String,
    moved_from: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Token {
    named: Named,
    tag: u32,
    delivers: bool,
    rotates: bool,
    /// What it opens: everything that a standard token does, or a list of access with as many entries.
    entries: usize,
    /// Whether it lapses after some days without use.
    lapses: bool,
}

#[derive(Debug, Clone, Default)]
struct Hook {
    named: Named,
    tag: u32,
    /// Which password its header holds, if it has that header.
    secret: Option<u32>,
}

/// An estate, and what its edits are drawn from.
#[derive(Debug)]
pub(super) struct Estate {
    random: StdRng,
    names: u32,
    /// Whether there are log-ins and secrets in it, whose slow hashes take most of the time of a life.
    has_secrets: bool,
    /// Whether nobody gives a key again: then a token whose key goes to a file of its name keeps that name.
    pub(super) is_silent: bool,
    pub(super) root: Account,
    /// What the stack is called.
    pub(super) stack: String,
    /// What it was called before.
    formerly: Vec<String>,
    /// The stack from which it took over all that it has, if it did.
    from_stack: Option<String>,
}

impl Estate {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let has_secrets = random.random_range(0..12) == 0;
        let mut estate = Self {
            random,
            names: 0,
            has_secrets,
            is_silent: false,
            root: Account::default(),
            stack: "default".to_owned(),
            formerly: Vec::new(),
            from_stack: None,
        };
        let mut root = Account::default();
        estate.fill(&mut root, 0);
        estate.root = root;
        estate
    }

    fn name(&mut self, letter: char) -> String {
        self.names += 1;
        format!("{letter}{}", self.names)
    }

    fn named(&mut self, letter: char) -> Named {
        Named { name: self.name(letter), moved_from: None }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    /// Puts limits, tokens and accounts into an account `depth` levels below ours.
    fn fill(&mut self, account: &mut Account, depth: u32) {
        for _ in 0..self.random.random_range(0..=2) {
            account.limits.push((self.named('l'), self.random.random_range(1..=3)));
        }
        for _ in 0..self.random.random_range(0..=2) {
            let token = self.token();
            account.tokens.push(token);
        }
        if self.chance(30) {
            let hook = self.hook();
            account.hooks.push(hook);
        }
        if depth == 3 {
            return;
        }
        let most = if depth == 0 { 3 } else { 2 };
        for _ in 0..self.random.random_range(0..=most) {
            let child = self.account(&account.limits, depth + 1);
            account.children.push(child);
        }
        if self.chance(20) {
            let portal = self.portal(account);
            account.portals.push(portal);
        }
        if self.chance(20) && !account.children.is_empty() {
            let share = self.share(account);
            account.shares.push(share);
        }
    }

    fn portal(&mut self, account: &Account) -> Portal {
        let mut portal = Portal { name: self.name('r'), hours: 1, ..Portal::default() };
        if !account.children.is_empty() && self.chance(50) {
            let child = self.random.random_range(0..account.children.len());
            portal.home = Some(account.children[child].id);
        }
        for _ in 0..self.random.random_range(0..=2) {
            let secret = (self.chance(60) && self.has_secrets).then_some(1);
            portal.users.push(User { name: self.name('u'), secret });
        }
        portal
    }

    fn share(&mut self, account: &Account) -> Share {
        let mut share = Share { name: self.name('g'), ..Share::default() };
        for child in &account.children {
            if self.chance(60) {
                share.to.insert(child.id);
            }
        }
        share
    }

    fn account(&mut self, limits: &[(Named, i64)], depth: u32) -> Account {
        let mut account = Account { name: self.name('s'), tag: 1, ..Account::default() };
        account.id = self.names;
        if !limits.is_empty() && self.chance(50) {
            account.limit = Some(limits[self.random.random_range(0..limits.len())].0.name.clone());
        }
        account.login = (self.chance(60) && self.has_secrets).then_some(1);
        self.fill(&mut account, depth);
        account
    }

    fn token(&mut self) -> Token {
        let delivers = self.chance(40);
        let rotates = delivers && self.chance(50);
        let entries = if self.chance(40) { self.random.random_range(1..=3) } else { 0 };
        let lapses = !rotates && self.chance(20);
        Token { named: self.named('t'), tag: 1, delivers, rotates, entries, lapses }
    }

    fn hook(&mut self) -> Hook {
        let secret = (self.chance(80) && self.has_secrets).then_some(1);
        Hook { named: self.named('h'), tag: 1, secret }
    }

    /// A random account, by the way that leads to it from the top; empty: our own.
    fn place(&mut self) -> Vec<usize> {
        let mut way = Vec::new();
        let mut here = self.root.clone();
        while !here.children.is_empty() && self.chance(70) {
            let next = self.random.random_range(0..here.children.len());
            way.push(next);
            here = here.children.swap_remove(next);
        }
        way
    }

    fn at(&mut self, way: &[usize]) -> &mut Account {
        way.iter().fold(&mut self.root, |account, &next| &mut account.children[next])
    }

    /// Some edits that follow from `seed`, as one commit has them; what was renamed says so. Whether they only move what
    /// there is from one stack to another.
    pub(super) fn edit(&mut self, seed: u64) -> bool {
        self.random = StdRng::seed_from_u64(seed);
        if self.chance(15) {
            self.move_to_another_stack();
            return true;
        }
        if self.chance(10) {
            self.rename_stack();
            if self.chance(50) {
                return true;
            }
        }
        let before = self.root.clone();
        if self.chance(60) {
            forget_renames(&mut self.root);
        }
        for _ in 0..self.random.random_range(1..=4) {
            let way = self.place();
            match self.random.random_range(0..17) {
                0..=3 => self.rename_account(&way, &before),
                4 => self.swap_accounts(&way, &before),
                5 => self.rename_something(&way, &before),
                6 => {
                    let depth = u32::try_from(way.len()).unwrap();
                    if depth < 3 {
                        let limits = self.at(&way).limits.clone();
                        let child = self.account(&limits, depth + 1);
                        self.at(&way).children.push(child);
                    }
                }
                // Protection outlives manifests, and is only taken off with one.
                7 => {
                    let was = |child: &mut Account| {
                        before.find(child.id).is_some_and(Account::is_protected)
                    };
                    let may_go = |child: &mut Account| !child.is_protected() && !was(child);
                    drop(self.at(&way).children.pop_if(may_go));
                }
                8 => {
                    let token = self.token();
                    let account = self.at(&way);
                    if account.tokens.pop().is_none() {
                        account.tokens.push(token);
                    }
                }
                9 => {
                    let account = self.at(&way);
                    account.login = account.login.map(|version| (version + 1).min(PASSWORDS - 1));
                    account.tag += 1;
                }
                10 => {
                    let account = self.at(&way);
                    account.limits.iter_mut().for_each(|(_, devices)| *devices += 1);
                    account.tokens.iter_mut().for_each(|token| token.tag += 1);
                    account.tag += 1;
                }
                11 => {
                    let hook = self.hook();
                    let account = self.at(&way);
                    match account.hooks.last_mut() {
                        Some(hook) if hook.secret.is_some() => {
                            hook.secret =
                                hook.secret.map(|version| (version + 1).min(PASSWORDS - 1));
                            hook.tag += 1;
                        }
                        Some(_) => drop(account.hooks.pop()),
                        None => account.hooks.push(hook),
                    }
                }
                12 => {
                    let entries = self.random.random_range(0..=3);
                    if let Some(token) = self.at(&way).tokens.last_mut() {
                        token.entries = entries;
                    }
                }
                13 => {
                    let here = self.at(&way).clone();
                    let portal = self.portal(&here);
                    let account = self.at(&way);
                    match account.portals.last_mut() {
                        Some(portal) if portal.hours > 2 => drop(account.portals.pop()),
                        Some(portal) => {
                            portal.hours += 1;
                            let users = portal.users.iter_mut().filter_map(|it| it.secret.as_mut());
                            users.for_each(|version| *version = (*version + 1).min(PASSWORDS - 1));
                        }
                        None => account.portals.push(portal),
                    }
                }
                14 => {
                    let user = User { name: self.name('u'), secret: None };
                    if let Some(portal) = self.at(&way).portals.last_mut()
                        && portal.users.pop().is_none()
                    {
                        portal.users.push(user);
                    }
                }
                15 => {
                    let here = self.at(&way).clone();
                    let other = self.share(&here);
                    let account = self.at(&way);
                    match account.shares.last_mut() {
                        Some(share) => {
                            share.may_edit = !share.may_edit;
                            share.to = other.to;
                        }
                        None => account.shares.push(other),
                    }
                }
                _ => {
                    let account = self.at(&way);
                    account.protect = !account.protect;
                    account.limit = None;
                }
            }
        }
        self.tidy_renames(&before);
        false
    }

    /// Gives the stack another name; sometimes it forgets those that no mark has any more.
    fn rename_stack(&mut self) {
        if self.chance(50) {
            self.formerly.clear();
        }
        let name = self.name('n');
        self.formerly.push(std::mem::replace(&mut self.stack, name));
    }

    /// Has another stack take over all that there is.
    fn move_to_another_stack(&mut self) {
        self.formerly.clear();
        let name = self.name('n');
        self.from_stack = Some(std::mem::replace(&mut self.stack, name));
    }

    /// The manifests of all of it, each a document.
    pub(super) fn manifests(&self) -> Vec<Value> {
        let mut all = self.root.manifests();
        for document in &mut all {
            let metadata = &mut document["metadata"];
            if let Some(from) = &self.from_stack {
                metadata["from_stack"] = json!(from);
            }
        }
        all.push(json!({"apiVersion": "flespi-gitops/v1", "kind": "Stack",
            "metadata": {"name": self.stack}, "spec": {"formerly": self.formerly}}));
        all
    }

    /// Takes out what no manifest may say: that something was renamed from where it is, or that two were the same object.
    fn tidy_renames(&mut self, before: &Account) {
        let mut at: BTreeMap<u32, String> = BTreeMap::new();
        let mut origins: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        walk(&self.root, "", &mut |path, account| {
            at.insert(account.id, format!("subaccount/{path}"));
            if let Some(from) = &account.moved_from {
                origins.entry(from.clone()).or_default().push(account.id);
            }
        });
        for_each(&mut self.root, &mut |account| {
            let Some(from) = &account.moved_from else { return };
            if origins[from].len() > 1 {
                let was = before.find(account.id);
                let is_stale = was.is_some_and(|was| was.moved_from == account.moved_from);
                let was = before.path_of(account.id).filter(|_| !is_stale);
                account.moved_from = was.map(|was| format!("subaccount/{was}"));
            }
            account.moved_from.take_if(|from| at.get(&account.id) == Some(from));
        });
    }

    /// Renames an account that was there before and is not renamed yet.
    fn rename_account(&mut self, way: &[usize], before: &Account) {
        let Some((&last, above)) = way.split_last() else { return };
        let Account { id, .. } = *self.at(way);
        let Some(was) = before.path_of(id) else { return };
        let (_, old) = was.rsplit_once('/').unwrap_or(("", &was));
        let old = old.to_owned();
        let name = self.name('s');
        let is_by_new_path = self.chance(30);
        let path = self.path_at(above);
        let account = &mut self.at(above).children[last];
        let from = if is_by_new_path { join(&path, &old) } else { was };
        account.moved_from = Some(format!("subaccount/{from}"));
        account.name = name;
    }

    /// Gives two accounts side by side each other's name.
    fn swap_accounts(&mut self, way: &[usize], before: &Account) {
        let [one, two, ..] = &mut self.at(way).children[..] else { return };
        let (Some(first), Some(second)) = (before.path_of(one.id), before.path_of(two.id)) else {
            return;
        };
        let (first, second) = (format!("subaccount/{first}"), format!("subaccount/{second}"));
        // A manifest that said the same before is no other manifest, so nobody could tell that this is meant again; such
        // a plan is refused.
        let said = |account: &Account, from: &String| {
            before.find(account.id).is_some_and(|was| was.moved_from.as_ref() == Some(from))
        };
        if said(two, &first) || said(one, &second) {
            return;
        }
        std::mem::swap(&mut one.name, &mut two.name);
        one.moved_from = Some(first);
        two.moved_from = Some(second);
    }

    /// Renames a limit or a token that was there before.
    fn rename_something(&mut self, way: &[usize], before: &Account) {
        let (limit, token) = (self.name('l'), self.name('t'));
        let was = before.homes();
        let is_silent = self.is_silent;
        let account = self.at(way);
        if let Some((named, _)) = account.limits.last_mut()
            && let Some(home) = was.get(&named.name)
        {
            let old = named.name.clone();
            *named = Named {
                name: limit.clone(),
                moved_from: Some(format!("limit/{}", join(home, &old))),
            };
            for child in &mut account.children {
                if child.limit.as_ref() == Some(&old) {
                    child.limit = Some(limit.clone());
                }
            }
        } else if let Some(Token { named, delivers, .. }) = account.tokens.last_mut()
            && !(is_silent && *delivers)
            && let Some(home) = was.get(&named.name)
        {
            let from = format!("token/{}", join(home, &named.name));
            *named = Named { name: token, moved_from: Some(from) };
        }
    }

    fn path_at(&mut self, way: &[usize]) -> String {
        let mut path = String::new();
        for end in 1..=way.len() {
            path = join(&path, &self.at(&way[..end]).name.clone());
        }
        path
    }
}

impl Account {
    /// Whether it or something in it is protected.
    fn is_protected(&self) -> bool {
        self.protect || self.children.iter().any(Self::is_protected)
    }

    fn find(&self, id: u32) -> Option<&Self> {
        if self.id == id {
            Some(self)
        } else {
            self.children.iter().find_map(|child| child.find(id))
        }
    }

    /// Where the account with this id is.
    fn path_of(&self, id: u32) -> Option<String> {
        let mut found = None;
        walk(self, "", &mut |path, account| {
            if account.id == id {
                found = Some(path.to_owned());
            }
        });
        found
    }

    /// In which account every limit and token is.
    fn homes(&self) -> BTreeMap<String, String> {
        let mut homes = BTreeMap::new();
        walk(self, "", &mut |path, account| {
            for (limit, _) in &account.limits {
                homes.insert(limit.name.clone(), path.to_owned());
            }
            for token in &account.tokens {
                homes.insert(token.named.name.clone(), path.to_owned());
            }
        });
        homes
    }

    /// The manifests of all of it but the Stack, each a document.
    fn manifests(&self) -> Vec<Value> {
        let mut all = Vec::new();
        let mut at = BTreeMap::new();
        walk(self, "", &mut |path, account| drop(at.insert(account.id, path.to_owned())));
        at.retain(|_, path| !path.is_empty());
        walk(self, "", &mut |path, account| {
            all.extend(account.portals.iter().flat_map(|portal| portal.manifests(path, &at)));
            all.extend(account.shares.iter().map(|share| share.manifest(path, &at)));
            if let Some((owner, name)) = path.rsplit_once('/').or(Some(("", path)))
                && !name.is_empty()
            {
                let mut spec = json!({"metadata": {"tag": account.tag.to_string()}});
                if let Some(limit) = &account.limit {
                    spec["limit"] = json!(limit);
                }
                if let Some(version) = account.login {
                    spec["credentials"] = json!({"email": format!("{name}@x.example"),
                        "password": {"file": format!("../passwords/{version}")}});
                }
                if account.protect {
                    spec["lifecycle"] = json!({"protect": true});
                }
                all.push(document("Subaccount", owner, name, account.moved_from.as_ref(), spec));
            }
            for (named, devices) in &account.limits {
                let spec = json!({"devices_count": devices, "tokens_count": -1,
                    "subaccounts_count": -1, "limits_count": -1});
                let from = named.moved_from.as_ref();
                all.push(document("Limit", path, &named.name, from, spec));
            }
            for token in &account.tokens {
                let Token { named, tag, delivers, rotates, entries, lapses } = token;
                let mut spec = json!({"access": access(*entries),
                    "ttl": if *lapses { "5d" } else { "365d" },
                    "metadata": {"tag": tag.to_string()}});
                if *delivers {
                    let file = format!("out/{}", named.name);
                    spec["deliver"] = json!([{"file": file}]);
                }
                if *rotates {
                    spec["rotation"] = json!({"every": "30d", "overlap": "48h"});
                }
                let from = named.moved_from.as_ref();
                all.push(document("Token", path, &named.name, from, spec));
            }
            for Hook { named, tag, secret } in &account.hooks {
                let mut headers = vec![json!({"name": "Accept", "value": "text/plain"})];
                if let Some(version) = secret {
                    headers.push(json!({"name": "Authorization",
                        "value": {"file": format!("../passwords/{version}")}}));
                }
                let spec = json!({
                    "triggers": [{"topic": "flespi/log/gw/devices/+/connected"}],
                    "configuration": {"type": "custom-server", "method": "POST", "headers": headers,
                        "uri": format!("https://hooks.example/{tag}")},
                });
                let from = named.moved_from.as_ref();
                all.push(document("Webhook", path, &named.name, from, spec));
            }
        });
        all
    }

    /// How many things there are in it, itself left out.
    pub(super) fn size(&self) -> usize {
        let own = self.limits.len() + self.tokens.len() + self.hooks.len();
        let own = own + self.portals.len() + self.shares.len();
        own + self.children.iter().map(|child| 1 + child.size()).sum::<usize>()
    }

    /// Takes the thing of this number out, and what is in it.
    pub(super) fn take(&mut self, number: usize) {
        self.take_from(&mut { number });
    }

    fn take_from(&mut self, left: &mut usize) -> bool {
        let parts = [
            self.limits.len(),
            self.tokens.len(),
            self.hooks.len(),
            self.portals.len(),
            self.shares.len(),
        ];
        for (part, length) in parts.into_iter().enumerate() {
            if *left < length {
                match part {
                    0 => {
                        let (gone, _) = self.limits.remove(*left);
                        for child in &mut self.children {
                            child.limit.take_if(|limit| *limit == gone.name);
                        }
                    }
                    1 => drop(self.tokens.remove(*left)),
                    2 => drop(self.hooks.remove(*left)),
                    3 => drop(self.portals.remove(*left)),
                    _ => drop(self.shares.remove(*left)),
                }
                return true;
            }
            *left -= length;
        }
        for at in 0..self.children.len() {
            if *left == 0 {
                self.children.remove(at);
                return true;
            }
            *left -= 1;
            if self.children[at].take_from(left) {
                return true;
            }
        }
        false
    }
}

/// What a token with so many entries opens.
fn access(entries: usize) -> Value {
    if entries == 0 {
        return json!("standard");
    }
    let uris = ["gw/devices", "gw/channels", "gw/calcs"];
    let entry = |uri: &&str| json!({"uri": uri, "methods": ["GET"], "ids": "all"});
    json!({"acl": uris.iter().take(entries).map(entry).collect::<Vec<_>>()})
}

fn document(
    kind: &str,
    account: &str,
    name: &str,
    moved_from: Option<&String>,
    spec: Value,
) -> Value {
    let mut metadata = json!({"name": name});
    if !account.is_empty() {
        metadata["account"] = json!(account);
    }
    if let Some(from) = moved_from {
        metadata["moved_from"] = json!(from);
    }
    json!({"apiVersion": "flespi-gitops/v1", "kind": kind, "metadata": metadata, "spec": spec})
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

fn walk(account: &Account, path: &str, look: &mut dyn FnMut(&str, &Account)) {
    look(path, account);
    for child in &account.children {
        walk(child, &join(path, &child.name), look);
    }
}

fn for_each(account: &mut Account, change: &mut dyn FnMut(&mut Account)) {
    change(account);
    for child in &mut account.children {
        for_each(child, change);
    }
}

fn forget_renames(account: &mut Account) {
    account.moved_from = None;
    account.limits.iter_mut().for_each(|(named, _)| named.moved_from = None);
    account.tokens.iter_mut().for_each(|token| token.named.moved_from = None);
    account.hooks.iter_mut().for_each(|hook| hook.named.moved_from = None);
    account.children.iter_mut().for_each(forget_renames);
}
