//! What waits because somebody paused it, or for a window: told in the status, and noticed when it is over.

use super::{Daemon, Narrator};
use crate::causes::error_chain;
use crate::pause::Pause;
use crate::reconcile::{Gate, Waits, Windows};
use crate::run::RunId;
use crate::watch::status::State;

impl<N: Narrator> Daemon<'_, N> {
    /// Whether anything waits, as far as is known.
    pub(super) fn is_waiting(&self) -> bool {
        !self.board.status.pauses.is_empty() || self.board.status.window.is_some()
    }

    /// Takes in what waits now. Whether something of it no longer does.
    pub(super) async fn note_waits(&mut self) -> bool {
        let Gate { pauses, platform, clock, .. } = &self.platform.gate;
        let place = (*pauses, &**platform);
        let waits = Waits::of(&self.in_force.desired, place, Windows::Respected, clock());
        let waits = match waits.await {
            Ok(waits) => waits,
            // What is not known is not over; the next pass says so, too.
            Err(error) => {
                self.board.raise(State::Degraded, error_chain(&error));
                return false;
            }
        };
        let status = &mut self.board.status;
        let is_new = |id: &RunId| !status.pauses.iter().any(|known| known.id == *id);
        let is_there = |id: &RunId| waits.pauses().iter().any(|pause| pause.id == *id);
        let begun: Vec<&Pause> = waits.pauses().iter().filter(|it| is_new(&it.id)).collect();
        let ended: Vec<&Pause> = status.pauses.iter().filter(|it| !is_there(&it.id)).collect();
        for pause in &begun {
            self.narrator.say(&format!("{} is paused until {}", pause.scope, pause.until));
        }
        for pause in &ended {
            self.narrator.say(&format!("{} is no longer paused", pause.scope));
        }
        let window = waits.closed();
        let is_over = !ended.is_empty() || (status.window.is_some() && window.is_none());
        (status.pauses, status.window) = (waits.pauses().to_vec(), window);
        is_over
    }
}
