//! What happens in a life beside commits.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::land::{Land, Trouble};
use super::laws;
use super::wire::Kill;

/// Something that happens.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    /// Time goes by, in seconds.
    Clock(u64),
    /// Somebody changes something in the panel, or in the folder with the keys.
    Meddle { pick: usize, how: Meddling },
    /// A run to which something happens.
    Trouble(Trouble),
    /// Two runs at a time, each with its own paces.
    TwoAtOnce(u64),
}

/// What somebody does to something of ours.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meddling {
    /// Edits a field.
    Edit,
    /// Deletes a token.
    DeleteToken,
    /// Deletes a webhook.
    DeleteHook,
    /// Disables a token.
    Disable,
    /// Takes a delivered key away.
    TakeKey,
}

/// Effects of faults that keep a call from its answer, or change what that says.
pub(super) fn effects() -> [Value; 13] {
    [
        json!("cut_before"),
        json!("cut_after"),
        json!({"truncate": {"keep": 20}}),
        json!({"answer": {"status": 502}}),
        json!({"answer": {"status": 403, "reason": "no"}}),
        json!({"answer": {"status": 429, "retry_after": 3}}),
        json!({"delay": {"milliseconds": 45_000}}),
        json!({"slow_body": {"milliseconds": 500}}),
        json!({"refuse": {"milliseconds": 4_000}}),
        json!("wrong_json"),
        json!("wrong_shape"),
        json!("lost_rows"),
        json!({"wrong_count": {"by": -1}}),
    ]
}

fn effect(random: &mut StdRng) -> Value {
    effects().choose(random).unwrap().clone()
}

impl Deed {
    /// What happens is the same for the same seed.
    pub(super) fn of(seed: u64) -> Self {
        let random = &mut StdRng::seed_from_u64(seed);
        match random.random_range(0..100) {
            // No sum of these is near a day on which something is due.
            0..12 => Self::Clock([1, 3, 9, 31][random.random_range(0..4)] * 86_400 + 3_600),
            12..35 => {
                let all = [
                    Meddling::Edit,
                    Meddling::DeleteToken,
                    Meddling::DeleteHook,
                    Meddling::Disable,
                    Meddling::TakeKey,
                ];
                Self::Meddle {
                    pick: random.random_range(0..100),
                    how: *all.choose(random).unwrap(),
                }
            }
            35..43 => Self::TwoAtOnce(random.random()),
            43..70 => {
                let kill = Kill { at: random.random_range(0..30), is_after: random.random() };
                Self::Trouble(Trouble { kill: Some(kill), ..Trouble::default() })
            }
            70..85 => {
                let rule = json!({"skip": random.random_range(0..25), "effect": effect(random),
                    "count": random.random_range(1..4)});
                Self::Trouble(Trouble { faults: vec![rule], ..Trouble::default() })
            }
            _ => {
                let rule =
                    |random: &mut StdRng| json!({"probability": 0.15, "effect": effect(random)});
                let faults = (0..random.random_range(1..3)).map(|_| rule(random)).collect();
                let pace = Some(random.random());
                Self::Trouble(Trouble { faults, pace, ..Trouble::default() })
            }
        }
    }

    /// Whether it happens in the world without trouble, too.
    pub(super) fn is_for_all(&self) -> bool {
        matches!(self, Self::Clock(_) | Self::Meddle { .. })
    }

    /// Whether a delivered key may be taken away or overwritten.
    pub(super) fn may_lose_a_key(&self) -> bool {
        matches!(self, Self::Meddle { how: Meddling::TakeKey, .. } | Self::TwoAtOnce(_))
    }

    /// Whether lists may leave something out without a word.
    pub(super) fn may_lose_rows(&self) -> bool {
        let is_loss = |fault: &Value| fault["effect"] == "lost_rows";
        matches!(self, Self::Trouble(trouble) if trouble.faults.iter().any(is_loss))
    }

    pub(super) async fn happen(&self, land: &Land) {
        match self {
            Self::Clock(seconds) => land.advance(*seconds).await,
            Self::Meddle { pick, how } => how.happen(land, *pick).await,
            Self::Trouble(trouble) if trouble.faults.is_empty() => drop(land.run(trouble).await),
            Self::Trouble(trouble) => {
                let plain = land.plan("m").await;
                if let Some(ran) = land.run(trouble).await {
                    laws::no_answer_deletes_more(&plain, &ran.plan);
                }
            }
            Self::TwoAtOnce(seed) => {
                let paced = |seed| Trouble { pace: Some(seed), ..Trouble::default() };
                let (one, two) = (paced(*seed), paced(!*seed));
                tokio::join!(
                    land.run_beside(&one, "spool", async {}),
                    land.run_beside(&two, "other", async {})
                );
            }
        }
    }
}

impl Meddling {
    pub(super) async fn happen(self, land: &Land, pick: usize) {
        let collection = match self {
            Self::Edit => ["limits", "subaccounts", "tokens", "webhooks"][pick % 4],
            Self::DeleteToken | Self::Disable => "tokens",
            Self::DeleteHook => "webhooks",
            Self::TakeKey => return take_key(land, pick),
        };
        let mut ours: Vec<(String, Value)> = Vec::new();
        for item in land.list(collection, "id,metadata").await {
            if let Some(address) = item["metadata"]["flespi-gitops/address"].as_str() {
                let generation = &item["metadata"]["flespi-gitops/generation"];
                ours.push((format!("{address} {generation}"), item["id"].clone()));
            }
        }
        ours.sort_by(|one, two| one.0.cmp(&two.0));
        let Some((_, id)) = ours.get(pick % ours.len().max(1)) else { return };
        let path = format!("/platform/{collection}/{id}");
        match self {
            Self::DeleteToken | Self::DeleteHook => {
                land.ask("DELETE", &path, None).await;
            }
            Self::Disable => {
                land.ask("PUT", &path, Some(&json!({"enabled": false}))).await;
            }
            Self::Edit | Self::TakeKey => {
                let body = match collection {
                    "limits" => json!({"devices_count": 77}),
                    "tokens" => json!({"info": "somebody else"}),
                    "webhooks" => json!({"name": "somebody else"}),
                    _ => json!({"name": "somebody else"}),
                };
                land.ask("PUT", &path, Some(&body)).await;
            }
        }
    }
}

/// Removes one of the delivered keys.
fn take_key(land: &Land, pick: usize) {
    let Ok(entries) = std::fs::read_dir(land.folder.path().join("m/out")) else { return };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    if let Some(file) = files.get(pick % files.len().max(1)) {
        std::fs::remove_file(file).unwrap();
    }
}
