//! Shares: the parts of a stack that replicas divide among themselves, and who of them has which.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::resource::Address;

/// How many shares there are beside that of the root account: enough that three members differ by a tenth, few enough to
/// be taken in a second.
const ACCOUNTS: u16 = 128;

/// A part of a stack. What belongs to one top-level account is never in two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(pub(super) u16);

impl Share {
    /// That of what the root account itself holds, other than accounts.
    pub const ROOT: Self = Self(0);

    /// The share of the account with this name below the root, and of everything in it.
    pub fn of_account(name: &str) -> Self {
        Self(1 + (digest(&[name]) % u64::from(ACCOUNTS)) as u16)
    }

    /// The share of an object: that of the top-level account that it is in, or is.
    pub fn of(address: &Address) -> Self {
        let first = address.account.segments().next().map(str::to_owned);
        let is_account = address.kind.is_account();
        match first.or_else(|| is_account.then(|| address.name.to_string())) {
            Some(account) => Self::of_account(&account),
            None => Self::ROOT,
        }
    }

    /// Every share there is.
    pub fn all() -> BTreeSet<Self> {
        (0..=ACCOUNTS).map(Self).collect()
    }

    /// Which of `members` does its work: that with the highest number of all, so that a member that comes or goes moves
    /// only its own shares (rendezvous hashing). None if there is nobody.
    pub fn belongs_to<'a>(self, members: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let share = self.0.to_string();
        members.into_iter().max_by_key(|member| (digest(&[member, &share]), *member))
    }
}

fn digest(words: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word);
        hash.update([0]);
    }
    let bytes = hash.finalize();
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(member: &str, members: &[&str]) -> BTreeSet<Share> {
        let all = Share::all().into_iter();
        all.filter(|share| share.belongs_to(members.iter().copied()) == Some(member)).collect()
    }

    #[test]
    fn every_share_belongs_to_exactly_one_member_and_to_nobody_else_when_another_leaves() {
        let members = ["a1", "b2", "c3"];
        let count: usize = members.iter().map(|member| shares(member, &members).len()).sum();
        assert_eq!(count, Share::all().len());
        for member in members {
            let rest: Vec<&str> = members.into_iter().filter(|other| *other != member).collect();
            for other in &rest {
                let (before, after) = (shares(other, &members), shares(other, &rest));
                assert!(before.is_subset(&after), "{other} keeps what it had");
            }
        }
        assert_eq!(Share::ROOT.belongs_to([]), None);
    }

    #[test]
    fn an_account_and_all_in_it_are_one_share_and_the_rest_of_the_root_another() {
        let share = |address: &str| Share::of(&address.parse().unwrap());
        let emea = share("subaccount/emea");
        assert_eq!(emea, Share::of_account("emea"));
        for inside in ["subaccount/emea/acme", "token/emea/acme/x", "limit/emea/starter"] {
            assert_eq!(share(inside), emea, "{inside}");
        }
        assert_eq!(share("limit/starter"), Share::ROOT);
        assert_eq!(share("token/emea"), Share::ROOT);
    }

    #[test]
    fn three_members_have_about_as_many_of_three_hundred_accounts() {
        let mut worst = 0;
        for round in 0..50 {
            let members: Vec<String> = (0..3).map(|number| format!("{round}-{number}")).collect();
            let members: Vec<&str> = members.iter().map(String::as_str).collect();
            for member in &members {
                let owns = |number: &u32| {
                    let share = Share::of_account(&format!("account-{number}"));
                    share.belongs_to(members.iter().copied()) == Some(*member)
                };
                worst = worst.max((0..300).filter(owns).count());
            }
        }
        assert!((101..150).contains(&worst), "{worst} of 300");
    }
}
