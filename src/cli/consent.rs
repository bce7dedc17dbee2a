//! Questions on the terminal, above all the one before something is written.

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
    match ask("Apply this plan? Type `yes` to apply: ", output).await {
        Ok(answer) if answer.trim() == "yes" => Ok(()),
        Ok(_) => Err("the answer was not `yes`"),
        Err(why) => Err(why),
    }
}

/// Asks a question on the terminal, and waits for a line.
pub(super) async fn ask(question: &str, output: &Output) -> Result<String, &'static str> {
    let is_shown = tokio::select! {
        is_shown = output.shown() => is_shown,
        () = shutdown::begun() => return Err("stopped before the question"),
    };
    if !is_shown {
        return Err("cannot show what the question is about");
    }
    output.ask(question);
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
            Ok(Ok(line)) => Ok(line),
            _ => Err("there was no answer"),
        }
    }
}
