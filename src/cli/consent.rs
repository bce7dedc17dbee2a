//! The question before something is written.

use std::io::{BufRead, IsTerminal, Read};

use tokio::sync::oneshot;

use super::output::Output;
use crate::shutdown;

/// No more of an answer is read, in bytes.
const MOST_ANSWER_BYTES: u64 = 1024;

/// Asks for consent to the plan that is shown.
pub(super) async fn consent(output: &Output) -> Result<(), &'static str> {
    if !std::io::stdin().is_terminal() {
        return Err("stdin is not a terminal; review the plan and re-run with `--yes`");
    }
    let is_shown = tokio::select! {
        is_shown = output.shown() => is_shown,
        () = shutdown::begun() => return Err("stopped before the question"),
    };
    if !is_shown {
        return Err("cannot show the plan");
    }
    output.ask("Apply this plan? Type `yes` to apply: ");
    let (sender, answer) = oneshot::channel();
    // It may read for ever, which is no reason for anybody else to wait.
    let _ = std::thread::Builder::new().name("question".to_owned()).spawn(move || {
        let mut line = String::new();
        let mut answer = std::io::stdin().lock().take(MOST_ANSWER_BYTES);
        let _ = sender.send(answer.read_line(&mut line).map(|_| line));
    });
    tokio::select! {
        biased;
        () = shutdown::begun() => Err("stopped before the answer"),
        line = answer => match line {
            Ok(Ok(line)) if line.trim() == "yes" => Ok(()),
            _ => Err("the answer was not `yes`"),
        }
    }
}
