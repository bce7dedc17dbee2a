//! Several tokens of one address: which of them is the one, and which it follows.

use crate::observe::Object;
use crate::resource::Generation;

/// The newest of several objects with one mark, and those before it, oldest first; none if two of
/// them claim to be the same generation, so that nobody knows which one was meant.
pub(crate) fn line<'a>(
    objects: &[&'a Object],
    stack: &str,
) -> Option<(&'a Object, Vec<&'a Object>)> {
    let mut numbered: Vec<(u32, &'a Object)> =
        objects.iter().map(|object| (number(object, stack), *object)).collect();
    numbered.sort_by_key(|(number, _)| *number);
    let is_line = numbered.windows(2).all(|pair| pair[0].0 < pair[1].0);
    let are_tokens = numbered.len() < 2 || objects.iter().all(|it| it.kind.is_key());
    let mut objects: Vec<&'a Object> = numbered.into_iter().map(|(_, object)| object).collect();
    let newest = objects.pop().filter(|_| is_line && are_tokens)?;
    Some((newest, objects))
}

/// The number of an object's generation; the first, and what carries no mark, has 1.
pub(super) fn number(object: &Object, stack: &str) -> u32 {
    generation(object, stack).map_or(1, |generation| generation.number)
}

/// What the object's mark says of its generation.
pub(super) fn generation(object: &Object, stack: &str) -> Option<Generation> {
    object.mark_of(stack).and_then(|mark| mark.generation)
}
