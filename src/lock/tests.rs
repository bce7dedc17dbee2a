//! One choreography for every store: what must hold of leases wherever they are kept.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::memory::{Faults, Memory};
use super::*;
use crate::run::RunId;

/// The key of a stack that no other test uses.
fn key() -> LeaseKey {
    let stack = RunId::new().to_string();
    LeaseKey { platform: "127.0.0.1:8080".to_owned(), account: 7, stack }
}

fn holder() -> Holder {
    Holder::this_process("apply", &RunId::new())
}

fn some(numbers: impl IntoIterator<Item = u16>) -> BTreeSet<Share> {
    numbers.into_iter().map(Share).collect()
}

/// A machine with a way of its own to the store.
fn machine(keep: impl Keep) -> TermLeases {
    TermLeases::of_a_test(Arc::new(keep))
}

async fn take(leases: &TermLeases, key: &LeaseKey, shares: &BTreeSet<Share>) -> Lease {
    leases.try_acquire(key, shares, &holder()).await.unwrap()
}

async fn is_held(leases: &TermLeases, key: &LeaseKey, shares: &BTreeSet<Share>) -> bool {
    match leases.try_acquire(key, shares, &holder()).await {
        Err(LockError::Held(_)) => true,
        Ok(lease) => {
            lease.release().await;
            false
        }
        Err(error) => panic!("{error}"),
    }
}

/// What every store of small values does.
async fn keeps(keep: &dyn Keep) {
    let name = format!("test/{}", RunId::new());
    let Written::At(first) = keep.write(&name, "one", None).await.unwrap() else { panic!() };
    assert_eq!(keep.write(&name, "two", None).await.unwrap(), Written::Changed, "it is there");
    let kept = keep.read(&name).await.unwrap().unwrap();
    assert_eq!((kept.name.as_str(), kept.value.as_str()), (name.as_str(), "one"));
    assert_eq!(kept.version, first);
    let Written::At(second) = keep.write(&name, "zwei \"ü\" \n", Some(&first)).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(keep.write(&name, "three", Some(&first)).await.unwrap(), Written::Changed);
    assert!(!keep.remove(&name, &first).await.unwrap(), "it is another one by now");
    let listed = keep.list("test/").await.unwrap();
    let listed: Vec<&Kept> = listed.iter().filter(|kept| kept.name == name).collect();
    assert_eq!(listed[0].value, "zwei \"ü\" \n");
    assert!(keep.remove(&name, &second).await.unwrap());
    assert_eq!(keep.read(&name).await.unwrap(), None);
    assert_eq!(keep.write(&name, "four", Some(&second)).await.unwrap(), Written::Changed);
    let Written::At(third) = keep.write(&name, "one", None).await.unwrap() else { panic!() };
    assert!(third != first && third != second, "no two values have one version");
    assert!(!keep.remove(&name, &first).await.unwrap());
    assert!(keep.remove(&name, &third).await.unwrap());
}

/// What leases over any store do. `sleep` lets time pass on the clock of the machines.
async fn leases_hold(one: &TermLeases, other: &TermLeases) {
    let key = key();
    // One holder of a share at a time, and another of others beside it.
    let before = one.fences().await;
    let first = take(one, &key, &some([1, 2])).await;
    assert!(is_held(other, &key, &some([2, 3])).await);
    let beside = take(other, &key, &some([3])).await;
    assert!(beside.fence() > first.fence(), "generations rise over the whole stack");
    assert!(first.follows(&before) && first.right().unwrap().begin().await.is_ok());
    // Given back, it is free at once, and whoever comes next sees that somebody was there.
    let meanwhile = other.fences().await;
    first.release().await;
    beside.release().await;
    let after = other.fences().await;
    let second = take(other, &key, &some([1, 2, 3])).await;
    assert!(second.follows(&after) && !second.follows(&meanwhile) && !second.follows(&before));
    let right = second.right().unwrap().clone();
    second.release().await;
    assert!(right.begin().await.is_err(), "what was given back is no right any more");
    let infos = other.list().await.unwrap();
    let info = infos.iter().find(|info| info.key.as_ref() == Some(&key)).unwrap();
    assert_eq!(info.state, LockState::Free);

    // A holder that is cut off at once, as one that is killed is, is followed when it has ended and not before.
    let lost = take(one, &key, &some([1])).await;
    let id = one.list().await.unwrap().into_iter().find(|info| info.key.as_ref() == Some(&key));
    let id = id.unwrap().id.unwrap();
    let fence = lost.fence();
    // Broken, it ends: its holder sees that and gives it back.
    assert!(other.break_lease(&id, "me@here", "a test").await.unwrap().is_some());
    assert!(is_held(other, &key, &some([1])).await, "nobody follows before the holder knows");
    let mut broken = lost.lost();
    broken.wait_for(|lost| *lost).await.unwrap();
    assert!(lost.right().unwrap().begin().await.is_err());
    lost.release().await;
    assert!(!is_held(other, &key, &some([1])).await);
    assert_eq!(other.break_lease(&id, "me@here", "again").await.unwrap(), None);
    let third = take(other, &key, &some([1])).await;
    assert!(third.fence() > fence);
    third.release().await;
}

/// A member of a stack.
async fn join(leases: &TermLeases, key: &LeaseKey) -> Box<dyn Membership> {
    leases.join(key, &holder()).await.unwrap().unwrap()
}

/// What members of any store see of each other.
async fn members_see_each_other(one: &TermLeases, other: &TermLeases) {
    let (key, nobody) = (key(), BTreeSet::new());
    let (first, second) = (join(one, &key).await, join(other, &key).await);
    let both: BTreeSet<String> = [first.id(), second.id()].map(str::to_owned).into();
    assert_eq!(first.changed(&nobody).await, both);
    assert_eq!(second.changed(&nobody).await, both);
    let id = second.id().to_owned();
    second.leave().await;
    let rest = first.changed(&both).await;
    assert!(!rest.contains(&id) && rest.len() == 1);
    first.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_in_memory_keeps_values_and_leases() {
    let memory = Memory::default();
    keeps(&memory).await;
    let (one, other) = (machine(memory.other_way()), machine(memory.other_way()));
    leases_hold(&one, &other).await;
    members_see_each_other(&one, &other).await;
    assert_eq!(memory.names("grants/"), Vec::<String>::new(), "no grant is left");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_is_cut_off_is_over_before_anybody_follows_it() {
    let memory = Memory::default();
    let way = memory.other_way();
    let (one, other, key) = (machine(way.clone()), machine(memory.other_way()), key());
    let lease = take(&one, &key, &some([1])).await;
    let right = lease.right().unwrap().clone();
    for seconds in 0..20 {
        assert!(is_held(&other, &key, &some([1])).await, "{seconds}: it is alive");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    way.faults(Faults { cut: true, ..Faults::default() });
    let began = tokio::time::Instant::now();
    let over = tokio::spawn({
        let right = right.clone();
        async move {
            right.over().await;
            tokio::time::Instant::now()
        }
    });
    let next = loop {
        match other.try_acquire(&key, &some([1]), &holder()).await {
            Ok(next) => break next,
            Err(LockError::Held(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(error) => panic!("{error}"),
        }
    };
    let followed = began.elapsed();
    let over = over.await.unwrap() - began;
    assert!(over + Duration::from_millis(900) < followed, "{over:?} {followed:?}");
    assert!(followed < Duration::from_secs(10), "{followed:?}");
    assert!(next.fence() > lease.fence() && *lease.lost().borrow());
    // What comes back is not taken for the holder.
    way.faults(Faults::default());
    assert!(right.begin().await.is_err());
    lease.release().await;
    assert!(next.right().unwrap().begin().await.is_ok());
    assert!(is_held(&one, &key, &some([1])).await);
    next.release().await;
}

#[tokio::test(start_paused = true)]
async fn signs_of_life_that_arrive_without_an_answer_keep_the_lease_as_long_as_answers_come_back() {
    let memory = Memory::default();
    let way = memory.other_way();
    let (one, other, key) = (machine(way.clone()), machine(memory.other_way()), key());
    let lease = take(&one, &key, &some([1])).await;
    for _ in 0..5 {
        way.faults(Faults { deaf: true, ..Faults::default() });
        tokio::time::sleep(Duration::from_secs(3)).await;
        way.faults(Faults::default());
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(lease.right().unwrap().begin().await.is_ok());
        assert!(is_held(&other, &key, &some([1])).await);
    }
    // Its own signs of life, which it cannot know of, keep others out for longer than it writes.
    way.faults(Faults { deaf: true, ..Faults::default() });
    lease.right().unwrap().over().await;
    assert!(is_held(&other, &key, &some([1])).await);
    lease.release().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_not_taken_for_one_that_says_free() {
    let memory = Memory::default();
    let way = memory.other_way();
    let (leases, key) = (machine(way.clone()), key());
    way.faults(Faults { cut: true, ..Faults::default() });
    let before = leases.fences().await;
    let shares = some([1]);
    let (began, patience) = (tokio::time::Instant::now(), Duration::from_secs(5));
    let error = acquire(&leases, &key, &shares, &holder(), patience, |_| {}).await.unwrap_err();
    assert!(matches!(error, LockError::Away { .. }), "{error}");
    assert!(began.elapsed() >= patience, "it was asked again");
    way.faults(Faults::default());
    let lease = take(&leases, &key, &shares).await;
    assert!(!lease.follows(&before), "what could not be read is not what was there");
    lease.release().await;
}

#[tokio::test(start_paused = true)]
async fn of_many_that_want_the_same_shares_at_once_one_gets_them_and_numbers_rise() {
    let memory = Memory::default();
    let key = key();
    let last = Arc::new(std::sync::Mutex::new((0, 0)));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let (leases, key, last) = (machine(memory.other_way()), key.clone(), Arc::clone(&last));
        tasks.spawn(async move {
            let shares = if number % 2 == 0 { Share::all() } else { some([0, 7, 90]) };
            for _ in 0..5 {
                let patience = Duration::from_secs(600);
                let us = holder();
                let lease = acquire(&leases, &key, &shares, &us, patience, |_| {}).await.unwrap();
                {
                    let mut last = last.lock().unwrap();
                    assert!(lease.fence() > last.0, "{} after {}", lease.fence(), last.0);
                    *last = (lease.fence(), last.1 + 1);
                }
                tokio::time::sleep(Duration::from_millis(700)).await;
                assert_eq!(last.lock().unwrap().0, lease.fence(), "somebody came in between");
                lease.release().await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(last.lock().unwrap().1, 40);
    assert_eq!(memory.names("grants/"), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_member_that_hangs_is_gone_for_the_others_within_ten_seconds() {
    let memory = Memory::default();
    let way = memory.other_way();
    let (one, other, key) = (machine(way.clone()), machine(memory.other_way()), key());
    let (hanging, member) = (join(&one, &key).await, join(&other, &key).await);
    let both = member.changed(&BTreeSet::new()).await;
    assert_eq!(both.len(), 2);
    tokio::time::sleep(Duration::from_secs(30)).await;
    way.faults(Faults { cut: true, ..Faults::default() });
    let began = tokio::time::Instant::now();
    let rest = member.changed(&both).await;
    assert_eq!(rest.len(), 1);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(hanging.changed(&both).await, BTreeSet::new(), "it knows that it is gone");
    assert!(hanging.is_lost());
}

/// The store that a script started and named in `variable`.
fn store(variable: &str) -> Arc<dyn Keep> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let address = std::env::var(variable).expect("tests/leases/run.sh sets it");
    match LeaseAddress::parse(&address).unwrap() {
        LeaseAddress::File => panic!("a file is no such store"),
        LeaseAddress::Etcd { servers, prefix } => {
            let prefix = format!("{prefix}/{}", RunId::new());
            Arc::new(EtcdKeep::new(&servers, &prefix, None).unwrap())
        }
        LeaseAddress::Kubernetes(place) => {
            let server = place.server.clone().unwrap();
            Arc::new(KubernetesKeep::new(place, server).unwrap())
        }
        #[cfg(feature = "postgres")]
        LeaseAddress::Postgres(address) => Arc::new(PostgresKeep::new(&address, None).unwrap()),
        #[cfg(not(feature = "postgres"))]
        LeaseAddress::Postgres(_) => panic!("not built in"),
    }
}

async fn a_store_keeps_values_and_leases(variable: &str) {
    let keep = store(variable);
    keeps(&*keep).await;
    let (one, other) = (TermLeases::new(Arc::clone(&keep)), TermLeases::new(Arc::clone(&keep)));
    leases_hold(&one, &other).await;
    members_see_each_other(&one, &other).await;
    assert_eq!(keep.list("grants/").await.unwrap(), Vec::new(), "no grant is left");
    // Everything that a stack has, and what it takes.
    let (key, began) = (key(), std::time::Instant::now());
    let lease = take(&one, &key, &Share::all()).await;
    lease.release().await;
    let whole = began.elapsed();
    assert!(whole < Duration::from_secs(4), "all shares taken and given back in {whole:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs etcd: tests/leases/run.sh"]
async fn etcd_keeps_values_and_leases() {
    a_store_keeps_values_and_leases("LEASES_ETCD").await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: tests/leases/run.sh"]
async fn postgresql_keeps_values_and_leases() {
    a_store_keeps_values_and_leases("LEASES_POSTGRES").await;
}
