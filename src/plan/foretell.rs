//! What an apply could not do here, as far as a plan can see it: a note and no obstacle, since plans are often made where
//! the secrets are not.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::Draft;
use super::effect::Effect;
use crate::observe::Answers;
use crate::resource::Address;
use crate::secret::{Sink, Source};

/// Notes the sinks that would refuse what the steps of `draft` bring to them.
pub(super) fn sinks(answers: &Answers, draft: &mut Draft) {
    let mut filled: BTreeMap<Address, BTreeSet<Sink>> = BTreeMap::new();
    for step in &draft.steps {
        filled.entry(step.address.clone()).or_default().extend(filled_by(&step.effect));
    }
    for (address, sinks) in filled.into_iter().filter(|(_, sinks)| !sinks.is_empty()) {
        let Some(refusing) = answers.places.get(&address) else {
            draft.questions.places.insert(address, sinks.into_iter().collect());
            continue;
        };
        for (sink, reason) in refusing {
            draft.foretell(&address, sink.to_string(), reason.clone());
        }
    }
}

/// The sinks that get a secret.
fn filled_by(effect: &Effect) -> Vec<Sink> {
    let made = |sources: &BTreeMap<String, Source>| -> Vec<Sink> {
        sources.values().flat_map(|source| source.sinks().to_vec()).collect()
    };
    match effect {
        Effect::Create(create) => [create.deliver.clone(), made(&create.secrets)].concat(),
        Effect::HandOver(token) => token.deliver.clone(),
        Effect::Update(update) => {
            let lacking = update.deliver.as_ref().map_or(&[][..], |it| &it.lacking);
            [lacking.to_vec(), made(&update.secrets)].concat()
        }
        Effect::Credentials(credentials) => {
            credentials.password.iter().flat_map(|source| source.sinks().to_vec()).collect()
        }
        _ => Vec::new(),
    }
}
