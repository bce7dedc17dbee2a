//! The line between the broker's sessions and the world.

use std::sync::mpsc::Sender;

use tokio::sync::{broadcast, oneshot};

use super::desk::{Inquiry, Notice};
use crate::sandbox::clerk::Errand;

/// How sessions reach the world, and what they hear of it.
#[derive(Clone)]
pub(in crate::sandbox) struct Line {
    pub(in crate::sandbox) clerk: Sender<Errand>,
    pub(in crate::sandbox) notices: broadcast::Sender<Notice>,
}

impl Line {
    /// Asks, and waits for what is said; `None` when the world is gone.
    pub(super) async fn ask<T>(
        &self,
        inquiry: impl FnOnce(oneshot::Sender<T>) -> Inquiry,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.clerk.send(Errand::Mqtt(inquiry(reply))).ok()?;
        answer.await.ok()
    }

    /// Says what waits for no answer.
    pub(super) fn say(&self, inquiry: Inquiry) {
        let _ = self.clerk.send(Errand::Mqtt(inquiry));
    }
}
