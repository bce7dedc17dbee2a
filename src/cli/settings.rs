//! Options that every command has; each variable of the environment is named here.

use super::candidates;
use clap_complete::ArgValueCompleter;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::diagnostic::Deny;
use crate::report::{MARKDOWN_DEFAULT, MARKDOWN_LEAST};

/// Options that every command has.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Common options")]
pub(super) struct Common {
    /// Address of the platform, or `sandbox[:DIR]` for the embedded one, whose state is kept in
    /// .flespi-gitops/sandbox or DIR and which needs no token.
    #[arg(
        long,
        global = true,
        value_name = "URL|sandbox[:DIR]",
        env = "FLESPI_PLATFORM",
        default_value = "https://flespi.io"
    )]
    pub(super) platform: String,

    /// File that holds the master token; without it FLESPI_TOKEN or FLESPI_TOKEN_FILE is used.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,

    /// File with a secret key (32 characters or more) that signs the marks of this program; marks
    /// without a valid signature are then ignored.
    #[arg(long, global = true, value_name = "FILE", env = "FLESPI_GITOPS_MARK_KEY_FILE")]
    pub(super) mark_key_file: Option<PathBuf>,

    /// File with a secret that seals keys which wait to be delivered; without it, one is created
    /// beside them, in the folder `spool` of --state-dir.
    #[arg(long, global = true, value_name = "FILE", env = "FLESPI_GITOPS_SPOOL_KEY_FILE")]
    pub(super) spool_key_file: Option<PathBuf>,

    /// Do not keep keys that could not be delivered; then only the platform can return them again.
    #[arg(long, global = true)]
    pub(super) no_spool: bool,

    /// Accept marks without any signature, and sign them; for the first run with a key.
    #[arg(long, global = true, requires = "mark_key_file")]
    pub(super) trust_unsigned_marks: bool,

    /// File that describes stores of secrets (name, address, credential, allowed paths), which manifests use by their
    /// names. `plan` and `status` contact no other store that a manifest chose.
    #[arg(long, global = true, value_name = "FILE", env = "FLESPI_GITOPS_STORES")]
    pub(super) stores: Option<PathBuf>,

    /// Name of the stack that owns what is created; by default, that of the Stack manifest, or
    /// `default`.
    #[arg(long, global = true, value_name = "NAME", env = "FLESPI_GITOPS_STACK")]
    pub(super) stack: Option<String>,

    /// Folder for locks and history; by default $XDG_STATE_HOME/flespi-gitops, or
    /// ~/.local/state/flespi-gitops. Runs on one machine must share it, as one user; without a home
    /// folder it is required.
    #[arg(long, global = true, value_name = "DIR", env = "FLESPI_GITOPS_STATE_DIR")]
    pub(super) state_dir: Option<PathBuf>,

    /// Where locks are kept: `file`, in --state-dir, for the runs of one machine; for those of several,
    /// `etcd://HOST:PORT[,HOST:PORT][/PREFIX]` (`etcds://` for TLS), `postgres://HOST:PORT/DATABASE` or
    /// `kubernetes:NAMESPACE/NAME`.
    #[arg(
        long,
        global = true,
        value_name = "file|URL",
        env = "FLESPI_GITOPS_LEASE",
        default_value = "file"
    )]
    pub(super) lease: String,

    /// File with `USER:PASSWORD` for the store of --lease.
    #[arg(long, global = true, value_name = "FILE", env = "FLESPI_GITOPS_LEASE_CREDENTIALS")]
    pub(super) lease_credentials: Option<PathBuf>,

    /// Profile of the platform that `probe` wrote, in place of the one that the Stack names; the embedded sandbox
    /// behaves like it.
    #[arg(long, global = true, value_name = "FILE", env = "FLESPI_GITOPS_PROFILE")]
    pub(super) profile: Option<PathBuf>,

    /// Record every API call and its answer in a new file, without keys and passwords, for `sandbox --replay` or a
    /// bug report. What plans show is in it: names, addresses, metadata.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) record: Option<PathBuf>,

    /// Overlay of the Stack to apply to the manifests, such as the name of an environment.
    #[arg(long, global = true, value_name = "NAME", env = "FLESPI_GITOPS_OVERLAY")]
    pub(super) overlay: Option<String>,

    /// Also read files outside of the given paths that links and tables of the manifests lead to,
    /// and secrets that are delivered there; for trees that are linked on purpose. Findings may
    /// show the content of such a file.
    #[arg(long, global = true, env = "FLESPI_GITOPS_ALLOW_OUTSIDE", value_parser = clap::builder::FalseyValueParser::new())]
    pub(super) allow_outside: bool,

    /// Treat warnings about manifests as errors (exit code 3): all `warnings`, or those with CODE; can be
    /// repeated.
    #[arg(
        long,
        global = true,
        value_name = "warnings|CODE",
        add = ArgValueCompleter::new(candidates::denied)
    )]
    pub(super) deny: Vec<Deny>,

    /// Format of the result on stdout; `short` and `sarif` are for `validate`.
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub(super) format: Format,

    /// Maximum size of `--format markdown`, at least 1000 bytes; services refuse longer comments.
    #[arg(
        long,
        global = true,
        value_name = "BYTES",
        default_value_t = MARKDOWN_DEFAULT,
        value_parser = markdown_limit
    )]
    pub(super) markdown_limit: usize,

    /// When to use colors; `auto` means on a terminal and without NO_COLOR.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub(super) color: ColorWhen,

    /// Log more: -v what is done, -vv every call, -vvv everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,

    /// Log only what is wrong.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,

    /// Format of the log on stderr; FLESPI_GITOPS_LOG sets what is logged.
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub(super) log_format: LogFormat,
}

/// Form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For machines; the schemas are in schemas/.
    Json,
    /// For a comment on a pull request.
    Markdown,
    /// Findings of `validate`, one line each.
    Short,
    /// Findings of `validate` as SARIF 2.1.0, which code hosts show at the lines they are about.
    Sarif,
}

/// Less than this has no room for a headline.
fn markdown_limit(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(limit) if limit >= MARKDOWN_LEAST => Ok(limit),
        _ => Err(format!("write a number of bytes, {MARKDOWN_LEAST} or more")),
    }
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorWhen {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Lines.
    Text,
    /// One JSON object a line.
    Json,
}

/// The variable that sets what is logged, in the grammar of tracing's filters.
pub(super) const LOG_VARIABLE: &str = "FLESPI_GITOPS_LOG";

/// The variable that holds the token itself.
pub(super) const TOKEN_VARIABLE: &str = "FLESPI_TOKEN";

/// The variable in which the program tells itself where the token is: the number of a file descriptor.
#[cfg(unix)]
pub(super) const PIPE_VARIABLE: &str = crate::secret::PIPE_VARIABLE;

/// Variables that count as unset when they are empty, ours and those of the libraries that we use.
#[cfg(unix)]
pub(super) const UNSET_IF_EMPTY: &[&str] = &[
    "FLESPI_BROKER",
    "FLESPI_GITOPS_ALLOW_OUTSIDE",
    "FLESPI_GITOPS_CALLS_PER_MINUTE",
    "FLESPI_GITOPS_GIT_TOKEN_FILE",
    "FLESPI_GITOPS_LEASE",
    "FLESPI_GITOPS_LEASE_CREDENTIALS",
    "FLESPI_GITOPS_LISTEN",
    LOG_VARIABLE,
    "FLESPI_GITOPS_MARK_KEY_FILE",
    "FLESPI_GITOPS_OVERLAY",
    "FLESPI_GITOPS_PROFILE",
    "FLESPI_GITOPS_SPOOL_KEY_FILE",
    "FLESPI_GITOPS_STACK",
    "FLESPI_GITOPS_STATE_DIR",
    "FLESPI_GITOPS_STORES",
    "FLESPI_PLATFORM",
    TOKEN_VARIABLE,
    TOKEN_FILE_VARIABLE,
    "HOME",
    "NO_COLOR",
    NOTIFY_VARIABLE,
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "XDG_STATE_HOME",
];

/// The variable that names the file with the token.
pub(super) const TOKEN_FILE_VARIABLE: &str = "FLESPI_TOKEN_FILE";

/// The variable in which a service manager names its socket.
pub(super) const NOTIFY_VARIABLE: &str = "NOTIFY_SOCKET";

/// The variable with the longest time between two signs of life, in microseconds.
pub(super) const WATCHDOG_VARIABLE: &str = "WATCHDOG_USEC";

/// The variable that says of which process signs of life are wanted.
pub(super) const WATCHDOG_PID_VARIABLE: &str = "WATCHDOG_PID";

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory;

    use crate::cli::Cli;

    #[test]
    fn no_command_has_an_option_of_its_own_that_is_called_like_a_common_one() {
        let cli = Cli::command();
        let common: Vec<&str> = cli
            .get_arguments()
            .filter(|arg| arg.is_global_set())
            .map(|arg| arg.get_id().as_str())
            .collect();
        assert!(common.contains(&"platform"), "{common:?}");
        for command in cli.get_subcommands() {
            for arg in command.get_arguments().filter(|arg| !arg.is_global_set()) {
                let id = arg.get_id().as_str();
                assert!(!common.contains(&id), "{} --{id}", command.get_name());
            }
        }
        // Reading takes every option by its type, which fails where two of one name differ.
        let words = ["flespi-gitops", "sandbox", "--calls-per-minute", "60"].map(OsString::from);
        assert!(Cli::read(&words).is_ok());
    }
}
