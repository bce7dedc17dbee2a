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
        let sinks = filled_by(&step.effect).iter().cloned();
        filled.entry(step.address.clone()).or_default().extend(sinks);
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
fn filled_by(effect: &Effect) -> &[Sink] {
    match effect {
        Effect::Create(create) => &create.deliver,
        Effect::HandOver(token) => &token.deliver,
        Effect::Update(update) => update.deliver.as_ref().map_or(&[], |it| &it.lacking),
        Effect::Credentials(credentials) => match &credentials.password {
            Some(Source::Generate { deliver, .. }) => deliver,
            _ => &[],
        },
        _ => &[],
    }
}
